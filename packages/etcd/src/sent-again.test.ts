import { expect, test } from 'vitest'
import { deadEndpoint } from '../../../test/support/dead-endpoint.ts'
import { createEtcdClient, type EtcdClient } from './client.ts'
import { op } from './kv/txn.ts'
import { closedAfterEach } from './transport/closed-after-each.test.kit.ts'
import { type FakeCall, startFakeServer } from './transport/fake-server.test.kit.ts'
import { EtcdError } from './errors.ts'
import { AuthenticateResponse } from './wire/auth.ts'
import { encodeFrame } from './wire/frame.ts'
import { RangeResponse } from './wire/kv.ts'
import { LeaseGrantResponse, LeaseTimeToLiveResponse } from './wire/lease.ts'
import { AlarmRequest, AlarmResponse } from './wire/maintenance.ts'

const CLOSING = closedAfterEach()
const HEADER = { clusterId: 1n, memberId: 2n, revision: 5, raftTerm: 3 }

interface Control {
  readonly signal: AbortSignal
  readonly timeoutMs: number
}

interface Write {
  run(client: EtcdClient, control: Control): Promise<unknown>
  /** The request that writes. */
  readonly request: string
  /** Applied twice it has the effect of once, so it is sent again after a lost answer. */
  readonly isRepeated?: boolean
  /** The answer to a request that was applied before. */
  readonly again?: readonly [code: number, message: string]
}

const WRITES: Record<string, Write> = {
  put: { request: 'KV/Put', run: ({ kv }, control) => kv.put('k', 'v', control) },
  delete: { request: 'KV/DeleteRange', run: ({ kv }, control) => kv.delete('k', control) },
  pop: { request: 'KV/DeleteRange', run: ({ kv }, control) => kv.pop('k', control) },
  txn: { request: 'KV/Txn', run: ({ kv }, control) => kv.txn().then(op.put('k', 'v')).commit(control) },
  create: { request: 'KV/Txn', run: ({ kv }, control) => kv.create('k', 'v', control) },
  'create of a unique value': {
    request: 'KV/Txn',
    run: ({ kv }, control) => kv.create('k', 'v', { isUnique: true, ...control }),
  },
  update: { request: 'KV/Txn', run: ({ kv }, control) => kv.update('k', 'v', control) },
  'swap of nothing': {
    request: 'KV/Txn',
    run: ({ kv }, control) => kv.compareAndSwap('k', 'v', { expectedRevision: 0, ...control }),
  },
  'swap by revision': {
    request: 'KV/Txn',
    run: ({ kv }, control) => kv.compareAndSwap('k', 'v', { expectedRevision: 4, ...control }),
  },
  'swap by value': {
    request: 'KV/Txn',
    run: ({ kv }, control) => kv.compareAndSwap('k', 'v', { expectedValue: 'a', ...control }),
  },
  append: { request: 'KV/Txn', run: ({ kv }, control) => kv.append('k', 'v', control) },
  putWithTtl: {
    request: 'KV/Put',
    run: ({ kv }, control) => kv.putWithTtl('k', 'v', { ttlSeconds: 60, ...control }),
  },
  compact: { request: 'KV/Compact', run: ({ kv }, control) => kv.compact(5, control), isRepeated: true },
  grant: {
    request: 'Lease/LeaseGrant',
    run: ({ lease }, control) => lease.grant({ ttlSeconds: 60, ...control }),
    isRepeated: true,
    again: [9, 'etcdserver: lease already exists'],
  },
  'grant of an id': {
    request: 'Lease/LeaseGrant',
    run: ({ lease }, control) => lease.grant({ ttlSeconds: 60, id: 7n, ...control }),
  },
  revoke: {
    request: 'Lease/LeaseRevoke',
    run: ({ lease }, control) => lease.revoke(7n, control),
    isRepeated: true,
    again: [5, 'etcdserver: requested lease not found'],
  },
  'a role': {
    request: 'Auth/RoleAdd',
    run: ({ authAdmin }, control) => authAdmin.roles.add('r', control),
  },
  'a member': {
    request: 'Cluster/MemberPromote',
    run: ({ cluster }, control) => cluster.promoteMember(7n, control),
  },
  'an alarm': {
    request: 'Maintenance/Alarm',
    run: ({ maintenance }, control) => maintenance.disarmAlarms({}, control),
  },
}

/** What the peer does with a request. */
type Step = 'loses' | 'is busy' | 'has no leader' | 'refuses the token' | 'is mute' | 'has it already'

