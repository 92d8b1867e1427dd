import { describe, expect, it } from 'vitest'
import { put, setUp, textOf } from './watch-recorder.test.kit.ts'

describe('for await', () => {
  const setUpReader = (options: { maxQueuedEvents?: number; maxQueuedBytes?: number } = {}) => {
    const all = setUp()
    const reader = all.service.watch({ prefix: 'a' }, options)
    all.created(1)
    return { ...all, reader }
  }

  it('gives batches in order, to reads before and after they came', async () => {
    const { reader, events } = setUpReader()
    const early = [reader.next(), reader.next()]
    events(2, [put('a', 2)])
    events(3, [put('a', 3)])
    events(4, [put('a', 4)])
    const read = await Promise.all([...early, reader.next()])
    expect(read.map(({ value }) => value && textOf(value))).toEqual(['2: +a', '3: +a', '4: +a'])
  })

  it('says when a server has created it', async () => {
    const { service, created } = setUp()
    const reader = service.watch({ prefix: 'a' })
    created(7)
    expect(await reader.created).toMatchObject({ revision: 7, position: 8 })
  })

  it('says how it ended before a server has created it, to whoever asks', async () => {
    const elsewhere = setUp()
    const reader = elsewhere.service.watch({ prefix: 'a' }, { afterRevision: 3, clusterId: 999n })
    elsewhere.created(5)
    await expect(reader.next()).rejects.toMatchObject({ code: 'cluster_changed' })
    await expect(reader.created).rejects.toMatchObject({ code: 'cluster_changed' })
    const { service } = setUp()
    const cancelled = service.watch({ prefix: 'a' })
    const closed = service.watch({ prefix: 'b' })
    await cancelled.return()
    service.close()
    expect([await cancelled.created, await closed.created]).toEqual([undefined, undefined])
  })

  it.each([
    ['events', { maxQueuedEvents: 4 }],
    ['bytes', { maxQueuedBytes: 12 }],
  ])('T1.54 leaves the server when too many %s wait, and comes back at half', async (_, options) => {
    const { reader, events, created, recognized, channel, lastCreate } = setUpReader(options)
    events(9, [put('a', 2), put('a', 3), put('a', 4), put('a', 5), put('a', 6)])
    expect([reader.watcher.state, reader.watcher.position]).toEqual(['paused', 6])
    expect(channel.lastStream.isCancelled).toBe(true)
    await reader.next()
    await reader.next()
    expect(reader.watcher.state).toBe('paused')
    await reader.next()
    expect(reader.watcher.state).toBe('connecting')
    await recognized()
    expect(lastCreate()?.startRevision).toBe(5)
    created(9)
    events(9, [put('a', 5), put('a', 6)])
    const rest = [await reader.next(), await reader.next()]
    expect(rest.map(({ value }) => value?.revision)).toEqual([5, 6])
  })

  it('one batch larger than the whole queue is delivered', async () => {
    const { reader, events } = setUpReader({ maxQueuedEvents: 2 })
    events(9, [put('a1', 2), put('a2', 2), put('a3', 2)])
    const { value } = await reader.next()
    expect(value?.events.length).toBe(3)
    expect(reader.watcher.state).toBe('connecting')
  })

  it('a pause of the caller stays one', async () => {
    const { reader, events } = setUpReader()
    events(2, [put('a', 2)])
    reader.watcher.pause()
    await reader.next()
    expect(reader.watcher.state).toBe('paused')
  })

  it('throws what ended the watch, after what came before, once', async () => {
    const { reader, events, channel } = setUpReader()
    events(2, [put('a', 2)])
    channel.lastStream.answer({ watchId: 0, canceled: true, compactRevision: 9 })
    expect((await reader.next()).value?.revision).toBe(2)
    await expect(reader.next()).rejects.toMatchObject({ code: 'compacted', compactRevision: 9 })
    expect(await reader.next()).toEqual({ done: true, value: undefined })
  })

  it('ends without an error when the service closes or the signal fires', async () => {
    const { reader, service } = setUpReader()
    const pending = reader.next()
    service.close()
    expect(await pending).toEqual({ done: true, value: undefined })
    const aborted = setUp().service.watch({ prefix: 'a' }, { signal: AbortSignal.abort() })
    expect(await aborted.next()).toEqual({ done: true, value: undefined })
  })

  it('leaving the loop, or the block, cancels the watch', async () => {
    const { reader, service, events } = setUpReader()
    events(3, [put('a', 2), put('a', 3)])
    for await (const batch of reader) if (batch.revision === 2) break
    expect([service.size, reader.watcher.state]).toEqual([0, 'ended'])
    expect(await reader.next()).toEqual({ done: true, value: undefined })
    {
      await using other = service.watch({ prefix: 'a' })
      expect(other.watcher.state).toBe('connecting')
    }
    expect(service.size).toBe(0)
  })

  it('refuses limits that let nothing through', () => {
    const { service } = setUp()
    expect(() => service.watch({ prefix: 'a' }, { maxQueuedEvents: 0 })).toThrow(/maxQueuedEvents is 0/)
    expect(() => service.watch({ prefix: 'a' }, { maxQueuedBytes: Number.NaN })).toThrow(
      /maxQueuedBytes is NaN/,
    )
    expect(service.size).toBe(0)
  })
})
