import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { get as httpsGet } from 'node:https'
import { constants } from 'node:http2'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { type EmbeddedEtcd, type EmbeddedEtcdOptions, startEmbeddedEtcd } from '@livetree/embedded'
import { createEtcdClient } from '@livetree/etcd'
import { Auth, Cluster, KV, Lease, Maintenance } from '@livetree/etcd/wire'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ManualClock } from '../../packages/embedded/src/manual-clock.test.kit.ts'
import { makeCertificates } from '../support/make-certificates.ts'
import { withoutOpenHandles } from '../support/open-handles.ts'
import { waitFor } from '../support/wait-for.ts'
import { watchFromNow } from '../support/watch-from-now.ts'
import { put, revisionOf, textOf } from './contract-server.ts'
import { RawClient } from './raw-client.ts'
import { refusal } from './refusal.ts'
import { shortly, WatchClient } from './watch-client.ts'

withoutOpenHandles()

/** A server and a client for one test. */
const start = async (options?: EmbeddedEtcdOptions) => {
  const server = await startEmbeddedEtcd(options)
  const client = open(server)
  onTestFinished(() => server.close())
  return { server, client }
}

const open = (server: EmbeddedEtcd): RawClient => {
  const client = new RawClient(server.endpoint)
  onTestFinished(() => client.close())
  return client
}

const dataFile = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'livetree-embedded-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return join(folder, 'etcd.db')
}

describe('faults', () => {
  test('dropStreams resets watches and keep-alives, and unary calls go on', async () => {
    const { server, client } = await start()
    const watch = new WatchClient(client)
    await watch.create({ key: 'k' })
    const keepAlive = client.open(Lease.keepAlive)
    keepAlive.send({ id: 1n })
    await keepAlive.next()
    server.faults.dropStreams()
    await expect(watch.stream.status).rejects.toThrow(/NGHTTP2_INTERNAL_ERROR/)
    await expect(keepAlive.status).rejects.toThrow(/NGHTTP2_INTERNAL_ERROR/)
    expect(await put(client, 'k', '1')).toBe(2)
    const again = new WatchClient(client)
    await again.create({ key: 'k', startRevision: 2 })
    expect((await again.events(1)).map(shortly)).toEqual(['put k=1'])
  })

  test('dropConnections cuts what stands, and new connections are taken', async () => {
    const { server, client } = await start()
    await put(client, 'k', '1')
    server.faults.dropConnections()
    await client.closed
    expect(await textOf(open(server), 'k')).toBe('1')
  })

  test('refuseConnections refuses new ones until it is taken back, on the same port', async () => {
    const { server, client } = await start()
    await put(client, 'k', '1')
    await server.faults.refuseConnections(true)
    await expect(fetch(`${server.endpoint}/health`)).rejects.toMatchObject({
      cause: { code: 'ECONNREFUSED' },
    })
    expect(await textOf(client, 'k')).toBe('1')
    const { port } = server
    await server.faults.refuseConnections(false)
    expect(server.port).toBe(port)
    expect((await fetch(`${server.endpoint}/health`)).status).toBe(200)
  })

  test('delayAnswers holds answers back; what was asked is applied at once', async () => {
    const clock = new ManualClock()
    const { server, client } = await start({ clock })
    const watch = new WatchClient(client)
    await watch.create({ key: 'k' })
    server.faults.delayAnswers(5000)
    let isAnswered = false
    const answer = put(client, 'k', '1').then(() => {
      isAnswered = true
    })
    expect((await watch.events(1)).map(shortly)).toEqual(['put k=1'])
    clock.advance(4999)
    server.faults.delayAnswers(0)
    expect(await textOf(client, 'k')).toBe('1')
    expect(isAnswered).toBe(false)
    clock.advance(1)
    await answer
  })

  test('loseAnswers applies and does not answer, so many times', async () => {
    const { server, client } = await start()
    server.faults.loseAnswers(2)
    await expect(put(client, 'a', '1')).rejects.toThrow(/NGHTTP2_INTERNAL_ERROR/)
    await expect(put(client, 'b', '1')).rejects.toThrow(/NGHTTP2_INTERNAL_ERROR/)
    expect(await revisionOf(client)).toBe(3)
    expect([await textOf(client, 'a'), await textOf(client, 'b')]).toEqual(['1', '1'])
  })

  test('loseLeader: calls that ask for a leader are refused at once, others time out, and some need none', async () => {
    const clock = new ManualClock()
    const { server, client } = await start({ clock })
    const demanding = new WatchClient(client, { hasleader: 'true' })
    const easy = new WatchClient(client)
    for (const watch of [demanding, easy]) await watch.create({ key: 'k' })
    const noLeader = { code: 14, message: 'etcdserver: no leader' }
    server.faults.loseLeader(true)
    expect(await demanding.stream.status).toMatchObject(noLeader)
    expect(await refusal(client.call(KV.range, { key: 'k' }, { hasleader: 'true' }))).toEqual(noLeader)
    const late = refusal(put(client, 'k', '1'))
    expect((await client.call(KV.range, { key: 'k', serializable: true })).count).toBe(0)
    expect((await client.call(Maintenance.status, {})).version).toBeDefined()
    expect((await client.call(Cluster.memberList, {})).members.length).toBe(1)
    clock.advance(7000)
    expect(await late).toEqual({ code: 14, message: 'etcdserver: request timed out' })
    server.faults.loseLeader(false)
    expect(await put(client, 'k', '2')).toBe(2)
    expect((await easy.events(1)).map(shortly)).toEqual(['put k=2'])
  })

  test('expireTokens ends every token', async () => {
    const { server, client } = await start({ auth: { rootPassword: 'pw' } })
    const { token } = await client.call(Auth.authenticate, { name: 'root', password: 'pw' })
    await client.call(KV.put, { key: 'k' }, { token })
    server.faults.expireTokens()
    expect((await refusal(client.call(KV.put, { key: 'k' }, { token }))).code).toBe(16)
  })

  test('compact compacts now, at the newest revision unless another one is named', async () => {
    const { server, client } = await start()
    for (const value of ['1', '2', '3']) await put(client, 'k', value)
    await server.faults.compact(3)
    expect((await refusal(client.call(KV.range, { key: 'k', revision: 2 }))).code).toBe(11)
    await server.faults.compact()
    expect((await refusal(client.call(KV.range, { key: 'k', revision: 3 }))).code).toBe(11)
    await expect(server.faults.compact(99)).rejects.toThrow(/future revision/)
  })
})

