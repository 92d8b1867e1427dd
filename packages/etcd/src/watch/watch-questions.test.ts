import { describe, expect, it } from 'vitest'
import { EtcdError } from '../errors.ts'
import { settled } from './scripted-channel.test.kit.ts'
import { header, put, setUp, storeOf } from './watch-recorder.test.kit.ts'

const { kv } = put('a', 60)

/** A server that has room for so many calls at a time beside nothing else: its streams count too. */
function full(all: ReturnType<typeof setUp>): void {
  const { channel } = all
  channel.onTxn = (request) => {
    const isTaken = channel.streams.some(({ isOver, isCancelled }) => !isOver && !isCancelled)
    if (isTaken) throw new EtcdError('deadline_exceeded', { fate: 'not_sent' })
    return storeOf([kv], header(100)).txn(request)
  }
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
      expect(told.slice(-2)).toEqual(['cluster changed unproven', 'end cluster_changed'])
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
