import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createHttps } from 'node:https'
import { type AddressInfo, connect, createServer as createTcp, type Socket } from 'node:net'
import {
  createEtcdClient,
  type EtcdClient,
  type EtcdClientOptions,
  type EtcdError,
  type TlsOptions,
} from '@livetree/etcd'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { failure } from '../../support/failure.ts'
import { type Certificates, makeCertificates } from '../../support/make-certificates.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { watchFromNow } from '../../support/watch-from-now.ts'

/** Carries connections to a port. `forget` throws away all that comes over those it has, and closes none. */
async function startRelay(target: number) {
  const pairs: (readonly [Socket, Socket])[] = []
  const server = createTcp((near) => {
    const far = connect(target, '127.0.0.1')
    pairs.push([near, far])
    for (const socket of [near, far]) socket.on('error', () => undefined)
    near.pipe(far).pipe(near)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const forget = (): void => {
    for (const [near, far] of pairs) for (const socket of [near, far]) socket.unpipe().resume()
  }
  const close = async (): Promise<void> => {
    for (const socket of pairs.flat()) socket.destroy()
    server.close()
    await once(server, 'close')
  }
  return { port: (server.address() as AddressInfo).port, forget, close }
}

oneEtcd('TLS', (etcd) => {
  withoutOpenHandles()
  let certificates: Certificates
  let strict: EtcdServer
  let open: EtcdServer
  let plain: EtcdServer
  const closing: (() => Promise<void>)[] = []

  beforeAll(async () => {
    certificates = await makeCertificates()
    strict = await etcd.start({ tls: { certificates, requireClient: true } })
    open = await etcd.start({ tls: { certificates } })
    plain = await etcd.start()
  })

  afterAll(async () => {
    await Promise.all([strict.close(), open.close(), plain.close()])
    await certificates.close()
  })

  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  const clientOf = (options: EtcdClientOptions): EtcdClient => {
    const client = createEtcdClient({ timeouts: { callMs: 5_000 }, ...options })
    closing.push(() => client.close())
    return client
  }

  const pem = (path: string): string => readFileSync(path, 'utf8')
  const trust = (): TlsOptions => ({ ca: pem(certificates.ca) })
  const identity = (): TlsOptions => ({
    ...trust(),
    cert: pem(certificates.client.cert),
    key: pem(certificates.client.key),
  })

  describe('works', () => {
    test('with a client certificate: unary calls, and a watch beside them', async () => {
      const client = clientOf({ endpoints: strict.endpoint, tls: identity() })
      await client.kv.put('/a', '1')
      const { header } = await client.kv.put('/a', '2')
      const change = await client.kv.nextChange({
        key: '/a',
        afterRevision: header.revision - 1,
        timeoutMs: 10_000,
      })
      expect(change.events[0]?.kv.value.toString()).toBe('2')
      expect((await client.kv.get('/a'))?.text).toBe('2')
    })

    test('without one where none is asked for, and with large answers', async () => {
      const client = clientOf({ endpoints: open.endpoint, tls: trust() })
      for (let index = 0; index < 10; index += 1)
        await client.kv.put(`/big/${index}`, Buffer.alloc(300_000, index))
      expect((await client.kv.getRange({ prefix: '/big/' })).entries).toHaveLength(10)
    })

    test('with a server name of its own', async () => {
      const client = clientOf({ endpoints: open.endpoint, tls: { ...trust(), servername: 'localhost' } })
      await client.kv.put('/a', '1')
    })

    test('after a reset that a write meets first, which Node tells nobody', async () => {
      await using proxy = await startProxy({ target: strict.endpoint })
      const client = clientOf({ endpoints: proxy.endpoint, tls: identity(), timeouts: { callMs: 9_000 } })
      await client.kv.put('/a', '1')
      // in the turn of the answer before: the next requests are written before the socket is read again
      const pending = client.kv.nextChange({ prefix: '/nothing/', timeoutMs: 9_000 })
      proxy.cutAll()
      await client.kv.get('/a')
      expect(proxy.accepted).toBe(2)
      await Promise.all([client.close(), expect(pending).rejects.toMatchObject({ code: 'closed' })])
    })

    test('over a new connection once the old one is dead, though nobody has closed it', async () => {
      const relay = await startRelay(strict.port)
      closing.push(relay.close)
      const watch = { progressIntervalMs: 200, progressGraceMs: 1_000, openTimeoutMs: 5_000 }
      const client = clientOf({ endpoints: `https://127.0.0.1:${relay.port}`, tls: identity(), watch })
      await client.kv.put('/half', '1')
      const told: string[] = []
      client.watch.subscribe(
        { key: '/half' },
        {
          onEvents: ({ events }) => told.push(...events.map(({ text }) => text)),
          onCreated: () => told.push('created'),
          onResumed: () => told.push('resumed'),
        },
      )
      await waitFor(() => told.includes('created'))
      relay.forget()
      await waitFor(() => told.includes('resumed'), { timeoutMs: 20_000 })
      await client.kv.put('/half', '2')
      await waitFor(() => told.includes('2'), { timeoutMs: 20_000 })
      expect(told).toEqual(['created', 'resumed', '2'])
    })

    test('with verification switched off by name', async () => {
      const client = clientOf({ endpoints: open.endpoint, tls: { insecureSkipVerify: true } })
      await client.kv.put('/a', '1')
    })
  })

  describe('certificates that a function gives', () => {
    test('are those of the moment of each connection', async () => {
      const { cert, key } = await certificates.makeClient('someone-else')
      const { wrongClient } = certificates
      let current = { ...trust(), cert: pem(wrongClient.cert), key: pem(wrongClient.key) }
      const client = clientOf({ endpoints: strict.endpoint, tls: () => current, timeouts: { callMs: 1_000 } })
      await failure(client.kv.get('/a'))
      current = { ...trust(), cert: pem(cert), key: pem(key) }
      await waitFor(() => client.kv.get('/a').then(() => true), { what: 'the right certificate to be used' })
    })

    test('are asked for again after a cut, and a watch goes on with the new ones', async () => {
      await using proxy = await startProxy({ target: strict.endpoint })
      const { cert, key } = await certificates.makeClient('root')
      const renewed = { ...trust(), cert: pem(cert), key: pem(key) }
      const given: TlsOptions[] = []
      let current = identity()
      const tls = () => {
        given.push(current)
        return current
      }
      const client = clientOf({ endpoints: proxy.endpoint, tls })
      const seen: string[] = []
      await watchFromNow(client, { key: '/cut' }, ({ events }) => {
        seen.push(...events.map(({ text }) => text))
      })
      await client.kv.put('/cut', '1')
      await waitFor(() => seen.includes('1'), { what: 'the first change' })
      current = renewed
      proxy.cutAll()
      await waitFor(() => given.includes(renewed), { what: 'the renewed certificates to be asked for' })
      await client.kv.put('/cut', '2')
      await waitFor(() => seen.includes('2'), { what: 'the watch to go on' })
    })

    test('that cannot be read any more leave the last ones in use', async () => {
      await using proxy = await startProxy({ target: strict.endpoint })
      const warnings: string[] = []
      let current = identity
      const client = clientOf({
        endpoints: proxy.endpoint,
        tls: () => current(),
        logger: { ...console, debug() {}, info() {}, warn: (message) => void warnings.push(message) },
      })
      await client.kv.put('/a', '1')
      current = () => {
        throw new Error('ENOENT')
      }
      proxy.cutAll()
      await waitFor(() => client.kv.get('/a').then(() => true), { what: 'the client to be back' })
      expect(warnings).toContain('Renewed certificates cannot be used; the last ones stay in use')
    })
  })

  describe('fails at once, in words, with nothing sent', () => {
    const expectTlsFailure = async (
      options: EtcdClientOptions,
      what: RegExp,
      remedy: RegExp,
    ): Promise<void> => {
      const started = performance.now()
      const error = await failure(clientOf(options).kv.put('/a', 'v'))
      expect(error).toMatchObject({ code: 'tls_failed', fate: 'not_sent' })
      expect(error.what).toMatch(what)
      expect(error.message).toMatch(remedy)
      expect(performance.now() - started).toBeLessThan(4_000)
    }

    test('a CA that did not sign the certificate', async () => {
      const endpoints = open.endpoint
      await expectTlsFailure({ endpoints, tls: { ca: pem(certificates.wrongCa) } }, /not trusted/, /tls\.ca/)
      await expectTlsFailure({ endpoints }, /not trusted/, /tls\.ca/)
    })

    test('a missing client certificate, which comes back as an alert', async () => {
      await expectTlsFailure(
        { endpoints: strict.endpoint, tls: trust() },
        /client certificate/,
        /tls\.cert and tls\.key/,
      )
    })

    test('a client certificate of another CA', async () => {
      etcd.needs('tlsAlert')
      const tls = {
        ...trust(),
        cert: pem(certificates.wrongClient.cert),
        key: pem(certificates.wrongClient.key),
      }
      await expectTlsFailure(
        { endpoints: strict.endpoint, tls },
        /client certificate/,
        /tls\.cert and tls\.key/,
      )
    })

    test('another host name', async () => {
      const tls = { ...trust(), servername: 'elsewhere.example' }
      await expectTlsFailure({ endpoints: open.endpoint, tls }, /another host name/, /tls\.servername/)
    })

    test('https:// to a server without TLS', async () => {
      const endpoints = plain.endpoint.replace('http:', 'https:')
      await expectTlsFailure({ endpoints }, /does not speak TLS/, /Use http:\/\//)
    })

    test('http:// to a server with TLS', async () => {
      for (const server of [open, strict]) {
        const endpoints = server.endpoint.replace('https:', 'http:')
        await expectTlsFailure({ endpoints }, /speaks TLS/, /Use https:\/\//)
      }
    })

    test('an HTTPS server without HTTP/2', async () => {
      const { cert, key } = certificates.server
      const web = createHttps({ cert: pem(cert), key: pem(key) }, (_, response) =>
        response.writeHead(404).end('<html>'),
      )
      await new Promise<void>((resolve) => void web.listen(0, '127.0.0.1', resolve))
      closing.unshift(async () => {
        web.closeAllConnections()
        await new Promise((resolve) => web.close(resolve))
      })
      const endpoints = `https://127.0.0.1:${(web.address() as AddressInfo).port}`
      const error = await failure(clientOf({ endpoints, tls: trust() }).kv.put('/a', 'v'))
      expect(error).toMatchObject({
        code: 'not_grpc',
        fate: 'not_sent',
        what: 'the TLS server does not offer HTTP/2',
      })
    })
  })

  test('a bad endpoint beside a good one does not matter', async () => {
    const client = clientOf({
      endpoints: [plain.endpoint.replace('http:', 'https:'), open.endpoint],
      tls: trust(),
    })
    for (let index = 0; index < 4; index += 1) await client.kv.put('/a', 'v')
  })

  test('a watch that meets the wrong certificate tells why', async () => {
    const client = clientOf({ endpoints: strict.endpoint, tls: trust() })
    const reason = await new Promise<EtcdError | undefined>((resolve) => {
      const watcher = client.watch.subscribe(
        { key: '/a' },
        {
          onEvents: () => undefined,
          onDisconnected: ({ error }) => {
            resolve(error)
            watcher.cancel()
          },
        },
      )
    })
    expect(reason?.code).toBe('tls_failed')
  })
})
