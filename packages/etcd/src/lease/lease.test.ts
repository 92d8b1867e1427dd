import { describe, expect, it } from 'vitest'
import { EtcdError } from '../errors.ts'
import { Namespace } from '../key-range.ts'
import { settled } from '../watch/scripted-channel.test.kit.ts'
import type { CallOptions } from '../transport/transport.ts'
import { setUp } from './lease-channel.test.kit.ts'
import type { LeaseService } from './lease-contract.ts'

describe('granting', () => {
  it('T1.41 chooses a random positive id, and may therefore repeat the request', async () => {
    const { channel, service } = setUp()
    const ids = new Set<bigint>()
    for (let index = 0; index < 50; index += 1) ids.add((await service.grant({ ttlSeconds: 5 })).id)
    expect(ids.size).toBe(50)
    for (const id of ids) expect(id > 0n && id < 2n ** 63n).toBe(true)
    expect(channel.calls.every(({ retry }) => retry === 'read')).toBe(true)
    expect([...ids].some((id) => id > BigInt(Number.MAX_SAFE_INTEGER))).toBe(true)
  })

  it('T1.41 "exists already" to a repeated request means that it is ours', async () => {
    const { channel, service } = setUp()
    channel.onUnary = (path) => {
      if (path === 'LeaseGrant') throw new EtcdError('lease_exists')
      return { ttl: 8, grantedTtl: 9 }
    }
    expect((await service.grant({ ttlSeconds: 5 })).ttlSeconds).toBe(9)
    channel.onUnary = (path) => {
      if (path === 'LeaseGrant') throw new EtcdError('lease_exists')
      return { ttl: -1 }
    }
    await expect(service.grant({ ttlSeconds: 5 })).rejects.toMatchObject({ code: 'lease_not_found' })
  })

  it('T1.41 an id of the caller is not asked for twice, and may be taken', async () => {
    const { channel, service } = setUp()
    const { id } = await service.grant({ ttlSeconds: 5, id: 7587000000000000001n })
    expect(id).toBe(7587000000000000001n)
    expect(channel.calls[0]?.retry).toBe('write')
    channel.onUnary = () => {
      throw new EtcdError('lease_exists')
    }
    await expect(service.grant({ ttlSeconds: 5, id: 1n })).rejects.toMatchObject({ code: 'lease_exists' })
  })

  it('T1.40 goes by what was granted', async () => {
    const { channel, service, clock } = setUp()
    channel.onUnary = (_, { id }) => ({ id, ttl: 2 })
    const lease = await service.grant({ ttlSeconds: 1 })
    expect(lease.ttlSeconds).toBe(2)
    clock.advance(1_999)
    expect(lease.isLost).toBe(false)
    clock.advance(1)
    expect(lease.isLost).toBe(true)
  })

  it('refuses what cannot be granted', async () => {
    const { service } = setUp()
    await expect(service.grant({ ttlSeconds: 0 })).rejects.toThrow(/ttlSeconds is 0/)
    await expect(service.grant({ ttlSeconds: 1.5 })).rejects.toThrow(/ttlSeconds is 1.5/)
    await expect(service.grant({ ttlSeconds: 5, id: 0n })).rejects.toThrow(/lease id is 0/)
  })

  it('a failed grant leaves no timer', async () => {
    const { channel, service, clock } = setUp()
    channel.onUnary = () => {
      throw new EtcdError('no_space')
    }
    await expect(service.grant({ ttlSeconds: 5 })).rejects.toMatchObject({ code: 'no_space' })
    expect(clock.pending).toBe(0)
  })
})

