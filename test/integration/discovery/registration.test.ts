import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createDiscovery,
  DiscoveryError,
  defineService,
  type Registration,
  type RegistrationState,
} from '@livetree/discovery'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { discoveryOn, startProvider } from './discovery-kit.ts'

/** Longest time until an instance is found again after an outage, on a slow machine. */
const FOUND_AGAIN_MS = 20_000

function statesOf(registration: Registration): RegistrationState[] {
  const states: RegistrationState[] = [registration.state]
  registration.on('state', (state) => states.push(state))
  return states
}

const recordOf = async (client: EtcdClient, key: string) => {
  const entry = await client.kv.get(key)
  if (entry === undefined) return undefined
  const { Op, Addr, Metadata } = JSON.parse(entry.text)
  return { op: Op, address: Addr, lease: entry.lease, metadata: JSON.parse(Metadata) }
}

oneEtcd('a registration', (etcd) => {
  withoutOpenHandles()
  let server: EtcdServer
  beforeAll(async () => {
    server = await etcd.start()
  })
  afterAll(() => server.close())

  test('waits until the server listens and it is ready, and has the port that was really bound', async () => {
    const { discovery, client } = discoveryOn(server.endpoint)
    const http = createServer()
    onTestFinished(() => void http.close())
    let becomeReady: () => void = () => undefined
    const ready = () => new Promise<void>((resolve) => (becomeReady = resolve))
    let isRegistered = false
    const registering = discovery
      .register({ service: 'waiting', server: http, ready })
      .then((registration) => {
        isRegistered = true
        return registration
      })
    http.listen(0)
    await once(http, 'listening')
    await client.kv.get('a')
    expect(isRegistered).toBe(false)
    becomeReady()
    const registration = await registering
    const { port } = http.address() as { port: number }
    expect(registration.address).toBe(`127.0.0.1:${port}`)
    expect(await recordOf(client, registration.key)).toMatchObject({ op: 0, address: `127.0.0.1:${port}` })
    expect(registration.key).toBe(`services/waiting/${registration.id}`)
    expect(registration.state).toBe('registered')
  })

  test('has zone, weight, version and typed metadata, under a lease, and follows updates', async () => {
    const orders = defineService({
      name: 'typed',
      protocol: 'h2c',
      metadata: z.object({ shard: z.number().int() }),
    })
    const { discovery, client } = discoveryOn(server.endpoint, { zone: 'eu-1' })
    const { server: http } = await startProvider()
    const registration = await discovery.register({
      service: orders,
      server: http,
      version: '1.2.3',
      weight: 50,
      metadata: { shard: 3 },
      ttlSeconds: 30,
    })
    const record = await recordOf(client, registration.key)
    const metadata = { id: registration.id, protocol: 'h2c', zone: 'eu-1', version: '1.2.3', weight: 50 }
    expect(record?.metadata).toEqual({ ...metadata, labels: { shard: 3 } })
    expect((await client.lease.timeToLive(record?.lease ?? 0n))?.grantedTtlSeconds).toBe(30)
    await registration.update({ weight: 7, metadata: { shard: 4 } })
    expect((await recordOf(client, registration.key))?.metadata).toEqual({
      ...metadata,
      weight: 7,
      labels: { shard: 4 },
    })
    await expect(registration.update({ metadata: { shard: 0.5 } })).rejects.toThrow(/metadata\.shard/)
    await expect(
      discovery.register({ service: orders, server: http, metadata: { shard: 'x' } as never }),
    ).rejects.toMatchObject({ code: 'invalid_option' })
  })

  test('F1 is put back at once when somebody deletes or overwrites its key, or revokes its lease', async () => {
    const { discovery, client } = discoveryOn(server.endpoint)
    const { server: http, address } = await startProvider()
    const registration = await discovery.register({ service: 'put-back', server: http })
    const isThere = async () => (await recordOf(client, registration.key))?.address === address
    await client.kv.delete(registration.key)
    await waitFor(isThere, { what: 'the deleted key', timeoutMs: FOUND_AGAIN_MS })
    await client.kv.put(registration.key, 'something else')
    await waitFor(isThere, { what: 'the overwritten key', timeoutMs: FOUND_AGAIN_MS })
    const before = await recordOf(client, registration.key)
    expect(before?.lease, 'and again under the lease').not.toBe(0n)
    await client.lease.revoke(before?.lease ?? 0n)
    await waitFor(isThere, { what: 'the key of the revoked lease', timeoutMs: FOUND_AGAIN_MS })
    await waitFor(() => registration.state === 'registered')
    expect((await recordOf(client, registration.key))?.lease).not.toBe(before?.lease)
  })

  test('does not fight as fast as it can with somebody who overwrites it all the time', async () => {
    const { discovery, client } = discoveryOn(server.endpoint)
    const { server: http } = await startProvider()
    const registration = await discovery.register({ service: 'fight', server: http })
    let written = 0
    const { header } = await client.kv.getRange({ key: registration.key })
    const watcher = client.watch.subscribe(
      { key: registration.key },
      {
        onEvents: ({ events }) => {
          const isOwn = events.some(({ text }) => text !== 'enemy')
          if (isOwn) written += 1
          if (isOwn && written < 100) void client.kv.put(registration.key, 'enemy').catch(() => undefined)
        },
      },
      { afterRevision: header.revision },
    )
    await client.kv.put(registration.key, 'enemy')
    await waitFor(() => written >= 5, { timeoutMs: FOUND_AGAIN_MS })
    const begin = performance.now()
    await waitFor(() => written >= 7, { timeoutMs: FOUND_AGAIN_MS })
    expect(performance.now() - begin, 'two writes with a back-off between them').toBeGreaterThan(200)
    watcher.cancel()
    written = 100
  })

  test('deregisters: marks itself as leaving, deletes its key, gives its lease back, keeps its server', async () => {
    const { discovery, client } = discoveryOn(server.endpoint)
    const { server: http, port } = await startProvider()
    const registration = await discovery.register({ service: 'leaving', server: http })
    const lease = (await recordOf(client, registration.key))?.lease ?? 0n
    const events: string[] = []
    const { header } = await client.kv.getRange({ key: registration.key })
    const watcher = client.watch.subscribe(
      { key: registration.key },
      {
        onEvents: (batch) =>
          events.push(
            ...batch.events.map(({ type, text }) =>
              type === 'put' ? JSON.parse(JSON.parse(text).Metadata).leaving : type,
            ),
          ),
      },
      { afterRevision: header.revision },
    )
    await registration.deregister()
    await waitFor(() => events.length >= 2)
    watcher.cancel()
    expect(events).toEqual([true, 'delete'])
    expect(await client.lease.timeToLive(lease)).toBeUndefined()
    expect(registration.state).toBe('closed')
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200)
    await expect(registration.update({ weight: 1 })).rejects.toMatchObject({ code: 'closed' })
    await registration.deregister()
  })

  test('is taken out by a pause and by a failing check, and comes back', async () => {
    const { discovery, client } = discoveryOn(server.endpoint)
    const { server: http } = await startProvider()
    let isHealthy = true
    const check = () => isHealthy
    const registration = await discovery.register({
      service: 'checked',
      server: http,
      check,
      checkMs: 20,
      failures: 2,
    })
    await registration.pause()
    expect(await client.kv.get(registration.key)).toBeUndefined()
    expect(registration.state).toBe('paused')
    await registration.resume()
    isHealthy = false
    await waitFor(
      async () => (await client.kv.get(registration.key)) === undefined && registration.state === 'paused',
    )
    isHealthy = true
    await waitFor(
      async () =>
        (await client.kv.get(registration.key)) !== undefined && registration.state === 'registered',
    )
  })

  test('F2 shuts down in an order that loses no request', async () => {
    const { discovery, client } = discoveryOn(server.endpoint)
    const held: ServerResponse[] = []
    const { server: http, port } = await startProvider((request, response) => {
      if (request.url === '/slow') held.push(response)
      else response.end('quick')
    })
    const registration = await discovery.register({ service: 'shutdown', server: http })
    const states = statesOf(registration)
    const slow = fetch(`http://127.0.0.1:${port}/slow`)
    await waitFor(() => held.length === 1)
    const ending = registration.shutdown({ propagationMs: 2_000, drainMs: 30_000 })
    await waitFor(async () => (await client.kv.get(registration.key)) === undefined)
    await waitFor(
      async () => {
        const answer = await fetch(`http://127.0.0.1:${port}/`)
        return (await answer.text()) === 'quick' && answer.headers.get('connection') === 'close'
      },
      { what: 'answers that end their connections, while the departure spreads' },
    )
    expect(http.listening).toBe(true)
    await waitFor(() => !http.listening)
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow()
    held[0]?.end('slow')
    expect(await (await slow).text()).toBe('slow')
    await ending
    expect(states).toEqual(['registered', 'draining', 'closed'])
  })

  test('cuts off what runs longer than drainMs, and reports what close throws', async () => {
    const { discovery } = discoveryOn(server.endpoint)
    const { server: http, port, received } = await startProvider(() => undefined)
    const registration = await discovery.register({ service: 'cut', server: http })
    const hanging = fetch(`http://127.0.0.1:${port}/`).catch((error: unknown) => error)
    await waitFor(() => received.length === 1)
    await registration.shutdown({ propagationMs: 0, drainMs: 50 })
    expect(await hanging).toBeInstanceOf(TypeError)
    const other = await startProvider()
    const second = await discovery.register({ service: 'cut', server: other.server })
    const close = () => Promise.reject(new Error('cannot close'))
    await expect(second.shutdown({ propagationMs: 0, drainMs: 50, close })).rejects.toThrow('cannot close')
    expect(second.state).toBe('closed')
  })

  test('refuses a socket path, a failing server and unusable options with a reason', async () => {
    const { discovery } = discoveryOn(server.endpoint)
    const onPath = createServer()
    onTestFinished(() => void onPath.close())
    onPath.listen(join(tmpdir(), `livetree-${process.pid}-${etcd.kind}.sock`))
    await once(onPath, 'listening')
    const code = (error: unknown) => (error as DiscoveryError).code
    const failure = (options: object) => discovery.register(options as never).then(() => 'none', code)
    expect(await failure({ service: 'a', server: onPath })).toBe('unreachable_address')
    const { server: taken, port } = await startProvider()
    const blocked = createServer()
    const failing = failure({ service: 'a', server: blocked })
    blocked.listen(port, '127.0.0.1')
    expect(await failing).toBe('not_registered')
    expect(await failure({ service: 'a' })).toBe('unreachable_address')
    expect(
      await failure({
        service: 'a',
        server: taken,
        ready: () => Promise.reject(new DiscoveryError('closed', 'x')),
      }),
    ).toBe('closed')
    for (const options of [
      { service: 'A/b', server: taken },
      { server: taken },
      { service: 'a', server: {} },
      { service: 'a', server: taken, weight: -1 },
      { service: 'a', server: taken, wieght: 1 },
      { service: 'a', server: taken, zone: 'a\nb' },
      { service: 'a', server: taken, metadata: { big: 1n } },
      { service: 'a', server: taken, metadata: 'x'.repeat(20_000) },
      { service: 'a', server: taken, advertise: { host: 'http://a' } },
      null,
    ]) {
      expect(
        await failure(options as object),
        JSON.stringify(options, (_, value) =>
          typeof value === 'bigint' ? 'big' : value === taken ? 'server' : value,
        ),
      ).toBe('invalid_option')
    }
    const signal = AbortSignal.abort()
    expect(await failure({ service: 'a', server: createServer(), signal })).toBe('cancelled')
  })

  test('a namespace, below which no Go program looks, is warned of', async () => {
    const warnings: string[] = []
    const logger = { debug() {}, info() {}, warn: (message: string) => warnings.push(message), error() {} }
    await using client = createEtcdClient({ endpoints: [server.endpoint], namespace: 'tenant/' })
    await createDiscovery({ client, logger }).close()
    await using plain = createEtcdClient({ endpoints: [server.endpoint] })
    await createDiscovery({ client: plain, logger }).close()
    expect(warnings).toEqual([
      'The client has the namespace "tenant/", so services are kept below tenant/services/. Clients without it, Go programs among them, look below services/ and do not find them: make one without a namespace.',
    ])
  })

  test('that is cancelled while its lease is granted leaves no lease', async () => {
    await using proxy = await startProxy({ target: server.endpoint })
    await using client = createEtcdClient({ endpoints: [proxy.endpoint] })
    await using witness = createEtcdClient({ endpoints: [server.endpoint] })
    await using discovery = createDiscovery({ client, logger: false })
    await client.kv.get('connected')
    proxy.delay(500, 'toClient')
    const { server: http } = await startProvider()
    const leases = async () => (await witness.lease.list()).length
    const before = await leases()
    const stop = new AbortController()
    const options = { service: 'odd', server: http, ttlSeconds: 60, signal: stop.signal }
    const registering = expect(discovery.register(options)).rejects.toMatchObject({ code: 'cancelled' })
    await waitFor(async () => (await leases()) > before, { what: 'the lease on the server' })
    stop.abort()
    await registering
    await waitFor(async () => (await leases()) === before, { what: 'the end of the lease' })
  })

  test('leaves nothing in the store when the discovery is closed', async () => {
    const client = createEtcdClient({ endpoints: [server.endpoint] })
    const discovery = createDiscovery({ client, logger: false })
    const { server: http } = await startProvider()
    const before = (await client.lease.list()).length
    const registration = await discovery.register({ service: 'gone', server: http })
    await discovery.close()
    expect(await client.kv.get(registration.key)).toBeUndefined()
    expect((await client.lease.list()).length).toBe(before)
    expect(registration.state).toBe('closed')
    await expect(discovery.register({ service: 'gone', server: http })).rejects.toMatchObject({
      code: 'closed',
    })
    await client.close()
  })
})

