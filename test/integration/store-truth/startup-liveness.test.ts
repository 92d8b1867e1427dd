import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import {
  createSecureServer,
  createServer as createPlain,
  type Http2Server,
  type SecureServerOptions,
} from 'node:http2'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createEtcdClient, EtcdError } from '@livetree/etcd'
import { etcd as etcdSource, type LivetreeError } from 'livetree'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import {
  type CertificateFiles,
  type Certificates,
  makeCertificates,
} from '../../support/make-certificates.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { isLongRun } from '../../support/run-length.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect, quickWatch } from '../etcd/watch-kit.ts'
import { anything } from './three-views.ts'

withoutOpenHandles()

const key = (name: string) => `/t/all/${name}`

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
  })
  const address = server.address()
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}

/** An endpoint of `https://` that no client of ours accepts. */
interface BadPeer {
  readonly endpoint: string
  /** How many connections it has had. */
  connections(): number
  close(): Promise<void>
}

async function startPeer(server: Http2Server): Promise<BadPeer> {
  const sockets = new Set<Socket>()
  let connections = 0
  server.on('connection', (socket: Socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
  })
  for (const event of ['tlsClientError', 'sessionError']) server.on(event, () => undefined)
  server.on('session', (session) => session.on('error', () => undefined))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `https://127.0.0.1:${port}`,
    connections: () => connections,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

async function secure(files: CertificateFiles, options: SecureServerOptions = {}): Promise<BadPeer> {
  const [cert, key] = [await readFile(files.cert), await readFile(files.key)]
  return startPeer(createSecureServer({ cert, key, ...options }) as Http2Server)
}

const BAD_PEERS: Record<string, (good: Certificates, foreign: Certificates) => Promise<BadPeer>> = {
  'an expired certificate': async (good) => secure(await good.makeServer({ days: -1 })),
  'a self-signed certificate': async (good) => secure(await good.makeSelfSigned()),
  'a certificate for another name': async (good) =>
    secure(await good.makeServer({ names: 'DNS:elsewhere.example' })),
  'a certificate of another authority': (_, foreign) => secure(foreign.server),
  'a client certificate asked for': async (good) =>
    secure(good.server, { requestCert: true, rejectUnauthorized: true, ca: await readFile(good.ca) }),
  'a plain port': () => startPeer(createPlain()),
}

oneEtcd('startup and liveness', (etcd) => {
  test.each([
    ['a page of HTML', 'first'],
    ['a page of HTML', 'last'],
    ['nobody', 'first'],
    ['nobody', 'last'],
  ])(
    'one bad endpoint among good ones, %s, %s: the store is served, not the defaults',
    async (what, where) => {
      const server = await etcd.start()
      await connect(server.endpoint).kv.put(key('a'), 'stored')
      const page = createServer((socket) => {
        socket.on('error', () => undefined).resume()
        socket.end('HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<p>hello</p>')
      })
      const port = await listen(page)
      if (what === 'nobody') page.close()
      const bad = `http://127.0.0.1:${port}`
      const endpoints = where === 'first' ? [bad, server.endpoint] : [server.endpoint, bad]
      for (const onUnavailable of ['fail', 'defaults'] as const) {
        await using config = await anything.load({
          sources: [etcdSource({ endpoints, root: '/t' })],
          startup: { onUnavailable },
        })
        expect([config.current.all, config.status.servedFrom]).toEqual([{ a: 'stored' }, 'sources'])
        await connect(server.endpoint).kv.put(key('a'), 'stored')
      }
    },
  )

  describe('one endpoint among good ones that TLS refuses', () => {
    let certificates: Certificates
    let server: EtcdServer
    const peers = new Map<string, BadPeer>()

    beforeAll(async () => {
      certificates = await makeCertificates()
      server = await etcd.start({ tls: { certificates } })
      await using foreign = await makeCertificates()
      for (const [kind, start] of Object.entries(BAD_PEERS)) {
        peers.set(kind, await start(certificates, foreign))
      }
    })

    afterAll(async () => {
      for (const peer of peers.values()) await peer.close()
      await server.close()
      await certificates.close()
    })

    test.each(Object.keys(BAD_PEERS).flatMap((kind) => [[kind, 'first'] as const, [kind, 'last'] as const]))(
      '%s, %s: the store is served, not the defaults',
      async (kind, where) => {
        const bad = peers.get(kind)
        if (bad === undefined) throw new Error(`no peer of ${kind}`)
        const tls = { ca: await readFile(certificates.ca, 'utf8') }
        const client = connect(server.endpoint, { tls })
        await client.kv.put(key('a'), 'stored')
        const alone = createEtcdClient({ endpoints: bad.endpoint, tls, timeouts: { callMs: 2_000 } })
        const failed = await alone.kv.get('k').catch((error: unknown) => error)
        expect(failed).toMatchObject({ code: 'tls_failed' })
        await alone.close()
        const good = server.endpoint
        const endpoints = where === 'first' ? [bad.endpoint, good] : [good, bad.endpoint]
        for (const onUnavailable of ['fail', 'defaults'] as const) {
          const before = bad.connections()
          await using config = await anything.load({
            sources: [etcdSource({ endpoints, root: '/t', tls })],
            startup: { onUnavailable },
          })
          expect([config.current.all, config.status.servedFrom]).toEqual([{ a: 'stored' }, 'sources'])
          // A source that never tries the bad one shows nothing.
          if (where === 'first') expect(bad.connections()).toBeGreaterThan(before)
          await client.kv.put(key('a'), 'changed')
          await waitFor(() => config.current.all.a === 'changed')
          await client.kv.put(key('a'), 'stored')
        }
      },
    )
  })

  test('T1.47 auth on, and the server restarts: never stale, whatever becomes of the tokens', async () => {
    const server = await etcd.start({ auth: { password: 'secret-root' } })
    const auth = { username: 'root', password: 'secret-root' }
    await connect(server.endpoint, { auth }).kv.put(key('a'), '1')
    const source = etcdSource({ endpoints: [server.endpoint], root: '/t', auth, watch: quickWatch })
    await using config = await anything.load({ sources: [source] })
    const stale: string[] = []
    config.on('stale', ({ reason }) => stale.push(reason))
    for (let round = 2; round < (isLongRun ? 4 : 3); round += 1) {
      await server.kill()
      await server.restart()
      const direct = connect(server.endpoint, { auth })
      await waitFor(() => direct.kv.put(key('a'), `${round}`), { timeoutMs: 20_000 })
      await waitFor(() => config.current.all.a === `${round}`, { timeoutMs: 20_000 })
    }
    expect(stale).toEqual([])
  })

  test('P7 connections that live for two seconds: proof comes in each of them, at once', async () => {
    const server = await etcd.start()
    await connect(server.endpoint).kv.put(key('a'), '1')
    const proxy = await startProxy({ target: server.endpoint })
    onTestFinished(() => proxy.close())
    // the client's own cadence, which is longer than a connection lives
    const source = etcdSource({ endpoints: [proxy.endpoint], root: '/t' })
    await using config = await anything.load({ sources: [source], staleAfterMs: 60_000 })
    for (let round = 0; round < 3; round += 1) {
      const cutAt = Date.now()
      proxy.cutAll()
      await waitFor(() => (config.status.provenAt ?? 0) > cutAt, { timeoutMs: 4_900, what: 'a proof' })
    }
  })

  test('P7 a staleAfterMs that is shorter than the cadence of the client: asked more often', async () => {
    const server = await etcd.start()
    await connect(server.endpoint).kv.put(key('a'), '1')
    const source = etcdSource({ endpoints: [server.endpoint], root: '/t' })
    // an old server proves a quiet second at the soonest
    await using config = await anything.load({ sources: [source], staleAfterMs: 4_000 })
    const stale: string[] = []
    config.on('stale', ({ reason }) => stale.push(reason))
    const until = Date.now() + 6_000
    await waitFor(() => Date.now() > until && (config.status.provenAt ?? 0) > until - 4_000)
    expect(stale).toEqual([])
  })

  test('P7 killed outright: health and status show it at once, stale waits for its grace', async () => {
    const server = await etcd.start()
    await connect(server.endpoint).kv.put(key('a'), '1')
    const source = etcdSource({ endpoints: [server.endpoint], root: '/t' })
    await using config = await anything.load({ sources: [source] })
    expect(config.health.reason).toBeUndefined()
    await server.kill()
    await waitFor(() => config.health.reason !== undefined, { timeoutMs: 5_000 })
    expect(config.health.reason).toMatch(/etcd is lost/)
    expect(config.status.sources[0]).toMatchObject({ state: 'lost' })
    await waitFor(() => config.status.staleForMs > 0)
    expect(config.status.state).toBe('live')
    await server.restart()
    await waitFor(() => config.health.reason === undefined && config.status.staleForMs === 0, {
      timeoutMs: 20_000,
    })
  })

  test('a role that may not read all that is followed: load() rejects, with the range and the command', async () => {
    const server = await etcd.start({ auth: { password: 'secret-root' } })
    const root = connect(server.endpoint, { auth: { username: 'root', password: 'secret-root' } })
    await root.kv.put(key('a'), '1')
    await root.authAdmin.roles.add('reader')
    await root.authAdmin.users.add('app', { password: 'secret-app' })
    await root.authAdmin.users.grantRole('app', 'reader')
    await root.authAdmin.roles.grant('reader', { access: 'read', range: { prefix: '/t/all/' } })
    const auth = { username: 'app', password: 'secret-app' }
    const load = () =>
      anything.load({
        sources: [etcdSource({ endpoints: [server.endpoint], root: '/t', overlays: ['all'], auth })],
      })
    const error = (await load().catch((thrown: unknown) => thrown)) as LivetreeError
    expect(error.code).toBe('source_unavailable')
    expect(error.message).toContain("etcdctl role grant-permission <role> --prefix=true read '/t/'")
    expect(error.cause).toBeInstanceOf(EtcdError)
    await root.authAdmin.roles.grant('reader', { access: 'read', range: { prefix: '/t/' } })
    const config = await load()
    await config.close()
  })

  test('refresh() wakes a source that rests for long', async () => {
    const server = await etcd.start({ auth: { password: 'secret-root' } })
    const root = connect(server.endpoint, { auth: { username: 'root', password: 'secret-root' } })
    await root.kv.put(key('a'), '1')
    await root.authAdmin.roles.add('reader')
    await root.authAdmin.users.add('app', { password: 'secret-app' })
    await root.authAdmin.users.grantRole('app', 'reader')
    await root.authAdmin.roles.grant('reader', { access: 'read', range: { prefix: '/t/' } })
    const proxy = await startProxy({ target: server.endpoint })
    onTestFinished(() => proxy.close())
    const auth = { username: 'app', password: 'secret-app' }
    await using config = await anything.load({
      sources: [etcdSource({ endpoints: [proxy.endpoint], root: '/t', auth, watch: quickWatch })],
    })
    await root.authAdmin.roles.revoke('reader', { prefix: '/t/' })
    proxy.cutAll()
    await waitFor(() => config.status.state === 'stale', { timeoutMs: 20_000 })
    await root.authAdmin.roles.grant('reader', { access: 'read', range: { prefix: '/t/' } })
    await root.kv.put(key('a'), '2')
    // by itself it would try in half a minute
    await config.refresh({ timeoutMs: 9_000 })
    expect(config.current.all.a).toBe('2')
  })
})