describe('the deadline', () => {
  it('T1.39 counts from sending, not from the answer', async () => {
    const { channel, service, clock } = setUp()
    let answer: (ttl: number) => void = () => undefined
    channel.onUnary = (_, { id }) => new Promise((resolve) => (answer = (ttl) => resolve({ id, ttl })))
    const granting = service.grant({ ttlSeconds: 5 })
    await settled()
    clock.advance(3_000)
    answer(5)
    const lease = await granting
    expect(lease.expiresAt).toBe(clock.now() + 2_000)
    clock.advance(1_999)
    expect(lease.lost.aborted).toBe(false)
    clock.advance(1)
    expect(lease.lost.reason).toMatchObject({ code: 'lease_lost' })
  })

  it('T1.39 a renewal counts from when it was sent', async () => {
    const { channel, clock, keep, pass } = setUp()
    const { lease, state } = await keep(6)
    state.isAnswering = false
    await pass(2_000)
    const sentAt = clock.now()
    await pass(900)
    channel.last.answer(lease.id, 6)
    expect(lease.expiresAt).toBe(sentAt + 6_000)
  })

  it('a renewal that is never answered renews nothing', async () => {
    const { keep, pass, clock, channel } = setUp()
    const { lease, state } = await keep(6)
    const { expiresAt } = lease
    state.isAnswering = false
    await pass(5_950)
    expect([lease.expiresAt, lease.isLost]).toEqual([expiresAt, false])
    await pass(50)
    expect(lease.lost.reason).toMatchObject({ code: 'lease_lost' })
    await settled()
    expect([clock.pending, channel.last.isCancelled]).toEqual([0, true])
  })

  it('a lease that is not renewed runs out', async () => {
    const { service, clock } = setUp()
    const lease = await service.grant({ ttlSeconds: 3 })
    clock.advance(3_000)
    expect([lease.isLost, clock.pending]).toEqual([true, 0])
  })

  it('may be months away', async () => {
    const { keep, clock, pass } = setUp()
    const { lease, state } = await keep(9_000_000_000)
    expect(lease.isLost).toBe(false)
    state.isAnswering = false
    lease.letExpire()
    await pass(9_000_000_000_000 - 1, 2 ** 40)
    expect(lease.lost.aborted).toBe(false)
    await pass(1)
    expect([lease.lost.aborted, clock.pending]).toEqual([true, 0])
  })

  it('a step of the clock back does not lengthen it, not even on paper', async () => {
    const { keep, clock, pass } = setUp()
    const { lease, state } = await keep(6)
    state.isAnswering = false
    await pass(1_000)
    clock.step(-3_600_000)
    expect(lease.expiresAt).toBe(clock.now() + 5_000)
    await pass(4_950)
    expect(lease.isLost).toBe(false)
    await pass(50)
    expect(lease.lost.reason).toMatchObject({ code: 'lease_lost' })
  })

  it('a clock set back stops no renewal', async () => {
    const { keep, clock, pass } = setUp()
    const { lease } = await keep(6)
    for (let round = 0; round < 5; round += 1) {
      clock.step(-3_600_000)
      await pass(4_000)
    }
    expect(lease.isLost).toBe(false)
  })

  it('time that passed while the machine slept has passed; the signal follows within a second', async () => {
    const { keep, clock, pass } = setUp()
    const { lease, state } = await keep(60)
    state.isAnswering = false
    // As after the machine has slept: the timers are late, the time of day is right.
    clock.step(3_600_000)
    expect([lease.isLost, lease.expiresAt]).toEqual([true, clock.now()])
    await pass(1_000)
    expect(lease.lost.reason.message).toMatch(/by the time of day, which was set ahead or .* slept/)
    await settled()
    expect(clock.pending).toBe(0)
  })

  it('an answer that comes after the machine slept over its time does not revive it', async () => {
    const { channel, clock, keep, pass } = setUp()
    const { lease, state } = await keep(6)
    state.isAnswering = false
    await pass(2_000)
    clock.step(10_000)
    channel.last.answer(lease.id, 6)
    expect(lease.isLost).toBe(true)
  })

  it('an older answer that comes later shortens nothing', async () => {
    const { channel, keep, pass } = setUp()
    const { lease, state } = await keep(6)
    state.isAnswering = false
    await pass(2_000)
    await pass(1_000)
    expect(channel.streams.length).toBe(2)
    channel.streams[1]?.answer(lease.id, 6)
    const { expiresAt } = lease
    channel.streams[0]?.answer(lease.id, 6)
    expect(lease.expiresAt).toBe(expiresAt)
  })
})