oneEtcd('F1 a registration is found again', (etcd) => {
  withoutOpenHandles()

  async function registered(ttlSeconds = 2) {
    const server = await etcd.start()
    const proxy = await startProxy({ target: server.endpoint })
    onTestFinished(() => proxy.close())
    const { discovery } = discoveryOn(proxy.endpoint)
    const witness = createEtcdClient({ endpoints: [server.endpoint] })
    onTestFinished(() => witness.close())
    const { server: http, address } = await startProvider()
    const registration = await discovery.register({ service: 'orders', server: http, ttlSeconds })
    const isThere = async () => (await recordOf(witness, registration.key))?.address === address
    const isGone = async () => (await witness.kv.get(registration.key)) === undefined
    return { server, proxy, witness, registration, isThere, isGone, states: statesOf(registration) }
  }

  test('after a partition longer than its lease', async () => {
    const { proxy, registration, isThere, isGone, states } = await registered()
    proxy.stall()
    await waitFor(isGone, { what: 'the lease to expire', timeoutMs: 30_000 })
    await waitFor(() => registration.state === 'lost', { timeoutMs: 30_000 })
    proxy.flow()
    await waitFor(isThere, { what: 'the key', timeoutMs: FOUND_AGAIN_MS })
    await waitFor(() => registration.state === 'registered')
    expect(states).toEqual(['registered', 'lost', 'registered'])
  })

  test('after etcd was killed and came back, whether the lease has outlived it or not', async () => {
    const { server, registration, isThere } = await registered()
    await server.kill()
    await waitFor(() => registration.state === 'lost', { timeoutMs: 30_000 })
    await server.restart()
    await waitFor(isThere, { what: 'the key', timeoutMs: FOUND_AGAIN_MS })
    await waitFor(() => registration.state === 'registered', { timeoutMs: FOUND_AGAIN_MS })
  })

  test('after the store has lost everything', async () => {
    const { server, registration, isThere } = await registered(30)
    await server.kill()
    await server.restart({ emptyData: true })
    await waitFor(isThere, { what: 'the key', timeoutMs: 2 * FOUND_AGAIN_MS })
    await waitFor(() => registration.state === 'registered', { timeoutMs: FOUND_AGAIN_MS })
  })

  describe('from the beginning', () => {
    test('fails in time, or goes on in the background', async () => {
      const server = await etcd.start()
      const proxy = await startProxy({ target: server.endpoint })
      onTestFinished(() => proxy.close())
      await proxy.refuse()
      const { discovery } = discoveryOn(proxy.endpoint)
      const { server: http } = await startProvider()
      const options = { service: 'orders', server: http, timeoutMs: 200 }
      const failure = await discovery.register(options).catch((error: unknown) => error)
      expect(failure).toMatchObject({ code: 'not_registered' })
      expect(String(failure)).toMatch(/ could not be written within 200 ms, and is given up. With `onUnavail/)
      const registration = await discovery.register({ ...options, onUnavailable: 'retry' })
      expect(registration.state).toBe('registering')
      await proxy.accept()
      await waitFor(() => registration.state === 'registered', { timeoutMs: FOUND_AGAIN_MS })
    })
  })

  test('and a pause while it is lost waits until the key is gone, since its lease may live on', async () => {
    const { server, registration, isGone } = await registered()
    await server.kill()
    await waitFor(() => registration.state === 'lost', { timeoutMs: 30_000 })
    let isOver = false
    const paused = registration.pause().finally(() => {
      isOver = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(isOver).toBe(false)
    await server.restart()
    await paused
    expect(await isGone()).toBe(true)
    await registration.resume()
    expect(await isGone()).toBe(false)
  })

  test('when it is resumed before a pause is done, whatever of the pause is in the store', async () => {
    const { proxy, witness, registration, isThere, isGone, states } = await registered(60)
    const isReturned = async () =>
      (await isThere()) && (await recordOf(witness, registration.key))?.metadata.leaving === undefined
    const isMarked = async () => (await recordOf(witness, registration.key))?.metadata.leaving === true
    for (const [what, isPartlyDone] of [
      ['nothing', undefined],
      ['that it leaves', isMarked],
      ['the deletion', isGone],
    ] as const) {
      if (isPartlyDone !== undefined) proxy.stall('toClient')
      const paused = registration.pause()
      if (isPartlyDone === isGone) await waitFor(isMarked, { what }).then(() => proxy.heal())
      if (isPartlyDone !== undefined) await waitFor(isPartlyDone, { what })
      const resumed = registration.resume()
      proxy.heal()
      await Promise.all([paused, resumed])
      await waitFor(isReturned, { what: `the key, after ${what}` })
      await waitFor(() => registration.state === 'registered', { what: `the state, after ${what}` })
    }
    expect(states.at(-1)).toBe('registered')
    await witness.kv.delete(registration.key)
    await waitFor(isReturned, { what: 'the key that somebody has deleted', timeoutMs: FOUND_AGAIN_MS })
  })

  test('and says of a change that did not get there in time what will become of it', async () => {
    const { proxy, registration, isGone } = await registered(60)
    proxy.stall()
    const failure = async (call: Promise<void>) => {
      const error = await call.catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'not_registered' })
      return String(error).replace(registration.key, 'KEY')
    }
    const kept = 'This is tried again until etcd takes it. See `cause` for what etcd said.'
    const timely = { timeoutMs: 50 }
    expect(await failure(registration.update({ weight: 7 }, timely))).toBe(
      `DiscoveryError: [not_registered] KEY could not be written as it was changed within 50 ms. ${kept}`,
    )
    expect(await failure(registration.pause(timely))).toBe(
      `DiscoveryError: [not_registered] KEY could not be deleted for the pause within 50 ms. ${kept}`,
    )
    expect(await failure(registration.resume(timely))).toBe(
      `DiscoveryError: [not_registered] KEY could not be written again after the pause within 50 ms. ${kept}`,
    )
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(registration.pause({ signal })).rejects.toMatchObject({
      code: 'cancelled',
      cause: { message: 'enough' },
    })
    await expect(registration.resume({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'invalid_option' })
    proxy.flow()
    await waitFor(isGone, { what: 'the pause that was cancelled', timeoutMs: FOUND_AGAIN_MS })
  })

  test('and is taken out of a store that is full, which takes deletions only', async () => {
    const { witness, proxy, isThere, isGone, registration } = await registered(60)
    const { discovery } = discoveryOn(proxy.endpoint)
    let isHealthy = true
    const advertise = { host: '127.0.0.1', port: 9 }
    const check = () => isHealthy
    const checked = { service: 'sick', advertise, check, checkMs: 20, failures: 1, ttlSeconds: 60 }
    const sick = await discovery.register(checked)
    const memberId = (await witness.kv.getRange({ key: registration.key })).header.memberId
    await witness.maintenance.activateAlarm({ memberId, type: 'no_space' })
    await expect(witness.kv.put('a', '1')).rejects.toMatchObject({ code: 'no_space' })
    isHealthy = false
    const isOut = async () => (await witness.kv.get(sick.key)) === undefined
    await waitFor(isOut, { what: 'the end of the instance that fails its check' })
    await registration.pause({ timeoutMs: 10_000 })
    expect(await isGone()).toBe(true)
    await witness.maintenance.disarmAlarms()
    await registration.resume()
    expect(await isThere()).toBe(true)
    await witness.maintenance.activateAlarm({ memberId, type: 'no_space' })
    await registration.shutdown({ propagationMs: 0 })
    expect(await isGone()).toBe(true)
    expect(await witness.lease.list()).toEqual([])
  })

  test('and deregisters without etcd, in time', async () => {
    const { proxy, registration } = await registered(60)
    proxy.stall()
    const begin = performance.now()
    await registration.shutdown({ propagationMs: 0 })
    expect(performance.now() - begin).toBeLessThan(15_000)
    expect(registration.state).toBe('closed')
    proxy.flow()
  })
})
