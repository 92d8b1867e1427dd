import { expect, it } from 'vitest'
import { EtcdError } from '../errors.ts'
import { settled } from '../watch/scripted-channel.test.kit.ts'
import { setUp } from './lease-channel.test.kit.ts'

const DENIED = new EtcdError('permission_denied', { grpcStatus: 7, what: 'etcd says: permission denied' })

it('the refusal of one lease ends its own renewal only, and says why it was lost', async () => {
  const { channel, service, pass } = setUp()
  const others = [
    await service.grant({ ttlSeconds: 6, id: 1n }),
    await service.grant({ ttlSeconds: 6, id: 3n }),
  ]
  const bad = await service.grant({ ttlSeconds: 6, id: 2n })
  // As etcd 3.5 does: one request after the other, and the first that may not be ends the stream.
  channel.onAsked = (stream, id) => {
    queueMicrotask(() => (id === 2n ? stream.end(DENIED) : stream.answer(id, 6)))
  }
  for (const lease of [others[0]!, bad, others[1]!]) lease.keepAlive()
  await pass(60_000)
  expect(others.map(({ isLost }) => isLost)).toEqual([false, false])
  expect(bad.lost.reason).toMatchObject({
    code: 'lease_lost',
    cause: expect.objectContaining({ code: DENIED.code }),
  })
  expect(bad.lost.reason.message).toContain('permission denied')
})

it('a refused lease is asked for again, and goes back to the others once it may be renewed', async () => {
  const { channel, service, pass } = setUp()
  const lease = await service.grant({ ttlSeconds: 9, id: 2n })
  let isAllowed = false
  channel.onAsked = (stream, id) => {
    queueMicrotask(() => (isAllowed ? stream.answer(id, 9) : stream.end(DENIED)))
  }
  lease.keepAlive()
  await pass(4_000)
  isAllowed = true
  await pass(60_000)
  expect(lease.isLost).toBe(false)
  lease.letExpire()
})

it('a time that the server has made shorter counts', async () => {
  const { channel, service, pass } = setUp()
  const lease = await service.grant({ ttlSeconds: 60, id: 5n })
  let isAnswering = true
  channel.onAsked = (stream, id) => {
    if (isAnswering) queueMicrotask(() => stream.answer(id, 2))
  }
  lease.keepAlive()
  await settled()
  isAnswering = false
  await pass(2_100)
  expect(lease.isLost).toBe(true)
})

it('however many are refused, the others are kept', async () => {
  const { channel, service, pass } = setUp()
  const leases = await Promise.all(
    Array.from({ length: 101 }, (_, index) => service.grant({ ttlSeconds: 4, id: BigInt(index + 1) })),
  )
  channel.onAsked = (stream, id) => {
    queueMicrotask(() => (id === 101n ? stream.answer(id, 4) : stream.end(DENIED)))
  }
  for (const lease of leases) lease.keepAlive()
  await pass(20_000)
  expect(leases.filter(({ isLost }) => !isLost).map(({ id }) => id)).toEqual([101n])
})

it('a lease that was not refused does not name the refusal of another when it is lost', async () => {
  const { channel, service, pass } = setUp()
  const good = await service.grant({ ttlSeconds: 6, id: 1n })
  const bad = await service.grant({ ttlSeconds: 6, id: 2n })
  channel.onAsked = (stream, id) => {
    if (id === 2n) queueMicrotask(() => stream.end(DENIED))
  }
  bad.keepAlive()
  good.keepAlive()
  await pass(6_100)
  expect(bad.lost.reason.message).toContain('permission denied')
  expect(good.lost.reason.message).not.toContain('permission denied')
})

it('a refusal that passes soon costs no lease', async () => {
  const { channel, service, pass } = setUp()
  const lease = await service.grant({ ttlSeconds: 6, id: 2n })
  let refusals = 4
  channel.onAsked = (stream, id) => {
    queueMicrotask(() => (refusals-- > 0 ? stream.end(DENIED) : stream.answer(id, 6)))
  }
  lease.keepAlive()
  await pass(60_000)
  expect(lease.lost.reason).toBeUndefined()
  lease.letExpire()
})

it.each(['letExpire', 'close'])('%s ends a renewal apart at once', async (how) => {
  const { channel, service, clock } = setUp()
  const lease = await service.grant({ ttlSeconds: 60, id: 2n })
  channel.onAsked = (stream) => {
    if (channel.streams.length === 1) queueMicrotask(() => stream.end(DENIED))
  }
  lease.keepAlive()
  await settled()
  expect([channel.streams.length, channel.last.isCancelled]).toEqual([2, false])
  if (how === 'close') service.close()
  else lease.letExpire()
  await settled()
  // The time of the lease itself, where it was not closed.
  expect([channel.last.isCancelled, clock.pending]).toEqual([true, how === 'close' ? 0 : 1])
})

it('a lease that is lost for a login that fails says so, and one later on does not', async () => {
  const { channel, service, pass } = setUp()
  const wrong = new EtcdError('unauthenticated', { what: 'etcd says: the password is wrong' })
  channel.refreshToken = () => Promise.reject(wrong)
  channel.onAsked = (stream) => {
    queueMicrotask(() => stream.end(new EtcdError('unauthenticated', { what: 'the token is invalid' })))
  }
  const lease = await service.grant({ ttlSeconds: 6 })
  lease.keepAlive()
  await pass(6_100)
  expect(lease.lost.reason).toMatchObject({ code: 'lease_lost', cause: wrong })
  channel.refreshToken = () => Promise.resolve()
  const later = await service.grant({ ttlSeconds: 6 })
  later.keepAlive()
  await pass(6_100)
  expect(later.lost.reason.message).toContain('the token is invalid')
})