describe('keeping alive', () => {
  it('renews at once and every third of the time, all leases on one stream', async () => {
    const { channel, service, keep, pass } = setUp()
    const { lease } = await keep(6)
    const other = await service.grant({ ttlSeconds: 9 })
    channel.onAsked = (stream, id) => queueMicrotask(() => stream.answer(id, id === lease.id ? 6 : 9))
    other.keepAlive()
    other.keepAlive()
    await pass(18_500)
    expect(channel.streams.length).toBe(1)
    expect(channel.last.asked.filter((id) => id === lease.id).length).toBe(10)
    expect(channel.last.asked.filter((id) => id === other.id).length).toBe(7)
    expect([lease.isLost, other.isLost]).toEqual([false, false])
  })

  it.each([0, -1])('T1.38 an answer with ttl %s means that it is gone', async (ttl) => {
    const { keep, state, channel, clock } = await (async () => {
      const all = setUp()
      const kept = await all.keep(6)
      return { ...all, ...kept, keep: kept.lease }
    })()
    state.ttl = ttl
    clock.advance(2_000)
    await settled()
    expect(keep.lost.reason).toMatchObject({ code: 'lease_lost' })
    await settled()
    expect([clock.pending, channel.last.isCancelled]).toEqual([0, true])
  })

  it('T1.50 a lost stream is opened elsewhere, and what was asked is asked again', async () => {
    const { channel, keep, pass } = setUp()
    const { lease, state } = await keep(6)
    state.isAnswering = false
    await pass(2_000)
    channel.last.end(new EtcdError('connection_lost'))
    state.isAnswering = true
    await pass(50)
    expect([channel.streams.length, channel.last.avoided, channel.last.asked]).toEqual([
      2,
      'http://a',
      [lease.id],
    ])
    await pass(10_000)
    expect([lease.isLost, channel.streams.length]).toEqual([false, 2])
  })

  it('T1.15 while an answer is late, another stream is tried besides; the first ends when it is of no use', async () => {
    const { channel, keep, pass } = setUp()
    const { lease, state } = await keep(6)
    state.isAnswering = false
    await pass(2_000)
    await pass(1_000)
    state.isAnswering = true
    expect([channel.streams.length, channel.last.avoided]).toEqual([2, 'http://a'])
    expect(channel.streams[0]?.isCancelled).toBe(false)
    channel.last.answer(lease.id, 6)
    await pass(12_000)
    expect([lease.isLost, channel.streams.length, channel.streams[0]?.isCancelled]).toEqual([false, 2, true])
  })

  /** Answers come so long after they were asked for, each on its own stream. */
  const answerAfter = ({ channel, clock }: ReturnType<typeof setUp>, ttl: number, roundTripMs: number) => {
    channel.onAsked = (stream, id) => clock.setTimeout(() => stream.answer(id, ttl), roundTripMs)
  }

  it.each([
    [2, 360],
    [2, 500],
    [2, 900],
    [6, 2_500],
    [10, 4_900],
  ])('T3.79 a lease of %s s is kept over a round trip of %s ms', async (ttlSeconds, roundTripMs) => {
    const all = setUp()
    const { service, pass, channel, clock } = all
    answerAfter(all, ttlSeconds, roundTripMs)
    const lease = await service.grant({ ttlSeconds })
    lease.keepAlive()
    await pass(ttlSeconds * 10_000)
    expect(lease.lost.reason).toBeUndefined()
    // It has learned how long answers take: no more streams than at first.
    expect(channel.streams.length).toBeLessThan(5)
    expect(channel.streams.filter(({ isCancelled }) => !isCancelled).length).toBe(1)
    lease.letExpire()
    await pass(ttlSeconds * 1_000)
    expect(clock.pending).toBe(0)
  })

  it('T3.79 among endpoints of which only the last answers, it is found before the time is over', async () => {
    const { channel, service, pass } = setUp()
    const lease = await service.grant({ ttlSeconds: 6 })
    channel.onAsked = (stream, id) => {
      if (channel.streams.indexOf(stream) >= 3) queueMicrotask(() => stream.answer(id, 6))
    }
    lease.keepAlive()
    await pass(30_000)
    expect(lease.isLost).toBe(false)
  })

  it('all holders of one lease share its renewal, and each may leave', async () => {
    const { channel, service, pass } = setUp()
    channel.onAsked = (stream, id) => queueMicrotask(() => stream.answer(id, 6))
    const first = await service.grant({ ttlSeconds: 6, id: 77n })
    const second = await service.adopt(77n)
    const asked = () => channel.streams.flatMap((stream) => stream.asked).length
    first.keepAlive()
    second.keepAlive()
    await settled()
    const before = asked()
    await pass(20_000)
    expect([first.isLost, second.isLost]).toEqual([false, false])
    expect(asked() - before).toBe(10)
    first.letExpire()
    await pass(6_000)
    expect([first.isLost, second.isLost]).toEqual([true, false])
    channel.last.answer(77n, 0)
    await pass(6_000)
    expect(second.isLost).toBe(false)
    channel.onAsked = (stream, id) => queueMicrotask(() => stream.answer(id, 0))
    await pass(3_000)
    expect(second.lost.reason).toMatchObject({ code: 'lease_lost' })
  })

  it('who revokes a lease ends it for all holders of this client at once', async () => {
    const { channel, service } = setUp()
    channel.onAsked = (stream, id) => queueMicrotask(() => stream.answer(id, 6))
    const first = await service.grant({ ttlSeconds: 6, id: 77n })
    const second = await service.adopt(77n)
    const third = await service.grant({ ttlSeconds: 6 })
    await first.revoke()
    expect([first, second, third].map((lease) => lease.lost.aborted)).toEqual([true, true, false])
    await service.revoke(third.id)
    expect(third.lost.aborted).toBe(true)
  })

  it('a stream lost between two renewals is opened with the next one', async () => {
    const { channel, keep, pass } = setUp()
    await keep(6)
    channel.last.end(undefined)
    await pass(1_900)
    expect(channel.streams.length).toBe(1)
    await pass(200)
    expect(channel.streams.length).toBe(2)
  })

  it('tries on until the deadline', async () => {
    const { channel, keep, pass } = setUp()
    const { lease, state } = await keep(6)
    state.isAnswering = false
    channel.onAsked = (stream) => queueMicrotask(() => stream.end(new EtcdError('connect_failed')))
    await pass(5_900)
    expect(lease.isLost).toBe(false)
    expect(channel.streams.length).toBeGreaterThan(4)
    await pass(100)
    expect(lease.isLost).toBe(true)
  })

  it('T1.43 T1.47 an expired token is renewed', async () => {
    const { channel, keep, pass } = setUp()
    const { lease, state } = await keep(6)
    state.isAnswering = false
    await pass(2_000)
    channel.last.end(new EtcdError('unauthenticated'))
    state.isAnswering = true
    await pass(100)
    expect([channel.refreshes, channel.streams.length, lease.isLost]).toEqual([1, 2, false])
  })

  it('letExpire stops it, and the stream with the last one', async () => {
    const { channel, keep, pass, clock } = setUp()
    const { lease } = await keep(6)
    lease.letExpire()
    expect(channel.last.isCancelled).toBe(true)
    await pass(6_000)
    expect([lease.isLost, clock.pending]).toEqual([true, 0])
    lease.keepAlive()
    expect(channel.streams.length).toBe(1)
  })

  it('a listener of one lease may end the others', async () => {
    const { channel, service, clock } = setUp()
    const leases = await Promise.all([1, 2, 3].map(() => service.grant({ ttlSeconds: 6 })))
    leases[0]!.lost.addEventListener('abort', () => {
      for (const lease of leases) lease.letExpire()
    })
    for (const lease of leases) lease.keepAlive()
    channel.last.answer(leases[0]!.id, 0)
    await settled()
    expect([channel.last.isCancelled, channel.streams.length]).toEqual([true, 1])
    clock.advance(6_000)
    expect(clock.pending).toBe(0)
  })

  it('close loses every lease, with the reason', async () => {
    const { keep, service, clock, channel } = setUp()
    const { lease } = await keep(6)
    service.close()
    await settled()
    expect([lease.lost.reason.code, clock.pending, channel.last.isCancelled]).toEqual(['closed', 0, true])
    await expect(service.grant({ ttlSeconds: 5 })).rejects.toMatchObject({ code: 'closed' })
  })
})

