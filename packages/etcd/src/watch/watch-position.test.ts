import { describe, expect, it } from 'vitest'
import { del, header, put, setUp } from './watch-recorder.test.kit.ts'

describe('position: where a watch resumes', () => {
  it('T1.1 takes the last event, not the header of a data answer', async () => {
    const { watch, created, events, reconnect, lastCreate } = setUp()
    const { watcher, changes } = watch({ prefix: 'a' }, { startRevision: 2 })
    created(2443)
    events(2443, [put('a', 1000), put('a', 1001)])
    expect(watcher.position).toBe(1002)
    await reconnect()
    // One more than needed is asked for: 1001 is known to have happened. It is not delivered twice.
    expect(lastCreate()?.startRevision).toBe(1001)
    created(2443)
    events(2443, [put('a', 1001), put('a', 1002)])
    expect(changes).toEqual(['1000: +a', '1001: +a', '1002: +a'])
    expect(watcher.position).toBe(1003)
  })

  it('T1.1 delivers after a resume every revision once', async () => {
    const { watch, created, events, reconnect } = setUp()
    const { told } = watch({ prefix: 'a' }, { startRevision: 2 })
    created(10)
    events(10, [put('a', 2), put('a', 3)])
    await reconnect()
    created(10)
    events(10, [put('a', 3), put('a', 4), put('a', 5)])
    expect(told).toEqual([
      'created at 2',
      '2: +a',
      '3: +a',
      'disconnected OK',
      'resumed at 4',
      '4: +a',
      '5: +a',
    ])
  })

  it.each([undefined, null, true, Number.NaN, -1, 1.5, '5', {}, Symbol('x'), Promise.resolve(3)])(
    'waits for no revision that is none',
    async (revision) => {
      const { watch, created } = setUp()
      const { watcher } = watch({ prefix: 'a' })
      created(5)
      await expect(watcher.reached(revision as never)).rejects.toMatchObject({ code: 'invalid_argument' })
    },
  )

  it.each([
    ['startRevision', 0],
    ['startRevision', Symbol('x')],
    ['afterRevision', -1],
    ['afterRevision', Object.create(null)],
  ])('refuses %s that is no revision', (name, value) => {
    const { watch } = setUp()
    expect(() => watch({ prefix: 'a' }, { [name]: value } as never)).toThrow(
      expect.objectContaining({ code: 'invalid_argument' }),
    )
  })

  it('T1.2 the created header is not progress on a history watch', async () => {
    const { watch, created, reconnect, lastCreate } = setUp()
    const { watcher } = watch({ prefix: 'a' }, { startRevision: 2 })
    created(500)
    expect(watcher.position).toBe(2)
    await reconnect()
    expect(lastCreate()?.startRevision).toBe(2)
  })

  it('T1.2 nor on a watch after a list', async () => {
    const { watch, created, reconnect, lastCreate } = setUp()
    const { watcher } = watch({ prefix: 'a' }, { afterRevision: 4 })
    created(4)
    created(500, 1)
    expect(watcher.position).toBe(5)
    await reconnect()
    expect(lastCreate()?.startRevision).toBe(4)
  })

  it('T1.3 a watch from now is pinned after the revision it was created at', async () => {
    const { watch, created, events, reconnect, lastCreate } = setUp()
    const { watcher, changes } = watch({ prefix: 'a' })
    expect(watcher.position).toBeUndefined()
    expect(lastCreate()?.startRevision).toBe(0)
    created(40)
    expect(watcher.position).toBe(41)
    await reconnect()
    expect(lastCreate()?.startRevision).toBe(40)
    created(40)
    events(41, [put('a', 40), put('a', 41)])
    expect(changes).toEqual(['41: +a'])
  })

  it('T1.3 a watch from now that was never created still starts from now', async () => {
    const { watch, reconnect, lastCreate } = setUp()
    watch({ prefix: 'a' })
    await reconnect()
    expect(lastCreate()?.startRevision).toBe(0)
  })

  it('T1.3 changes up to the revision it was created at are before "now"', () => {
    const { watch, created, events } = setUp()
    const { changes } = watch({ prefix: 'a' })
    created(40)
    events(41, [put('a', 40), put('a', 41)])
    expect(changes).toEqual(['41: +a'])
  })

  it('T1.1 event-less answers for the watch move it, those for the stream as well', async () => {
    const { watch, created, progress, reconnect, lastCreate } = setUp()
    const { watcher, told } = watch({ prefix: 'a' }, { startRevision: 2 })
    created(10)
    progress(20, 0)
    expect(watcher.position).toBe(21)
    progress(30)
    progress(30)
    expect(watcher.position).toBe(31)
    expect(told.filter((word) => word.startsWith('progress'))).toEqual(['progress 20', 'progress 30'])
    await reconnect()
    // Revision 31 may not have happened yet, so it goes on from the one before.
    expect(lastCreate()?.startRevision).toBe(30)
  })

  it('T1.19 a bookmark below the position is ignored', () => {
    const { watch, created, progress } = setUp()
    const { watcher, told } = watch({ prefix: 'a' }, { startRevision: 50 })
    created(10)
    created(10)
    progress(10, 0)
    progress(48, 0)
    expect(watcher.position).toBe(50)
    progress(49, 0)
    expect(watcher.position).toBe(50)
    expect(told).toEqual(['created at 50', 'progress 49'])
  })

  it('T1.19 events before a future start are not delivered', () => {
    const { watch, created, events } = setUp()
    const { changes } = watch({ prefix: 'a' }, { startRevision: 13 })
    created(10)
    created(10)
    events(11, [put('a', 11)])
    events(12, [put('a', 12)])
    events(13, [put('a', 13)])
    events(14, [put('a', 14)])
    expect(changes).toEqual(['13: +a', '14: +a'])
  })

  it('T1.19 a future start is asked for as the present: on etcd 3.5.22 it would silence the whole stream', async () => {
    const { watch, created, events, reconnect, lastCreate, channel } = setUp()
    const { told } = watch({ prefix: 'a' }, { startRevision: 13 })
    expect(lastCreate()?.startRevision).toBe(13)
    created(10)
    expect(channel.lastStream.cancels).toEqual([0])
    expect(lastCreate()?.startRevision).toBe(10)
    created(10, 1)
    events(11, [put('a', 10), put('a', 11)], { watchId: 1 })
    expect(told).toEqual(['created at 13'])
    // What the store held then may be compacted by the time of the next stream.
    await reconnect()
    expect(lastCreate()?.startRevision).toBe(13)
    created(20)
    events(20, [put('a', 13)])
    expect(told.at(-1)).toBe('13: +a')
  })

  it('T1.20 what an old server sends twice is delivered once', () => {
    const { watch, created, events } = setUp()
    const { changes } = watch({ prefix: 'a' }, { startRevision: 2 })
    created(9)
    events(9, [put('a', 2), put('a', 3)])
    events(9, [put('a', 2), put('a', 3)])
    events(9, [put('a', 3), put('a', 4)])
    expect(changes).toEqual(['2: +a', '3: +a', '4: +a'])
  })

  it('T1.22 all events of one revision come in one call', () => {
    const { watch, created, events } = setUp()
    const { changes } = watch({ prefix: '' }, { startRevision: 2 })
    created(9)
    events(9, [put('a', 2), del('b', 2), put('c', 2), put('a', 3)])
    expect(changes).toEqual(['2: +a -b +c', '3: +a'])
  })

  it('a delete at the very revision of a compaction: one revision more is asked for, which is refused', () => {
    const { watch, channel, lastCreate, created } = setUp()
    const { told } = watch({ prefix: 'a' }, { afterRevision: 4 })
    // Were it 5, etcd before 3.4.36 and 3.5.18 would go on from there and leave out what 5 deleted.
    expect(lastCreate()?.startRevision).toBe(4)
    created(6)
    channel.lastStream.answer({ header: header(0), watchId: 0, canceled: true, compactRevision: 5 })
    expect(told).toEqual(['created at 5', 'compacted 5 at 5', 'end compacted'])
  })

  it('a watch after a list never begins after the newest revision, where etcd 3.5 answers no progress request', () => {
    const { watch, lastCreate, created, events } = setUp()
    const { changes } = watch({ prefix: 'a' }, { afterRevision: 7 })
    expect(lastCreate()?.startRevision).toBe(7)
    created(7)
    events(7, [put('a', 7)])
    events(8, [put('a', 8)])
    expect(changes).toEqual(['8: +a'])
  })

  it('a startRevision is taken as it stands until something was delivered', async () => {
    const { watch, created, reconnect, lastCreate, events } = setUp()
    watch({ prefix: 'a' }, { startRevision: 5 })
    created(20)
    expect(lastCreate()?.startRevision).toBe(5)
    await reconnect()
    expect(lastCreate()?.startRevision).toBe(5)
    created(20)
    events(20, [put('a', 6)])
    await reconnect()
    expect(lastCreate()?.startRevision).toBe(6)
  })
})

