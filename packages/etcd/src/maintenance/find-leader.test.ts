import { expect, test } from 'vitest'
import { EtcdError } from '../errors.ts'
import type { CallOptions, Channel } from '../transport/transport.ts'
import { ManualClock, settled } from '../watch/scripted-channel.test.kit.ts'
import { createMaintenanceService } from './maintenance-service.ts'

type Member =
  | 'down'
  | 'refuses'
  | 'closed'
  | { readonly id: bigint; readonly leader: bigint; readonly delay?: boolean }

/** Members that answer for themselves; one that is down is waited for until its caller gives up. */
function setUp(members: Readonly<Record<string, Member>>) {
  const clock = new ManualClock()
  const moved: (string | undefined)[] = []
  const late: (() => void)[] = []
  const status = ({ endpoint, signal }: CallOptions) =>
    new Promise((resolve, reject) => {
      const member = members[endpoint!]!
      signal?.addEventListener('abort', () => reject(new EtcdError('cancelled', { endpoint })))
      if (member === 'down') return
      if (member === 'refuses') return reject(new EtcdError('tls_failed', { endpoint }))
      if (member === 'closed') return reject(new EtcdError('closed', { endpoint }))
      const { id, leader, delay } = member
      const answer = () => resolve({ header: { memberId: id, clusterId: 1n }, leader })
      if (delay) late.push(answer)
      else answer()
    })
  const channel = {
    clusterId: 1n,
    endpoints: () => Object.keys(members),
    unary: (method: { path: string }, _: unknown, options: CallOptions) => {
      if (method.path.endsWith('Status')) return status(options)
      moved.push(options.endpoint)
      return Promise.resolve({})
    },
  } as unknown as Channel
  const service = createMaintenanceService(channel, { clock, callTimeoutMs: 60_000 })
  return { clock, moved, late, service }
}

const FOLLOWER = { id: 2n, leader: 1n } as const
const ELECTING = { id: 3n, leader: 0n } as const

test.each([
  ['one is down', { a: FOLLOWER, b: 'down' }],
  ['two are down', { a: 'down', b: ELECTING, c: 'down' }],
  ['one is down and one is set up wrongly', { a: 'refuses', b: 'down', c: FOLLOWER }],
] as const)('no leader among those that answer, and %s: soon says so', async (_, members) => {
  const { clock, service, moved } = setUp(members)
  const failed = expect(service.moveLeader(9n)).rejects.toMatchObject({
    code: 'no_leader',
    what: expect.stringContaining('no answer came from'),
  })
  await settled()
  clock.advance(2_000)
  await failed
  expect([moved, clock.pending]).toEqual([[], 0])
})

test('a leader that answers late, though within its grace, is asked', async () => {
  const { clock, service, moved, late } = setUp({
    a: FOLLOWER,
    b: { id: 1n, leader: 1n, delay: true },
    c: 'down',
  })
  const moving = service.moveLeader(9n)
  await settled()
  clock.advance(1_900)
  late[0]!()
  await moving
  expect([moved, clock.pending]).toEqual([['b'], 0])
})

test('when none answers, no grace ends the wait', async () => {
  const { clock, service } = setUp({ a: 'down', b: 'down' })
  const stop = new AbortController()
  const failed = expect(service.moveLeader(9n, { signal: stop.signal })).rejects.toMatchObject({
    code: 'cancelled',
  })
  await settled()
  clock.advance(30_000)
  await settled()
  stop.abort()
  await failed
  expect(clock.pending).toBe(0)
})

test('what ends the call says so, though some have answered', async () => {
  const { clock, service } = setUp({ a: FOLLOWER, b: 'down' })
  const stop = new AbortController()
  const moving = service.moveLeader(9n, { signal: stop.signal })
  const failed = expect(moving).rejects.toMatchObject({ code: 'cancelled' })
  await settled()
  stop.abort()
  await failed
  expect(clock.pending).toBe(0)
  const closed = setUp({ a: FOLLOWER, b: 'closed' })
  await expect(closed.service.moveLeader(9n)).rejects.toMatchObject({ code: 'closed' })
})

test('when all answer that they are not the leader, it says so at once', async () => {
  const { service, clock } = setUp({ a: FOLLOWER, b: ELECTING })
  await expect(service.moveLeader(9n)).rejects.toMatchObject({
    code: 'no_leader',
    what: 'none of the endpoints a, b is the leader',
  })
  expect(clock.pending).toBe(0)
})