describe('the other calls', () => {
  it('revoke stops what relies on the lease first; gone already is fine', async () => {
    const { channel, keep } = setUp()
    const { lease } = await keep(6)
    const order: string[] = []
    lease.lost.addEventListener('abort', () => order.push('lost'))
    channel.onUnary = (path) => {
      order.push(path)
      throw new EtcdError('lease_not_found')
    }
    await lease.revoke()
    expect(order).toEqual(['lost', 'LeaseRevoke'])
    expect(channel.calls.at(-1)?.retry).toBe('read')
    channel.onUnary = () => {
      throw new EtcdError('unavailable')
    }
    await expect(lease.revoke()).rejects.toMatchObject({ code: 'outcome_unknown', fate: 'unknown' })
  })

  it('`await using` revokes at the end of the block', async () => {
    const { channel, service } = setUp()
    {
      await using lease = await service.grant({ ttlSeconds: 5 })
      expect(lease.isLost).toBe(false)
    }
    expect(channel.calls.at(-1)?.path).toBe('LeaseRevoke')
  })

  it('timeToLive tells time and keys, or that there is no such lease', async () => {
    const { channel, service } = setUp({ namespace: new Namespace('/ns/') })
    channel.onUnary = () => ({ id: 5n, ttl: 3, grantedTtl: 10, keys: ['/ns/a', '/other'] })
    const info = await service.timeToLive(5n, { keys: true })
    expect(info).toMatchObject({ id: 5n, ttlSeconds: 3, grantedTtlSeconds: 10 })
    expect(info?.keys.map(String)).toEqual(['a'])
    channel.onUnary = () => ({ id: 5n, ttl: -1 })
    expect(await service.timeToLive(5n)).toBeUndefined()
  })

  it('list gives exact ids', async () => {
    const { channel, service } = setUp()
    channel.onUnary = () => ({ leases: [{ id: 7587000000000000001n }, { id: 1n }] })
    expect(await service.list()).toEqual([7587000000000000001n, 1n])
  })

  it('adopt takes on a lease that is there', async () => {
    const { channel, service, clock } = setUp()
    channel.onAsked = (stream, id) => queueMicrotask(() => stream.answer(id, id === 5n ? 7 : 0))
    const lease = await service.adopt(5n)
    expect([lease.id, lease.ttlSeconds, lease.expiresAt]).toEqual([5n, 7, clock.now() + 7_000])
    await expect(service.adopt(6n)).rejects.toMatchObject({ code: 'lease_not_found' })
  })

  it('keepAliveOnce tries again elsewhere, and with a new token', async () => {
    const { channel, service, pass } = setUp()
    const errors = [
      new EtcdError('unauthenticated'),
      new EtcdError('unauthenticated', { what: 'etcd says: revision of auth store is old' }),
      new EtcdError('connection_lost', { endpoint: 'http://b' }),
    ]
    channel.onAsked = (stream, id) => {
      const error = errors.shift()
      queueMicrotask(() => (error === undefined ? stream.answer(id, 7) : stream.end(error)))
    }
    const renewal = service.keepAliveOnce(5n)
    await pass(100)
    expect(await renewal).toBe(7)
    expect([channel.refreshes, channel.streams.length, channel.last.avoided]).toEqual([2, 4, 'http://b'])
  })

  /** Both renew a lease once; gives the TTL. */
  const RENEWALS = {
    keepAliveOnce: (service: LeaseService, options: CallOptions) => service.keepAliveOnce(5n, options),
    adopt: async (service: LeaseService, options: CallOptions) =>
      (await service.adopt(5n, options)).ttlSeconds,
  }
  const renewals = Object.entries(RENEWALS)

  it.each(renewals)(
    '%s goes on to the next endpoint within its time, when one does not answer',
    async (_, renew) => {
      const { channel, service, pass, clock } = setUp()
      const seen: unknown[] = []
      const stream = channel.stream.bind(channel)
      channel.stream = (method, handlers, options = {}) => {
        const { timeoutMs } = options as { timeoutMs: number }
        seen.push(timeoutMs)
        const opened = stream(method, handlers, options)
        const fake = channel.last
        clock.setTimeout(
          () => fake.end(new EtcdError('deadline_exceeded', { endpoint: fake.endpoint })),
          timeoutMs,
        )
        return opened
      }
      channel.onAsked = (fake, id) => {
        if (fake.endpoint === 'http://b') queueMicrotask(() => fake.answer(id, 7))
      }
      const renewal = renew(service, { timeoutMs: 4_000 })
      await pass(2_050)
      expect([await renewal, seen]).toEqual([7, [2_000, 2_000]])
    },
  )

  it.each(renewals.flatMap(([name, renew]) => ['abort', 'close'].map((how) => [name, how, renew] as const)))(
    '%s, ended by %s, says that an attempt before may have been applied',
    async (_, how, renew) => {
      const { channel, service } = setUp()
      const errors = [
        new EtcdError('connection_lost', { endpoint: 'http://a' }),
        new EtcdError('connect_failed', { endpoint: 'http://b' }),
      ]
      channel.onAsked = (stream) => queueMicrotask(() => stream.end(errors.shift()))
      channel.backoffMs = () => 5_000
      const stop = new AbortController()
      const failed = renew(service, { signal: stop.signal }).catch((error: unknown) => error)
      while (errors.length > 0) await settled()
      await settled()
      if (how === 'abort') stop.abort()
      else service.close()
      expect(await failed).toMatchObject({ code: how === 'abort' ? 'cancelled' : 'closed', fate: 'unknown' })
    },
  )

  it('keepAliveOnce says after its whole time what was wrong', async () => {
    const { channel, service, pass } = setUp()
    channel.onAsked = (stream) =>
      queueMicrotask(() => stream.end(new EtcdError('connect_failed', { endpoint: stream.endpoint })))
    const told: string[] = []
    const failed = expect(
      service.keepAliveOnce(5n, {
        timeoutMs: 1_000,
        onRetry(error) {
          told.push(error.code)
          throw new Error('of the caller')
        },
      }),
    ).rejects.toMatchObject({ code: 'deadline_exceeded', message: expect.stringContaining('1000 ms') })
    await pass(1_100)
    await failed
    expect(told.length).toBeGreaterThan(3)
  })

  it.each(renewals.flatMap(([name, renew]) => ['abort', 'close'].map((how) => [how, name, renew] as const)))(
    '%s ends the pause of %s at once, and leaves nothing',
    async (how, _, renew) => {
      const { channel, service, clock } = setUp()
      channel.onAsked = (stream) => queueMicrotask(() => stream.end(new EtcdError('connect_failed')))
      channel.backoffMs = () => 5_000
      const stop = new AbortController()
      const renewal = renew(service, { signal: stop.signal })
      const failed = expect(renewal).rejects.toMatchObject({
        name: 'EtcdError',
        code: how === 'abort' ? 'cancelled' : 'closed',
      })
      await settled()
      await settled()
      // It pauses after an error that names no endpoint.
      expect(channel.streams).toHaveLength(1)
      if (how === 'abort') stop.abort(new Error('enough'))
      else service.close()
      await failed
      clock.advance(5_000)
      expect(clock.pending).toBe(0)
    },
  )
})
