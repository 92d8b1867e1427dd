import { describe, expect, it } from 'vitest'
import { EtcdError } from '../errors.ts'
import { Namespace } from '../key-range.ts'
import { settled } from '../watch/scripted-channel.test.kit.ts'
import { put, setUp } from '../watch/watch-recorder.test.kit.ts'
import { createKv } from './kv-shortcuts.ts'

describe('nextChange', () => {
  const open = () => {
    const all = setUp()
    const { channel, service: watch, clock } = all
    const kv = createKv({ channel, watch, clock, namespace: new Namespace(), maxTxnOps: 128 })
    return { ...all, kv }
  }

  it.each([
    ['a negative revision', { key: 'a', afterRevision: -1 }, /afterRevision is -1/],
    ['an empty key', { key: '' }, /the key is empty/],
    ['an empty range', { from: 'b', to: 'a' }, /the range is empty/],
  ])('refuses %s and leaves no promise and no timer behind', async (_, query, message) => {
    const { kv, clock, service } = open()
    const unhandled: unknown[] = []
    const note = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', note)
    try {
      await expect(kv.nextChange({ ...query, timeoutMs: 200 })).rejects.toThrow(message)
      clock.advance(1_000)
      await new Promise((resolve) => setImmediate(resolve))
    } finally {
      process.off('unhandledRejection', note)
    }
    expect([unhandled, clock.pending, service.size]).toEqual([[], 0, 0])
  })

  it('refuses on a closed client as it does everything else', async () => {
    const { kv, clock, service } = open()
    service.close()
    await expect(kv.nextChange({ key: 'a', timeoutMs: 200 })).rejects.toThrow(/\[closed\]/)
    expect(clock.pending).toBe(0)
  })

  it('gives the first change, and ends its watch and its timer', async () => {
    const { kv, created, events, clock, service } = open()
    const change = kv.nextChange({ key: 'a', timeoutMs: 200 })
    created(5)
    events(7, [put('a', 6), put('a', 7)])
    expect((await change).revision).toBe(6)
    await settled()
    expect([clock.pending, service.size]).toEqual([0, 0])
  })

  it('gives up in time, by its signal, and with what ends the watch', async () => {
    const { kv, channel, clock, service } = open()
    const late = kv.nextChange({ key: 'a', timeoutMs: 200 })
    late.catch(() => undefined)
    clock.advance(200)
    await expect(late).rejects.toThrow(/deadline_exceeded.*no change within 200 ms/)
    const stop = new AbortController()
    const stopped = kv.nextChange({ key: 'a', signal: stop.signal })
    stop.abort()
    await expect(stopped).rejects.toThrow(/cancelled/)
    const refused = kv.nextChange({ key: 'a', timeoutMs: 1_000 })
    refused.catch(() => undefined)
    for (const _ of channel.endpoints()) {
      channel.lastStream.end(new EtcdError('permission_denied'))
      clock.advance(100)
    }
    await expect(refused).rejects.toThrow(/permission_denied/)
    await settled()
    expect([clock.pending, service.size]).toEqual([0, 0])
  })
})