/** What it does with one request of the write after the other; with later ones it does as with the last. */
const COURSES: readonly (readonly Step[])[] = [
  ['loses'],
  ['is mute'],
  ['is busy', 'loses'],
  ['has no leader', 'is busy', 'is mute'],
  ['refuses the token', 'loses'],
  ['refuses the token', 'is busy', 'is mute'],
  ['is busy'],
]
/** The same for what may be sent again after a lost answer. */
const REPEATED: readonly (readonly Step[])[] = [
  ['loses', 'loses', 'is mute'],
  ['loses', 'is busy', 'is mute'],
  ['loses', 'is busy'],
  ['loses', 'refuses the token', 'is mute'],
  ['loses', 'has it already'],
]

/** What it does with the reads that a write makes afterwards. */
type Reads = 'answers' | 'loses' | 'is mute'
const READS: readonly Reads[] = ['answers', 'loses', 'is mute']

/** How the call ends that gets no other answer. */
type End = 'by its time' | 'by an abort' | 'by a close' | 'by an abort while it looks'
const ENDS: readonly End[] = ['by its time', 'by an abort', 'by a close', 'by an abort while it looks']

const UNAPPLIED = new Set<Step>(['is busy', 'has no leader', 'refuses the token'])
const REFUSALS: Partial<Record<Step, readonly [code: number, message: string]>> = {
  'is busy': [8, 'etcdserver: too many requests'],
  'has no leader': [14, 'etcdserver: no leader'],
  'refuses the token': [16, 'etcdserver: invalid auth token'],
}

interface Peer {
  readonly endpoint: string
  readonly steps: Step[]
  /** Resolves once it has reached the end of its course. */
  readonly ended: Promise<void>
  /** Resolves once the call reads after its write. */
  readonly looked: Promise<void>
  close(): Promise<void>
}

async function startPeer(write: Write, course: readonly Step[], reads: Reads): Promise<Peer> {
  const steps: Step[] = []
  const [ended, looked] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const onWrite = (call: FakeCall): void => {
    const step = course[Math.min(steps.length, course.length - 1)]!
    steps.push(step)
    if (step === 'loses') call.session.destroy()
    const refusal = step === 'has it already' ? write.again : REFUSALS[step]
    if (refusal !== undefined) call.refuse(...refusal)
    if (steps.length >= course.length) ended.resolve()
  }
  const onRead = (call: FakeCall): void => {
    if (call.name === 'KV/Range') call.answer(encodeFrame(RangeResponse, { header: HEADER }))
    else if (call.name === 'Lease/LeaseTimeToLive')
      call.answer(encodeFrame(LeaseTimeToLiveResponse, { header: HEADER, ttl: 59, grantedTtl: 60 }))
    else if (call.name === 'Maintenance/Alarm')
      call.answer(encodeFrame(AlarmResponse, { header: HEADER, alarms: [{ memberId: 2n, alarm: 1 }] }))
    else call.refuse(7, 'etcdserver: permission denied')
  }
  const server = await startFakeServer((call) => {
    if (call.name === 'Auth/Authenticate') {
      call.answer(encodeFrame(AuthenticateResponse, { header: HEADER, token: `token ${call.index}` }))
    } else if (call.name === write.request && !isQuestion(call)) onWrite(call)
    else if (call.name === 'Lease/LeaseGrant') {
      call.answer(encodeFrame(LeaseGrantResponse, { header: HEADER, id: 7n, ttl: 60 }))
    } else {
      if (steps.length > 0) looked.resolve()
      if (steps.length === 0 || reads === 'answers') onRead(call)
      else if (reads === 'loses') call.session.destroy()
    }
  })
  const { endpoint } = server
  return { endpoint, steps, ended: ended.promise, looked: looked.promise, close: () => server.close() }
}

/** True if an alarm request only lists the alarms. */
function isQuestion({ name, messages }: FakeCall): boolean {
  return name === 'Maintenance/Alarm' && AlarmRequest.decode(messages[0]!).action === 0
}

/** How often the message says that the request was sent: once unless it says otherwise. */
function saidTimes(what: string): number {
  return Number(/ was sent (\d+) times/.exec(what)?.[1] ?? 1)
}

const TIMEOUT_MS = 250

interface Run {
  readonly client: EtcdClient
  readonly peer: Peer
  readonly end: End
  readonly isTimed: boolean
}