describe('fragments', () => {
  it('T1.11 are joined; a revision is held back until it is whole, earlier ones are not', () => {
    const { watch, created, events } = setUp()
    const { changes, watcher } = watch({ prefix: '' }, { startRevision: 2 })
    created(9)
    events(9, [put('a', 2), put('a', 3)], { fragment: true })
    expect(changes).toEqual(['2: +a'])
    events(9, [put('b', 3)], { fragment: true })
    expect(watcher.position).toBe(3)
    events(9, [put('c', 3), put('a', 4)])
    expect(changes).toEqual(['2: +a', '3: +a +b +c', '4: +a'])
  })

  it('T1.12 are never asked for: cutting costs the server the square of the events', () => {
    const { watch, lastCreate } = setUp()
    watch({ prefix: 'a' })
    expect(lastCreate()).toMatchObject({ fragment: false, progressNotify: true })
  })

  it('T1.11 a part left by a lost stream is forgotten and comes again', async () => {
    const { watch, created, events, reconnect, channel, lastCreate } = setUp()
    const { changes } = watch({ prefix: '' }, { startRevision: 2 })
    created(9)
    events(9, [put('a', 2)])
    channel.lastStream.answer({ header: header(9), watchId: 0, events: [put('a', 3)], fragment: true })
    await reconnect()
    expect(lastCreate()?.startRevision).toBe(2)
    created(9)
    events(9, [put('a', 2), put('a', 3), put('b', 3)])
    expect(changes).toEqual(['2: +a', '3: +a +b'])
  })

  it('T1.22 word of progress within a revision does not tear it', () => {
    const { watch, created, events, progress } = setUp()
    const { changes, watcher } = watch({ prefix: '' }, { startRevision: 2 })
    created(9)
    events(9, [put('a', 2)], { fragment: true })
    progress(9)
    progress(9)
    expect(watcher.position).toBe(2)
    events(9, [put('b', 2)])
    expect(changes).toEqual(['2: +a +b'])
  })

  it.each([
    ['put, then deleted', [put('a', 3), del('a', 3)], '3: -a'],
    ['deleted, then put', [del('a', 3), put('a', 3)], '3: +a'],
    ['many times', [put('a', 3), del('a', 3), put('b', 3), put('a', 3), del('a', 3)], '3: +b -a'],
  ])('T3.70 the last event of a key in a revision counts: %s', (_, list, expected) => {
    for (const cutAt of list.keys()) {
      const { watch, created, events } = setUp()
      const { changes } = watch({ prefix: '' }, { startRevision: 2 })
      created(9)
      if (cutAt > 0) events(9, list.slice(0, cutAt), { fragment: true })
      events(9, list.slice(cutAt))
      expect(changes).toEqual([expected])
    }
  })

  it('T1.20 a repeated fragment doubles nothing', () => {
    const { watch, created, events } = setUp()
    const { changes } = watch({ prefix: '' }, { startRevision: 2 })
    created(9)
    events(9, [put('a', 2)], { fragment: true })
    events(9, [put('a', 2)], { fragment: true })
    events(9, [put('b', 2)])
    expect(changes).toEqual(['2: +a +b'])
  })

  it('an empty last fragment releases what was held back', () => {
    const { watch, created, events } = setUp()
    const { changes } = watch({ prefix: '' }, { startRevision: 2 })
    created(9)
    events(9, [put('a', 2)], { fragment: true })
    events(9, [])
    expect(changes).toEqual(['2: +a'])
  })

  it('revisions that go back within one answer cut the stream instead of being taken for duplicates', () => {
    const { watch, created, events, channel, clock, lastCreate } = setUp()
    const { told } = watch({ prefix: '' }, { startRevision: 2 })
    created(9)
    events(9, [put('a', 4), put('a', 3)])
    expect(channel.streams[0]?.isCancelled).toBe(true)
    expect(told).toEqual(['created at 2', 'disconnected malformed_message'])
    clock.advance(100)
    expect(lastCreate()?.startRevision).toBe(2)
  })
})
