import { describe, expect, it } from 'vitest'
import { settled } from '../watch/scripted-channel.test.kit.ts'
import { setUp } from './lease-channel.test.kit.ts'

it('a granted lease counts from when its request went out, however long it waited before', async () => {
  const { channel, service, pass } = setUp()
  channel.beforeSending = () => pass(4_000)
  const lease = await service.grant({ ttlSeconds: 3 })
  expect(lease.isLost).toBe(false)
  expect(lease.expiresAt - Date.now()).not.toBeNaN()
  await pass(2_900)
  expect(lease.isLost).toBe(false)
  await pass(200)
  expect(lease.isLost).toBe(true)
  expect(lease.lost.reason.message).not.toContain('time of day')
})

describe('an answer that takes longer than the time of the lease', () => {
  /** A grant of 3 s whose answer takes 4 s. */
  const slowGrant = (id?: bigint) => {
    const all = setUp()
    all.channel.onUnary = (path, request) => {
      const answer = { ...request, ttl: 3 }
      if (path !== 'LeaseGrant') return answer
      return new Promise((resolve) => all.clock.setTimeout(() => resolve(answer), 4_000))
    }
    return { ...all, granting: all.service.grant({ ttlSeconds: 3, ...(id === undefined ? {} : { id }) }) }
  }

  it.each([undefined, 77n])('is made up for by one renewal (id %s)', async (id) => {
    const { channel, granting, pass } = slowGrant(id)
    channel.onAsked = (stream, asked) => queueMicrotask(() => stream.answer(asked, 3))
    await pass(4_100)
    const lease = await granting
    expect([lease.isLost, channel.streams.length]).toEqual([false, 1])
    await pass(2_900)
    expect(lease.isLost).toBe(false)
    await pass(200)
    expect(lease.isLost).toBe(true)
  })

  it('is an error where the renewal takes too long as well, and the lease is given back', async () => {
    const { channel, clock, granting, pass } = slowGrant()
    channel.onAsked = (stream, id) => clock.setTimeout(() => stream.answer(id, 3), 3_500)
    const failed = expect(granting).rejects.toMatchObject({
      code: 'lease_lost',
      message: expect.stringMatching(/has 3 s, and the answers of the server take longer/),
    })
    await pass(8_000)
    await failed
    expect(channel.calls.map(({ path }) => path)).toEqual(['LeaseGrant', 'LeaseRevoke'])
    expect(clock.pending).toBe(0)
  })

  it.each(['abort', 'close'] as const)('leaves the fate open where the renewal ends by %s', async (how) => {
    const { channel, service, clock, pass } = setUp()
    const stop = new AbortController()
    channel.onUnary = (path, request) => {
      const answer = { ...request, ttl: 3 }
      if (path !== 'LeaseGrant') return answer
      return new Promise((resolve) => clock.setTimeout(() => resolve(answer), 4_000))
    }
    const granting = service.grant({ ttlSeconds: 3, signal: stop.signal })
    const failed = expect(granting).rejects.toMatchObject({
      code: how === 'abort' ? 'cancelled' : 'closed',
      fate: 'unknown',
    })
    await pass(4_000)
    if (how === 'abort') stop.abort()
    else service.close()
    await pass(10_000)
    await failed
  })

  it('is an error of adopt, which gives nothing back', async () => {
    const { channel, clock, service, pass } = setUp()
    channel.onAsked = (stream, id) => clock.setTimeout(() => stream.answer(id, 3), 3_500)
    const failed = expect(service.adopt(5n)).rejects.toMatchObject({ code: 'lease_lost' })
    await pass(8_000)
    await failed
    expect([channel.calls, clock.pending]).toEqual([[], 0])
  })
})

it('an adopted lease counts from when its renewal went out, and not from the wait for a connection', async () => {
  const { channel, service, pass, clock } = setUp()
  channel.beforeSending = () => pass(2_500)
  channel.onAsked = (stream, id) => queueMicrotask(() => stream.answer(id, 3))
  const lease = await service.adopt(5n)
  expect(lease.expiresAt).toBe(clock.now() + 3_000)
})

it('a renewal counts from when it went out, and not from the wait for a connection', async () => {
  const { channel, service, clock } = setUp()
  const lease = await service.grant({ ttlSeconds: 30 })
  let connect: () => void = () => undefined
  channel.beforeSending = () => new Promise((resolve) => (connect = resolve))
  channel.onAsked = (stream, id) => queueMicrotask(() => stream.answer(id, 30))
  lease.keepAlive()
  clock.advance(4_000)
  connect()
  await settled()
  expect([channel.streams.length, lease.expiresAt]).toEqual([1, clock.now() + 30_000])
})
