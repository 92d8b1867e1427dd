import { rm } from 'node:fs/promises'
import { afterAll, expect, test } from 'vitest'
import { createEtcdClient, type EtcdClient } from './client.ts'
import { EtcdError } from './errors.ts'
import { PUBLIC_CALLS, type PublicCall } from './public-calls.test.kit.ts'
import type { Client } from './refusing-channel.test.kit.ts'
import {
  type FakeCall,
  type FakeServer,
  rangeAnswer,
  startFakeServer,
} from './transport/fake-server.test.kit.ts'
import { encodeFrame } from './wire/frame.ts'
import { LeaseGrantResponse } from './wire/lease.ts'
import { AlarmRequest, AlarmResponse, StatusResponse } from './wire/maintenance.ts'

/** Handlers of watches are told of their end in other ways; `watch-stream.test.ts` has them. */
const CALLS = PUBLIC_CALLS.filter(({ name }) => !name.startsWith('watch.'))

const READS = new Set([
  'kv.get',
  'kv.getRange',
  'kv.count',
  'kv.scan',
  'kv.pages',
  'kv.iterate',
  'kv.nextChange',
  // A renewal may be made any number of times.
  'lease.adopt',
  'lease.keepAliveOnce',
  'lease.timeToLive',
  'lease.list',
  'auth.status',
  'auth.users.list',
  'auth.users.roles',
  'auth.roles.list',
  'auth.roles.permissions',
  'maintenance.status',
  'maintenance.alarms',
  'maintenance.hashKv',
  'maintenance.snapshot',
  'maintenance.saveSnapshot',
  'cluster.members',
])

const HEADER = { clusterId: 1n, memberId: 2n, revision: 5, raftTerm: 3 }

/** Answers to what calls of several requests read, or are granted, before they write. */
const STEPS: Record<string, () => Buffer> = {
  'KV/Range': () => rangeAnswer(),
  'Maintenance/Status': () => encodeFrame(StatusResponse, { header: HEADER, leader: 2n }),
  'Maintenance/Alarm': () =>
    encodeFrame(AlarmResponse, { header: HEADER, alarms: [{ memberId: 2n, alarm: 1 }] }),
  'Lease/LeaseGrant': () => encodeFrame(LeaseGrantResponse, { header: HEADER, id: 7n, ttl: 60 }),
}

function isReading({ name, messages }: FakeCall): boolean {
  if (name === 'Maintenance/Alarm') return AlarmRequest.decode(messages[0]!).action === 0
  return name === 'KV/Range' || name === 'Maintenance/Status'
}

/** How far the peer lets a call come: to its first request, or to the one that writes. */
type Point = 'the first request' | 'the write'

interface MutePeer {
  readonly server: FakeServer
  /** Resolves once a request of the call is left without an answer. */
  readonly reached: Promise<void>
  /** Requests that write and were left without an answer. */
  writes(): number
}

async function startPeer(point: Point, isGranting: boolean): Promise<MutePeer> {
  const reached = Promise.withResolvers<void>()
  let writes = 0
  let isWarm = false
  const server = await startFakeServer((call) => {
    const answer = STEPS[call.name]
    const isStep = isReading(call) || (isGranting && call.name === 'Lease/LeaseGrant')
    if (answer !== undefined && (!isWarm || (point === 'the write' && isStep))) call.answer(answer())
    else {
      if (!isReading(call)) writes += 1
      reached.resolve()
    }
    isWarm = true
  })
  return { server, reached: reached.promise, writes: () => writes }
}

/** The arguments that are fine, with a signal, and an endpoint that is there. */
function argumentsOf({ name, good }: PublicCall, endpoint: string, signal: AbortSignal): unknown[] {
  const place = name === 'kv.scan' ? 0 : good.length - 1
  const given = { ...(good[place] as object), signal }
  return good.with(place, 'endpoint' in given ? { ...given, endpoint } : given) as unknown[]
}

async function run(call: PublicCall, client: EtcdClient, args: unknown[]): Promise<void> {
  const { kv, watch, lease, authAdmin: auth, maintenance, cluster } = client
  const given = await call.call({ kv, watch, lease, auth, maintenance, cluster } as Client, args)
  if (Symbol.asyncIterator in Object(given)) {
    for await (const _ of given as AsyncIterable<unknown>) expect.fail('nothing was answered')
  }
}

const HOWS = ['before', 'abort', 'close', 'after close'] as const

async function check(call: PublicCall, point: Point, how: (typeof HOWS)[number]): Promise<void> {
  const peer = await startPeer(point, call.name === 'kv.putWithTtl')
  const { endpoint } = peer.server
  const client = createEtcdClient({ endpoints: endpoint, timeouts: { callMs: 60_000 } })
  await client.kv.get('warm')
  const stop = new AbortController()
  if (how === 'before') stop.abort('not even begun')
  if (how === 'after close') await client.close()
  const failed = run(call, client, argumentsOf(call, endpoint, stop.signal)).then(
    () => undefined,
    (error: unknown) => error,
  )
  const isBegun = how === 'abort' || how === 'close'
  if (isBegun) await peer.reached
  const startedAt = performance.now()
  if (how === 'abort') stop.abort(new Error('enough'))
  if (how === 'close') await client.close()
  const error = await failed
  expect(performance.now() - startedAt).toBeLessThan(5_000)
  await client.close()
  await peer.server.close()
  if (!(error instanceof EtcdError)) throw new Error(`${how}: no EtcdError`, { cause: error })
  const told = `${how}, at ${point}: ${error.message}`
  expect(error.code, told).toBe(how === 'close' || how === 'after close' ? 'closed' : 'cancelled')
  // Sentences are whole.
  expect(error.message, told).not.toMatch(/[.!?][;,:]/)
  if (READS.has(call.name)) return
  // People read the message, programs the fate.
  expect(error.message.includes('The write was sent before, and may be applied.'), told).toBe(
    error.fate === 'unknown',
  )
  if (call.name === 'kv.putWithTtl' && error.fate === 'unknown')
    expect(error.message).toMatch(/its lease \d+/)
  expect(error.fate, told).toBe(isBegun && peer.writes() > 0 ? 'unknown' : 'not_sent')
  if (isBegun && point === 'the write') expect(peer.writes(), told).toBeGreaterThan(0)
}

const FILES = PUBLIC_CALLS.find(({ name }) => name === 'maintenance.saveSnapshot')!.good[0] as string
afterAll(() => rm(FILES, { force: true }))

test.each(CALLS)('$name, given up, ends at once, by an error of ours', async (call) => {
  const isRead = READS.has(call.name)
  const points: readonly Point[] = isRead ? ['the first request'] : ['the first request', 'the write']
  await Promise.all(points.flatMap((point) => HOWS.map((how) => check(call, point, how))))
})