/** The error of the write, and what the peer had done by then. */
async function errorOf(
  write: Write,
  { client, peer, end, isTimed }: Run,
): Promise<readonly [error: unknown, sent: readonly Step[]]> {
  await client.kv.get('warm')
  const stop = new AbortController()
  const running = write.run(client, { signal: stop.signal, timeoutMs: isTimed ? TIMEOUT_MS : 20_000 })
  void peer.ended.then(() => {
    if (end === 'by an abort') stop.abort()
    if (end === 'by a close') void client.close()
  })
  void peer.looked.then(() => {
    if (end === 'by an abort while it looks') stop.abort()
  })
  const error = await running.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return [error, [...peer.steps]]
}

async function check(
  { write, course, isAlone }: Row,
  { reads, end }: { readonly reads: Reads; readonly end: End },
): Promise<void> {
  const peer = await startPeer(write, course, reads)
  const client = createEtcdClient({
    endpoints: isAlone ? peer.endpoint : [await deadEndpoint(), peer.endpoint],
    auth: { username: 'app', password: 'secret' },
    backoff: { minMs: 1, maxMs: 20 },
  })
  const isTimed = end === 'by its time' || end === 'by an abort while it looks'
  const [error, sent] = await errorOf(write, { client, peer, end, isTimed })
  await client.close()
  await peer.close()
  // Nothing is sent after the error, but what was on its way then arrives.
  expect(peer.steps.length - sent.length).toBeLessThanOrEqual(isTimed ? 1 : 0)
  if (error === undefined) {
    expect([sent.at(-1), reads]).toEqual(['has it already', 'answers'])
    return
  }
  if (!(error instanceof EtcdError)) throw error
  const told = `${reads}, ended ${end}: ${error.message}`
  // The peer counts a request when it arrives. One more may be on its way when the time is over, and one when a read,
  // such as the one that proves a refused token, loses the connection.
  const underway = saidTimes(error.what) - Math.max(1, sent.length)
  const mostUnderway = (isTimed ? 1 : 0) + (reads === 'loses' ? 1 : 0)
  expect(underway, told).toBeGreaterThanOrEqual(0)
  expect(underway, told).toBeLessThanOrEqual(mostUnderway)
  if (sent.some((step) => !UNAPPLIED.has(step))) expect(error.fate, told).toBe('unknown')
  else if (sent.length > 0) expect(['unknown', 'not_applied'], told).toContain(error.fate)
  if (!write.isRepeated)
    expect(
      sent.slice(0, -1).every((step) => UNAPPLIED.has(step)),
      told,
    ).toBe(true)
}

interface Row {
  readonly name: string
  readonly write: Write
  readonly course: readonly Step[]
  readonly told: string
  readonly index: number
  /** There is no other endpoint. */
  readonly isAlone: boolean
}

const ROWS: readonly Row[] = Object.entries(WRITES)
  .flatMap(([name, write]) =>
    [...COURSES, ...(write.isRepeated ? REPEATED : [])]
      .filter((course) => !course.includes('has it already') || write.again !== undefined)
      .map((course) => ({ name, write, course, told: course.join(', then ') })),
  )
  .map((row, index) => ({ ...row, index, isAlone: index % 2 === 0 }))

const isLong = process.env['LIVETREE_LONG_TESTS'] !== undefined

test.concurrent.each(ROWS)(
  '$name at a peer that $told: the error says how often it was sent',
  async (row) => {
    const checks = ENDS.flatMap((end, at) => {
      const some = isLong ? READS : [READS[(row.index + at) % READS.length]!]
      return some.map((reads) => check(row, { reads, end }))
    })
    await Promise.all(checks)
  },
)

test('an alarm that stays while another was disarmed leaves the fate open', async () => {
  const alarms = [
    { memberId: 2n, alarm: 1 },
    { memberId: 3n, alarm: 1 },
  ]
  const peer = await startFakeServer((call) => {
    if (isQuestion(call)) call.answer(encodeFrame(AlarmResponse, { header: HEADER, alarms }))
    else if (AlarmRequest.decode(call.messages[0]!).memberId === 3n)
      call.refuse(7, 'etcdserver: permission denied')
    else call.answer(encodeFrame(AlarmResponse, { header: HEADER }))
  })
  CLOSING.push(() => peer.close())
  const client = createEtcdClient({ endpoints: peer.endpoint })
  CLOSING.push(() => client.close())
  await expect(client.maintenance.disarmAlarms()).rejects.toMatchObject({
    code: 'permission_denied',
    fate: 'unknown',
    what: expect.stringMatching(/; 1 of 2 alarms were disarmed before$/),
  })
})