describe('options', () => {
  test('clock: leases end and tokens expire by it', async () => {
    const clock = new ManualClock()
    const { client } = await start({ clock, auth: { rootPassword: 'pw' } })
    const { token } = await client.call(Auth.authenticate, { name: 'root', password: 'pw' })
    const metadata = { token }
    const { id } = await client.call(Lease.grant, { ttl: 60 }, metadata)
    await client.call(KV.put, { key: 'k', lease: id }, metadata)
    clock.advance(59_999)
    expect((await client.call(KV.range, { key: 'k' }, metadata)).count).toBe(1)
    clock.advance(1)
    expect((await client.call(KV.range, { key: 'k' }, metadata)).count).toBe(0)
    clock.advance(300_000)
    expect((await refusal(client.call(KV.range, { key: 'k' }, metadata))).code).toBe(16)
  })

  test('dataFile: everything but tokens outlives the server, and the term goes on', async () => {
    const file = dataFile()
    const options = { dataFile: file, auth: { rootPassword: 'pw' }, quotaBytes: 1024 * 1024 }
    const first = await start(options)
    const login = async (client: RawClient) => ({
      token: (await client.call(Auth.authenticate, { name: 'root', password: 'pw' })).token,
    })
    let root = await login(first.client)
    const { id } = await first.client.call(Lease.grant, { ttl: 600 }, root)
    await first.client.call(KV.put, { key: 'a', value: '1' }, root)
    await first.client.call(KV.put, { key: 'a', value: '2', lease: id }, root)
    const write = (value: string) => first.client.call(KV.put, { key: 'b', value }, root)
    await expect(write('x'.repeat(1_100_000))).rejects.toMatchObject({ code: 8 })
    const before = await first.client.call(Maintenance.status, {}, root)
    await first.server.close()

    const { client } = await start({ dataFile: file })
    expect((await refusal(client.call(KV.range, { key: 'a' }, root))).code).toBe(16)
    root = await login(client)
    const { header, kvs } = await client.call(KV.range, { key: 'a', revision: 2 }, root)
    expect(kvs[0]?.value.toString()).toBe('1')
    expect(header).toEqual({ ...before.header, raftTerm: before.raftTerm + 1 })
    const lease = await client.call(Lease.timeToLive, { id, keys: true }, root)
    expect([lease.ttl > 590, lease.keys.map(String)]).toEqual([true, ['a']])
    expect((await client.call(Maintenance.alarm, {}, root)).alarms.length).toBe(1)
    await client.call(Lease.revoke, { id }, root)
    expect((await client.call(KV.range, { key: 'a' }, root)).count).toBe(0)
  })

  test.each([
    ['in memory', () => ({})],
    ['in a file, where writes of a turn are saved at once', () => ({ dataFile: dataFile() })],
  ])('writes that are compacted before they are told get to every watch, %s', async (_, options) => {
    const { client } = await start(options())
    const watch = new WatchClient(client)
    await watch.create({ key: 'k' })
    const names = Array.from({ length: 20 }, (_, index) => `put k=${index}`)
    const puts = names.map((_, index) => put(client, 'k', String(index)))
    await Promise.all([...puts, client.call(KV.compact, { revision: 21 })])
    expect((await watch.events(20)).map(shortly)).toEqual(names)
  })

  test('autoCompaction: memory is bounded, the newest revisions stay, and a live watch gets all', async () => {
    const { server, client } = await start({ autoCompaction: { keepRevisions: 100 } })
    const watch = new WatchClient(client)
    await watch.create({ key: 'k' })
    const sizes: number[] = []
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 100 }, () => put(client, 'k', 'x'.repeat(1_000))))
      sizes.push((await client.call(Maintenance.status, {})).dbSizeInUse)
    }
    expect(Math.max(...sizes)).toBeLessThan(260_000)
    expect(await watch.events(1_000)).toHaveLength(1_000)
    expect((await client.call(KV.range, { key: 'k', revision: 901 })).count).toBe(1)
    expect((await refusal(client.call(KV.range, { key: 'k', revision: 701 }))).code).toBe(11)
    await put(client, 'k', 'still there')
    expect(await textOf(client, 'k')).toBe('still there')
    await server.close()
  })

  test('dataFile: only its owner may read it and the files beside it, also one that was there before', async () => {
    const path = dataFile()
    writeFileSync(path, '', { mode: 0o644 })
    const { client } = await start({ dataFile: path })
    await put(client, 'k', '1')
    const files = readdirSync(dirname(path))
    expect(files).toContain('etcd.db-wal')
    const modes = files.map((name) => statSync(join(dirname(path), name)).mode & 0o777)
    expect(modes).toEqual(files.map(() => 0o600))
  })

  test('host: an IPv6 address stands in brackets, in the endpoint and where members are told', async () => {
    const { server, client } = await start({ host: '::1' })
    expect(server.endpoint).toBe(`http://[::1]:${server.port}`)
    expect(new URL(server.endpoint).port).toBe(String(server.port))
    const { members } = await client.call(Cluster.memberList, {})
    expect(members[0]?.clientUrls).toEqual([server.endpoint])
    await using livetree = createEtcdClient({ endpoints: [server.endpoint] })
    await livetree.kv.put('k', '1')
    expect(await textOf(client, 'k')).toBe('1')
  })

  test.each([
    ['0.0.0.0', undefined, true],
    ['::', undefined, true],
    ['::0', undefined, true],
    ['0.0.0.0', { rootPassword: 'pw' }, false],
    ['127.0.0.1', undefined, false],
    ['localhost', undefined, false],
  ])('host: %s with auth %j warns of an open door: %s', async (host, auth, isWarned) => {
    const warnings: Error[] = []
    const note = (warning: Error): void => void warnings.push(warning)
    process.on('warning', note)
    onTestFinished(() => void process.off('warning', note))
    await start({ host, ...(auth === undefined ? {} : { auth }) })
    await new Promise((resolve) => setImmediate(resolve))
    const told = warnings.filter((warning) => 'code' in warning && warning.code === 'LIVETREE_EMBEDDED_OPEN')
    expect(told.length).toBe(isWarned ? 1 : 0)
    if (isWarned)
      expect(told[0]?.message).toMatch(/every address of this machine and auth is off.*127\.0\.0\.1/s)
  })

  test('dataFile: a file another server uses, and a port that is taken, are refused in words', async () => {
    const file = dataFile()
    const { server } = await start({ dataFile: file })
    await expect(startEmbeddedEtcd({ dataFile: file })).rejects.toThrow(/Another server uses it/)
    await expect(startEmbeddedEtcd({ port: server.port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await expect(startEmbeddedEtcd({ port: server.port, dataFile: dataFile() })).rejects.toThrow(/EADDRINUSE/)
  })

  test('tls: gRPC, JSON and plain pages on one port; with a ca only to clients that have a certificate', async () => {
    await using certificates = await makeCertificates()
    const read = (path: string) => readFileSync(path)
    const ca = read(certificates.ca)
    const { cert, key } = certificates.server
    const server = await startEmbeddedEtcd({ tls: { cert: read(cert), key: read(key), ca } })
    onTestFinished(() => server.close())
    expect(server.endpoint).toMatch(/^https:/)
    const known = { ca, cert: read(certificates.client.cert), key: read(certificates.client.key) }
    const client = new RawClient(server.endpoint, known)
    onTestFinished(() => client.close())
    const watch = new WatchClient(client)
    await watch.create({ key: 'k' })
    await put(client, 'k', '1')
    expect((await watch.events(1)).map(shortly)).toEqual(['put k=1'])
    const health = await new Promise<number | undefined>((resolve, reject) => {
      httpsGet(`${server.endpoint}/health`, { ...known, agent: false }, (response) => {
        response.resume()
        resolve(response.statusCode)
      }).on('error', reject)
    })
    expect(health).toBe(200)
    const asJson = (path: string, body: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const stream = client.request(path, { 'content-type': 'application/json' })
        let text = ''
        stream.on('response', ({ ':status': status }) => {
          text = `${status} `
        })
        stream.on('data', (chunk: Buffer) => {
          text += chunk.toString()
          if (path === '/v3/watch') stream.close()
        })
        stream.on('error', reject)
        stream.on('close', () => resolve(text))
        stream.end(body)
      })
    expect(await asJson('/v3/kv/range', '{"key":"aw=="}')).toMatch(/^200 \{"header":.*"value":"MQ=="/)
    expect(await asJson('/v3/kv/range', '{"key":5}')).toMatch(/^400 \{"error":/)
    expect(await asJson('/v3/watch', '{"create_request":{"key":"aw=="}}')).toMatch(/^200 .*"created":true/)
    expect(await asJson('/nothing', '')).toBe('404 404 page not found\n')
    const stranger = connectTls({ port: server.port, host: '127.0.0.1', ca, ALPNProtocols: ['h2'] })
    const refused = await new Promise<NodeJS.ErrnoException>((resolve) =>
      stranger.resume().once('error', resolve),
    )
    expect(refused.message).toMatch(/certificate required/)
    // One that never begins its handshake does not hold up the end.
    const silent = connect(server.port, '127.0.0.1')
    const silentClosed = new Promise((resolve) => silent.once('close', resolve))
    await new Promise((resolve) => silent.once('connect', resolve))
    expect(await textOf(client, 'k')).toBe('1')
    await server.close()
    await silentClosed
  })
})

describe('a connection', () => {
  test('may begin byte by byte, in either protocol', async () => {
    const { server } = await start()
    const talk = async (bytes: Buffer): Promise<string> => {
      const socket = connect(server.port, '127.0.0.1')
      onTestFinished(() => void socket.destroy())
      socket.setNoDelay(true)
      let got = ''
      socket.on('data', (chunk) => {
        got += chunk.toString('latin1')
      })
      for (const byte of bytes) await new Promise((resolve) => socket.write(Buffer.from([byte]), resolve))
      return await waitFor(() => got)
    }
    expect(await talk(Buffer.from('GET /version HTTP/1.1\r\nhost: a\r\n\r\n'))).toMatch(/^HTTP\/1\.1 200 OK/)
    // The answer to the preface and empty settings begins with a frame of settings: type 4 on stream 0.
    const hello = Buffer.concat([
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      Buffer.from('000000040000000000', 'hex'),
    ])
    expect((await talk(hello)).charCodeAt(3)).toBe(4)
  })

  test('that says nothing, or nonsense, keeps nobody else from working', async () => {
    const { server, client } = await start()
    const silent = connect(server.port, '127.0.0.1')
    const mad = connect(server.port, '127.0.0.1', () => mad.write('\0\0\0\0\r\n\r\n'))
    for (const socket of [silent, mad]) socket.on('error', () => {})
    onTestFinished(() => void silent.destroy())
    await new Promise((resolve) => mad.resume().once('close', resolve))
    expect(await put(client, 'k', '1')).toBe(2)
  })
})

test("livetree's own client: a watch it cancels leaves no stream behind", async () => {
  const { server } = await start()
  const client = createEtcdClient({ endpoints: [server.endpoint] })
  onTestFinished(() => client.close())
  const streams = async (): Promise<string | undefined> => {
    const metrics = await (await fetch(`${server.endpoint}/metrics`)).text()
    return /^etcd_debugging_mvcc_watch_stream_total (\d+)$/m.exec(metrics)?.[1]
  }
  const told: string[] = []
  const watcher = await watchFromNow(client, { key: 'k' }, ({ events }) => {
    told.push(...events.map(({ text }) => text))
  })
  expect(await streams()).toBe('1')
  await client.kv.put('k', '1')
  await waitFor(() => told.length === 1)
  expect(told).toEqual(['1'])
  watcher.cancel()
  await waitFor(async () => (await streams()) === '0')
})

test('large answers side by side, and many calls broken off, do not end the connection', async () => {
  const { client } = await start()
  const value = 'x'.repeat(1_000_000)
  for (let n = 0; n < 10; n += 1) await put(client, `big${n}`, value)
  const all = { key: 'big', rangeEnd: 'bih' }
  const answers = await Promise.all(Array.from({ length: 20 }, () => client.call(KV.range, all)))
  expect(answers.map(({ kvs }) => kvs.length)).toEqual(Array.from({ length: 20 }, () => 10))
  for (let n = 0; n < 3000; n += 1) {
    const stream = client.open(Lease.keepAlive)
    stream.status.catch(() => {})
    stream.reset(constants.NGHTTP2_CANCEL)
  }
  expect((await client.call(KV.range, { ...all, countOnly: true })).count).toBe(10)
})

describe('close', () => {
  test('ends streams with 14 and connections, and may be called again', async () => {
    const { server, client } = await start()
    const watch = new WatchClient(client)
    await watch.create({ key: 'k' })
    const idle = connect(server.port, '127.0.0.1')
    const idleClosed = new Promise((resolve) => idle.once('close', resolve))
    await new Promise((resolve) => idle.once('connect', resolve))
    await Promise.all([server.close(), server.close()])
    expect(await watch.stream.status).toMatchObject({ code: 14, message: 'etcdserver: server stopped' })
    await Promise.all([client.closed, idleClosed])
    await server.close()
    await expect(fetch(`${server.endpoint}/health`)).rejects.toThrow()
  })

  test('ends at once the calls whose answer a fault holds back', async () => {
    const { server, client } = await start()
    server.faults.delayAnswers(60_000)
    const held = refusal(put(client, 'k', '1'))
    await waitFor(async () =>
      (await (await fetch(`${server.endpoint}/metrics`)).text()).includes('revision 2'),
    )
    await server.close()
    expect(await held).toEqual({ code: 14, message: 'etcdserver: server stopped' })
  })

  test('answers what is under way first', async () => {
    const { server, client } = await start({ dataFile: dataFile() })
    const puts = Array.from({ length: 50 }, (_, n) => put(client, `k${n}`, '1'))
    await puts[0]
    await server.close()
    const results = await Promise.allSettled(puts)
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([])
  })

  test('comes with `await using`', async () => {
    let endpoint = ''
    {
      await using server = await startEmbeddedEtcd()
      endpoint = server.endpoint
      expect((await fetch(`${endpoint}/health`)).status).toBe(200)
    }
    await expect(fetch(`${endpoint}/health`)).rejects.toThrow()
  })
})
