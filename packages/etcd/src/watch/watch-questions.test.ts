import { describe, expect, it } from 'vitest'
import { EtcdError } from '../errors.ts'
import { settled } from './scripted-channel.test.kit.ts'
import { header, put, setUp, storeOf } from './watch-recorder.test.kit.ts'

const { kv } = put('a', 60)

/**
 * A server that has room for one call at a time, and its streams count too. Returns how many calls waited for
 * room in vain.
 */
function full(all: ReturnType<typeof setUp>): () => number {
  const { channel } = all
  let waited = 0
  channel.onTxn = (request) => {
    const isTaken = channel.streams.some(({ isOver, isCancelled }) => !isOver && !isCancelled)
    if (isTaken) {
      waited += 1
      throw new EtcdError('deadline_exceeded', { fate: 'not_sent' })
    }
    return storeOf([kv], header(100)).txn(request)
  }
  return () => waited
}

describe('what the store is asked about watches', () => {
  it.each([
    ['one endpoint', ['http://a:2379']],
    ['two endpoints', ['http://a:2379', 'http://b:2379']],
  ])('asks before the stream where there is no room beside it: %s', async (_, endpoints) => {
    const all = setUp({}, endpoints)
    const { watch, created, events, channel, reconnect, clock } = all
    const { told } = watch({ prefix: 'a' })
    created(50)
    events(60, [put('a', 60)])
    full(all)
    await reconnect()
    await settled()
    for (let turn = 0; turn < 3; turn += 1) {
      clock.advance(1_000)
      await settled()
    }
    created(100)
    expect(told.at(-1)).toBe('resumed at 61')
    expect(channel.streams.length).toBe(3)
    // The next stream of the only endpoint is asked about at once.
    if (endpoints.length > 1) return
    channel.lastStream.end()
    clock.advance(1_000)
    await settled()
    created(100)
    expect([told.at(-1), channel.streams.length]).toEqual(['resumed at 61', 4])
  })

  it.each([1, 2, 3])(
    'waits for room once per endpoint at most, not after each lost stream: %i',
    async (count) => {
      const urls = ['http://a:2379', 'http://b:2379', 'http://c:2379'].slice(0, count)
      const all = setUp({}, urls)
      const { watch, created, events, channel, clock } = all
      const { told } = watch({ prefix: 'a' })
      created(50)
      events(60, [put('a', 60)])
      const waited = full(all)
      for (let turn = 0; turn < 8; turn += 1) {
        channel.lastStream.end()
        for (let step = 0; step < 4; step += 1) {
          clock.advance(1_000)
          await all.recognized()
        }
        created(100)
        expect(told.at(-1)).toBe('resumed at 61')
      }
      expect(waited()).toBeLessThanOrEqual(count)
      // Moving on to ask first is no second loss.
      expect(told.filter((word) => word.startsWith('disconnected'))).toHaveLength(8 + waited())
    },
  )

  it('another store that has room for one call alone is told', async () => {
    const all = setUp({}, ['http://a:2379'])
    const { watch, created, events, channel, reconnect, clock } = all
    const { told } = watch({ prefix: 'a' })
    created(50)
    events(60, [put('a', 60, 'before')])
    full(all)
    await reconnect()
    await settled()
    clock.advance(1_000)
    await settled()
    expect(told.slice(-2)).toEqual(['cluster changed history_differs', 'end cluster_changed'])
    expect(channel.streams.every(({ isOver, isCancelled }) => isOver || isCancelled)).toBe(true)
  })

  it.each(['request_too_large', 'permission_denied', 'invalid_argument', 'unimplemented'] as const)(
    'a store of which nothing can be read (%s) ends a watch by name',
    async (code) => {
      const { watch, created, events, channel, reconnect } = setUp()
      const { told } = watch({ prefix: 'a' })
      created(50)
      events(60, [put('a', 60)])
      channel.onTxn = () => {
        throw new EtcdError(code)
      }
      channel.onUnary = channel.onTxn as never
      await reconnect()
      // What may not be read is no other store.
      const ending = code === 'permission_denied' ? [] : ['cluster changed unproven']
      const end = code === 'permission_denied' ? 'end permission_denied' : 'end cluster_changed'
      expect(told.slice(-1 - ending.length)).toEqual([...ending, end])
    },
  )

  it.each([
    ['unavailable', new EtcdError('unavailable')],
    ['deadline_exceeded', new EtcdError('deadline_exceeded', { fate: 'unknown' })],
    ['connection_lost', new EtcdError('connection_lost')],
    ['not_grpc', new EtcdError('not_grpc')],
    ['unknown', new EtcdError('unknown', { grpcStatus: 2, fate: 'not_applied' })],
  ])('goes without transactions where they fail with %s and reads are answered', async (_, error) => {
    const { watch, created, events, channel, reconnect } = setUp()
    const { told } = watch({ prefix: 'a' })
    const other = watch({ prefix: 'b' })
    created(50)
    created(50, 1)
    events(60, [put('a', 60)])
    channel.onTxn = () => {
      throw error
    }
    channel.onUnary = storeOf([kv], header(100)).onUnary
    await reconnect()
    created(100, 3)
    created(100, 4)
    expect([told.at(-1), other.told.at(-1)]).toEqual(['resumed at 61', 'resumed at 51'])
    // A transaction that is dropped costs a whole timeout, so the next questions do without.
    const before = channel.calls.length
    await reconnect()
    created(100, 6)
    expect(channel.calls.slice(before).some(({ path }) => path.endsWith('/Txn'))).toBe(false)
    expect(told.at(-1)).toBe('resumed at 61')
  })

  it.each([
    ['not_grpc', new EtcdError('not_grpc'), 'end cluster_changed'],
    ['a status', new EtcdError('internal', { grpcStatus: 13, fate: 'not_applied' }), 'end cluster_changed'],
    ['unavailable', new EtcdError('unavailable'), 'disconnected unavailable'],
  ])(
    'a store that answers no question (%s) is no matter of another watch, nor of the server',
    async (_, error, last) => {
      const all = setUp({}, ['http://a:2379'])
      const { watch, created, events, channel, reconnect, clock, progress } = all
      const { told } = watch({ prefix: 'a' })
      const other = watch({ prefix: 'b' })
      created(50)
      created(50, 1)
      events(60, [put('a', 60)])
      const calls = channel.calls.length
      channel.onUnary = channel.onTxn = () => {
        throw error
      }
      await reconnect()
      for (let turn = 0; turn < 100; turn += 1) {
        clock.advance(100)
        if (all.lastCreate()?.filters.length === 2) created(100, 90)
        // The stream answers what it is asked.
        progress(100)
        await settled()
      }
      created(100, 3)
      expect(told.at(-1)).toBe(last)
      expect(other.told.at(-1)).toBe('resumed at 51')
      // ten seconds, with growing delays in between
      expect(channel.streams.length).toBeLessThan(10)
      expect(channel.calls.length - calls).toBeLessThan(60)
    },
  )

  it('the answer that takes the last watch to another stream opens none for the link it has left', async () => {
    const { watch, channel, service, clock } = setUp()
    watch({ prefix: 'a' })
    watch({ prefix: 'b' })
    channel.onUnary = () => ({ header: header(5) })
    const refuse = (cancelReason: string) =>
      channel.lastStream.answer({
        header: header(5),
        watchId: 0,
        created: true,
        canceled: true,
        cancelReason,
      })
    refuse('etcdserver: invalid auth token')
    refuse('rpc error: code = PermissionDenied desc = etcdserver: permission denied')
    await settled()
    clock.advance(1_000)
    await settled()
    service.close()
    await settled()
    expect(clock.pending).toBe(0)
    expect(channel.streams.filter(({ isOver }) => !isOver)).toEqual([])
  })
})
