import { once } from 'node:events'
import { type AddressInfo, createConnection, createServer } from 'node:net'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { type EtcdClient, op } from '@livetree/etcd'
import { defineConfig, etcd as etcdSource } from 'livetree'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { systemClock as coreClock } from '../../../packages/core/src/clock.ts'
import { systemClock as embeddedClock } from '../../../packages/embedded/src/clock.ts'
import { systemClock as etcdClock } from '../../../packages/etcd/src/clock.ts'
import { clientEtcds } from '../../support/each-etcd.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'
import { connect } from './watch-kit.ts'

const LIMIT_MS = 1_000
const BLOCKED_MS = 1_900
const ROUNDS = 4

/** Keeps the event loop from turning, as parsing a large file does. */
function block(ms = BLOCKED_MS): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

/** Calls of each kind, at once. */
function callAll({ kv, lease, maintenance }: EtcdClient): Promise<unknown> {
  const call = { timeoutMs: LIMIT_MS }
  return Promise.all([
    kv.get('k', call),
    kv.put('k', 'v', call),
    kv.getRange({ prefix: 'k', ...call }),
    kv.txn().then(op.put('k', 'v')).commit(call),
    kv.create(`c${performance.now()}`, 'v', call),
    lease.grant({ ttlSeconds: 60, ...call }),
    maintenance.status(call),
  ])
}

test.each([
  ['the client', (run: () => void) => void etcdClock.setTimeout(run, 10)],
  ['a configuration', (run: () => void) => void coreClock.setTimeout(run, 10)],
  ['the embedded server', (run: () => void) => void embeddedClock.schedule(run, 10)],
])('a timer of %s fires after what has arrived while the event loop was blocked', async (_, start) => {
  const server = createServer((socket) => socket.end('arrived')).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const seen: string[] = []
  const socket = createConnection((server.address() as AddressInfo).port, '127.0.0.1')
  const ended = once(socket, 'close')
  // Accepted and answered, but not read.
  await once(server, 'connection')
  socket.on('data', () => seen.push('data'))
  const fired = new Promise<void>((resolve) => {
    start(() => {
      seen.push('timer')
      resolve()
    })
  })
  block(100)
  await Promise.all([ended, fired])
  expect(seen).toEqual(['data', 'timer'])
})

clientEtcds('an event loop that is blocked for longer than a call may take', (etcd) => {
  let server: EtcdServer
  beforeAll(async () => {
    server = await etcd.start()
  })

  test('costs no call the answer that has arrived meanwhile', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const client = connect(server.endpoint)
      await client.kv.get('k')
      const answers = callAll(client)
      answers.catch(() => undefined)
      for (let turn = 0; turn < 4; turn += 1) await nextTurn()
      block()
      await answers
    }
  })

  test('costs no configuration its start', async () => {
    const sources = [etcdSource({ endpoints: [server.endpoint], root: '/config/shop' })]
    const definition = defineConfig({ name: 'shop', schema: z.object({ a: z.string().default('a') }) })
    for (let round = 0; round < ROUNDS; round += 1) {
      const loading = definition.load({ sources, logger: false, startup: { timeoutMs: LIMIT_MS } })
      loading.catch(() => undefined)
      for (let turn = 0; turn < 3 * round; turn += 1) await nextTurn()
      block()
      await using config = await loading
      expect(config.status.state).toBe('live')
    }
  })

  test('costs no lease', async () => {
    const client = connect(server.endpoint)
    const lease = await client.lease.grant({ ttlSeconds: 10 })
    lease.keepAlive()
    for (let round = 0; round < ROUNDS; round += 1) {
      block()
      await sleep(50)
    }
    expect(lease.lost.aborted, String(lease.lost.reason)).toBe(false)
    expect((await lease.timeToLive())?.id).toBe(lease.id)
    await lease.revoke()
  })

  test('ends a call that nobody answers', async () => {
    const mute = createServer((socket) => socket.resume()).listen(0, '127.0.0.1')
    await once(mute, 'listening')
    onTestFinished(() => void mute.close())
    const client = connect(`http://127.0.0.1:${(mute.address() as AddressInfo).port}`)
    const answer = client.kv.get('k', { timeoutMs: LIMIT_MS })
    answer.catch(() => undefined)
    block()
    const started = performance.now()
    await expect(answer).rejects.toMatchObject({ code: 'deadline_exceeded' })
    expect(performance.now() - started).toBeLessThan(10 * LIMIT_MS)
  })
})
