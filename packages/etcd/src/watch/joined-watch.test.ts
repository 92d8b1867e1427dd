import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EtcdError } from '../errors.ts'
import { type PlayedWatch, playJoin } from './joined-watch.test.kit.ts'
import { settled } from './scripted-channel.test.kit.ts'
import { WatchEvent } from './watch-handlers.ts'

/** Two ranges, connected on one stream. */
function open(isProgressOrdered = true) {
  const all = playJoin(['a', 'b'])
  const [a, b] = all.watches as [PlayedWatch, PlayedWatch]
  const connect = (stream: unknown = 'first') => {
    for (const watch of all.watches) {
      watch.isProgressOrdered = isProgressOrdered
      watch.connect(stream)
    }
  }
  connect()
  // Until then new watches may not be synced.
  if (isProgressOrdered) all.clock.advance(250)
  /** Writes at the next revision, and returns it. */
  const write = (writes: Record<string, string | undefined>) => all.store.write(writes)
  const deliver = (watch: PlayedWatch, revision: number) =>
    watch.deliver(all.store.batch(watch.range, revision)!)
  return { ...all, a, b, connect, write, deliver }
}

describe('JoinedWatch', () => {
  it('a transaction over two ranges is one change, whichever watch delivers it first', () => {
    for (const first of ['a', 'b']) {
      const { a, b, told, write, deliver } = open()
      const revision = write({ a1: 'x', b1: 'y' })
      const [one, other] = first === 'a' ? [a, b] : [b, a]
      deliver(one, revision)
      expect(told).toEqual(['created at 2'])
      deliver(other, revision)
      expect(told.slice(1)).toEqual(['2: a1=x b1=y'])
    }
  })

  it('a change of one range waits for the other, whose progress is requested at once and once', () => {
    const { a, b, told, write, deliver, reads } = open()
    deliver(a, write({ a1: 'x' }))
    expect([a.asked, b.asked, reads.length]).toEqual([[], [2], 0])
    deliver(a, write({ a1: 'y' }))
    expect(b.asked).toEqual([2, 3])
    b.progress(2)
    expect(told.slice(1)).toEqual(['2: a1=x'])
    b.progress(3)
    expect(told.slice(2)).toEqual(['3: a1=y'])
  })

  it('a later change of the other range shows that it had none before', () => {
    const { a, b, told, write, deliver } = open()
    deliver(a, write({ a1: 'x' }))
    deliver(b, write({ b1: 'y' }))
    expect(told.slice(1)).toEqual(['2: a1=x'])
    a.progress(3)
    expect(told.slice(2)).toEqual(['3: b1=y'])
  })

  it('progress is that of all, reported once for each answer', () => {
    const { a, b, told } = open()
    a.progress(5)
    expect(told).toEqual(['created at 2'])
    b.progress(5)
    expect(told.slice(1)).toEqual(['progress 5 at 5'])
    b.progress(7)
    a.progress(9)
    expect(told.slice(2)).toEqual(['progress 7 at 7'])
  })

  it('nothing is passed on while a watch is away, and what is due when it is back', () => {
    const { a, b, told, write, deliver, connect } = open()
    const error = new EtcdError('connection_lost')
    deliver(a, write({ a1: 'x', b1: 'y' }))
    for (const watch of [a, b]) watch.lose(error)
    expect(told.slice(1)).toEqual(['disconnected connection_lost'])
    a.connect('second')
    a.progress(9)
    expect(told.slice(2)).toEqual([])
    b.connect('second')
    expect(told.slice(2)).toEqual(['resumed at 2'])
    deliver(b, 2)
    expect(told.slice(3)).toEqual(['2: a1=x b1=y'])
    connect('third')
  })

  it('watches on different streams are brought together before anything is passed on', () => {
    const { a, b, told, write, deliver } = open()
    const revision = write({ a1: 'x', b1: 'y' })
    a.lose()
    a.connect('second')
    expect([b.state, told.slice(2)]).toEqual(['connecting', []])
    deliver(a, revision)
    b.connect('second')
    deliver(b, revision)
    expect(told.slice(2)).toEqual(['resumed at 2', '2: a1=x b1=y'])
  })

  it('the end of one is the end of all, told once, with the range that may not be read', () => {
    const { a, b, told, join } = open()
    const waiting = join.reached(9)
    b.end(new EtcdError('permission_denied', { what: 'no' }))
    expect([a.state, join.state, told.slice(1)]).toEqual(['ended', 'ended', ['end permission_denied']])
    return expect(waiting).rejects.toMatchObject({ code: 'permission_denied', range: { prefix: 'b' } })
  })

  it('reached: resolves when all are passed on, and requests progress of all that are behind', async () => {
    const { a, b, join } = open()
    const waiting = join.reached(4)
    expect([a.asked, b.asked]).toEqual([[4], [4]])
    a.progress(4)
    b.progress(4)
    await waiting
    await join.reached(3)
    join.cancel()
    await expect(join.reached(9)).rejects.toMatchObject({ code: 'cancelled' })
  })

  describe('where progress may overtake changes', () => {
    it('reads whether the other range is unchanged, and does not believe the progress', async () => {
      const { a, b, told, write, deliver, reads } = open(false)
      deliver(a, write({ a1: 'x' }))
      b.progress(9, false)
      expect([b.asked, reads.length, told.slice(1)]).toEqual([[], 1, []])
      reads.pop()!.answer()
      await settled()
      expect(told.slice(1)).toEqual(['2: a1=x'])
    })

    it.each<[string, Record<string, string | undefined>]>([
      ['a put', { b1: 'z' }],
      ['a new key', { b2: 'z' }],
      ['a delete', { b1: undefined }],
    ])('%s in the other range is waited for', async (_name, change) => {
      const { a, b, told, write, deliver, reads } = open(false)
      write({ b1: 'y' })
      deliver(b, 2)
      a.progress(2)
      reads.pop()!.answer()
      await settled()
      told.length = 0
      write({ a1: 'x', ...change })
      deliver(a, 3)
      reads.pop()!.answer()
      await settled()
      expect([told, reads.length]).toEqual([[], 0])
      deliver(b, 3)
      expect(told).toHaveLength(1)
      expect(told[0]).toMatch(/^3: a1=x b\d=/)
    })

    it('a key that came and went in between is left out, and told as undone once its changes have arrived', async () => {
      const { a, b, told, batches, write, deliver, reads } = open(false)
      write({ b1: 'y' })
      write({ b1: undefined })
      write({ a1: 'x' })
      deliver(a, 4)
      reads.pop()!.answer()
      await settled()
      expect(told.slice(1)).toEqual(['4: a1=x'])
      deliver(b, 2)
      expect(told.slice(1)).toEqual(['4: a1=x'])
      deliver(b, 3)
      expect(told.slice(2)).toEqual(['4: b1=y b1='])
      expect(batches.map(({ isUndone }) => isUndone)).toEqual([undefined, true])
    })

    it('being unchanged at a later revision says nothing of those in between', async () => {
      const all = playJoin(['a', 'b', 'c'])
      const [a, b, c] = all.watches as [PlayedWatch, PlayedWatch, PlayedWatch]
      for (const watch of all.watches) {
        watch.isProgressOrdered = false
        watch.connect('first')
      }
      const { store, told, reads } = all
      store.write({ b1: 'y', c1: 'z' })
      store.write({ a1: 'x', b1: undefined })
      const answerAll = async () => {
        for (let round = 0; round < 3; round += 1) {
          for (const read of reads.splice(0)) read.answer()
          await settled()
        }
      }
      a.deliver(store.batch('a', 3)!)
      await answerAll()
      c.deliver(store.batch('c', 2)!)
      await answerAll()
      expect(told).toEqual(['created at 2'])
      b.deliver(store.batch('b', 2)!)
      expect(told.slice(1)).toEqual(['2: b1=y c1=z'])
      b.deliver(store.batch('b', 3)!)
      await answerAll()
      expect(told.slice(2)).toEqual(['3: a1=x b1='])
    })

    it('what is known of a range stays while another one is read at other revisions', async () => {
      const all = playJoin(['a', 'b', 'c'])
      const [a, , c] = all.watches as [PlayedWatch, PlayedWatch, PlayedWatch]
      for (const watch of all.watches) {
        watch.isProgressOrdered = false
        watch.connect('first')
      }
      const { store, told, reads, join } = all
      const answer = async () => {
        reads.shift()?.answer()
        await settled()
      }
      store.write({ a1: 'x' })
      store.write({ c1: 'y' })
      c.deliver(store.batch('c', 3)!)
      a.deliver(store.batch('a', 2)!)
      store.write({ c1: undefined })
      c.deliver(store.batch('c', 4)!)
      await answer()
      for (let count = 0; count < 5; count += 1) store.write({ c2: undefined })
      // Asked for the last revision too, a and b are read at different ones in turns.
      const reached = join.reached(store.revision)
      for (let round = 0; round < 5; round += 1) await answer()
      await reached
      expect([told.slice(1), reads.length]).toEqual([['2: a1=x', '3: c1=y', '4: c1='], 0])
    })

    it('late changes that are not undone are not kept without end: the ranges are listed again', async () => {
      const { a, b, told, write, deliver, reads, store } = open(false)
      write({ b1: 'y' })
      write({ b1: undefined })
      deliver(a, write({ a1: 'x' }))
      reads.shift()!.answer()
      await settled()
      const late = store.batch('b', 2)!
      const [{ kv }] = late.events as [WatchEvent]
      const value = Buffer.alloc(1024 * 1024)
      const events = Array.from(
        { length: 65 },
        (_, index) => new WatchEvent('put', { ...kv, key: Buffer.from(`b${index}`), value }, undefined),
      )
      b.deliver({ ...late, events: events.slice(0, 32) })
      expect(told.slice(1)).toEqual(['4: a1=x'])
      b.deliver({ ...late, events: events.slice(32) })
      expect(told.slice(2)).toEqual(['end response_too_large'])
    })

    it('several revisions are compared in one request', async () => {
      const { a, told, write, deliver, reads } = open(false)
      for (let revision = 2; revision <= 6; revision += 1) deliver(a, write({ a1: `${revision}` }))
      reads.pop()!.answer()
      await settled()
      expect(told.slice(1)).toEqual(['2: a1=2'])
      expect(reads).toHaveLength(1)
      reads.pop()!.answer()
      await settled()
      expect(told.slice(2)).toEqual(['3: a1=3', '4: a1=4', '5: a1=5', '6: a1=6'])
    })

    it('what arrives while it reads makes the answer void', async () => {
      const { a, b, told, write, deliver, reads } = open(false)
      write({ b1: 'y' })
      write({ b1: undefined })
      write({ a1: 'x' })
      deliver(a, 4)
      deliver(b, 2)
      reads.shift()!.answer()
      await settled()
      expect(told.slice(1)).toEqual(['2: b1=y'])
      deliver(b, 3)
      for (const read of reads.splice(0)) read.answer()
      await settled()
      for (const read of reads.splice(0)) read.answer()
      await settled()
      expect(told.slice(2)).toEqual(['3: b1=', '4: a1=x'])
    })

    it.each([
      ['compacted', 'end compacted'],
      ['future_revision', 'end cluster_changed'],
    ] as const)('%s: the join ends, to be listed again', async (code, end) => {
      const { a, told, write, deliver, reads } = open(false)
      deliver(a, write({ a1: 'x' }))
      reads.pop()!.fail(new EtcdError(code))
      await settled()
      expect(told.at(-1)).toBe(end)
    })

    it('a range that may no longer be read ends the join, and is named', async () => {
      const { a, told, write, deliver, reads, join } = open(false)
      const waiting = join.reached(9)
      deliver(a, write({ a1: 'x' }))
      reads.pop()!.fail(new EtcdError('permission_denied'))
      await expect(waiting).rejects.toMatchObject({ code: 'permission_denied', range: expect.anything() })
      expect(told.at(-1)).toBe('end permission_denied')
    })

    it.each(['before', 'after'] as const)(
      'P12 what was read, and answered %s the stream was lost, is void on the next one',
      async (when) => {
        const all = playJoin(['a', 'b', 'c'])
        const [a, b, c] = all.watches as [PlayedWatch, PlayedWatch, PlayedWatch]
        const connect = (stream: string) => {
          for (const watch of all.watches) {
            watch.isProgressOrdered = false
            watch.connect(stream)
          }
        }
        connect('first')
        const { store, told, reads } = all
        store.write({ a1: 'x', c1: 'x' })
        a.deliver(store.batch('a', 2)!)
        // b is unchanged, and c is not known, so that nothing is passed on.
        const read = reads.shift()!
        if (when === 'before') read.answer()
        await settled()
        for (const watch of all.watches) watch.lose()
        connect('second')
        if (when === 'after') read.answer()
        await settled()
        c.deliver(store.batch('c', 2)!)
        expect([b.knownTo, told.filter((word) => word.includes(': '))]).toEqual([0, []])
        for (let round = 0; round < 3; round += 1) {
          for (const each of reads.splice(0)) each.answer()
          await settled()
        }
        expect([b.knownTo, told.at(-1)]).toEqual([2, '2: a1=x c1=x'])
      },
    )

    it('any other failure is told once, and tried again later', async () => {
      const { a, told, write, deliver, reads, clock } = open(false)
      deliver(a, write({ a1: 'x' }))
      for (let round = 0; round < 3; round += 1) {
        reads.pop()!.fail(new EtcdError('unavailable'))
        await settled()
        expect(reads).toEqual([])
        // Not at each change either.
        deliver(a, write({ a1: `${round}` }))
        expect(reads).toEqual([])
        clock.advance(300)
      }
      expect(told.slice(1)).toEqual(['disconnected unavailable'])
      reads.pop()!.answer()
      await settled()
      for (const read of reads.splice(0)) read.answer()
      await settled()
      expect(told.slice(2)).toEqual(['resumed at 2', '2: a1=x', '3: a1=0', '4: a1=1', '5: a1=2'])
    })

    it('no progress is told while a change up to it is held back', async () => {
      const { a, b, told, write, deliver, reads } = open(false)
      deliver(a, write({ a1: 'x' }))
      for (const revision of [2, 3]) for (const watch of [a, b]) watch.progress(revision, false)
      expect(told.slice(1)).toEqual([])
      reads.pop()!.answer()
      await settled()
      expect(told.slice(1)).toEqual(['2: a1=x', 'progress 3 at 3 claimed'])
    })

    it('constant changes do not keep progress from being told', async () => {
      const { a, b, told, write, deliver, reads } = open(false)
      for (let round = 0; round < 5; round += 1) {
        deliver(a, write({ a1: `${round}` }))
        for (const watch of [a, b]) watch.progress(round + 2, false)
        deliver(a, write({ a1: `${round}` }))
        write({})
        reads.pop()?.answer()
        await settled()
      }
      expect(told.filter((line) => line.startsWith('progress')).length).toBeGreaterThan(1)
    })
  })

  it('progress that does not come is replaced by reads', async () => {
    const { a, b, told, write, deliver, reads, clock, join } = open()
    deliver(a, write({ a1: 'x' }))
    expect(reads).toEqual([])
    clock.advance(300)
    reads.pop()!.answer()
    await settled()
    expect(told.slice(1)).toEqual(['2: a1=x'])
    clock.advance(10_000)
    expect([reads, clock.pending]).toEqual([[], 0])
    // Whoever has not answered is not waited for again.
    for (let round = 0; round < 10; round += 1) {
      deliver(a, write({ a1: `${round}` }))
      reads.pop()!.answer()
      await settled()
    }
    expect([told.length, b.waits.size]).toEqual([12, 1])
    // It answers again.
    for (const watch of [a, b]) watch.progress(12)
    deliver(a, write({ a1: 'last' }))
    expect(reads).toEqual([])
    join.cancel()
  })

  it('while a new watch may not be synced, both are tried', async () => {
    const { told, write, deliver, reads, watches } = open()
    for (const watch of watches) watch.lose()
    for (const watch of watches) watch.connect('second')
    told.length = 0
    const [a, b] = watches as [PlayedWatch, PlayedWatch]
    deliver(a, write({ a1: 'x' }))
    expect([b.asked, reads.length]).toEqual([[2], 1])
    reads.pop()!.answer()
    await settled()
    expect(told).toEqual(['2: a1=x'])
  })

  it('as long as progress comes, however late, nothing is read', () => {
    const { a, b, write, deliver, reads, clock } = open()
    for (let round = 0; round < 20; round += 1) {
      deliver(a, write({ a1: `${round}` }))
      clock.advance(100)
      b.progress(round + 1)
    }
    expect(reads).toEqual([])
  })

  it('more changes than are kept end the join, to be listed again', () => {
    const { a, told, write, deliver } = open()
    const many = Object.fromEntries(Array.from({ length: 150_000 }, (_, n) => [`a${n}`, 'x']))
    deliver(a, write(many))
    expect(told).toEqual(['created at 2'])
    deliver(a, write(many))
    expect(told.at(-1)).toBe('end response_too_large')
  })

  it('one revision is kept, whatever its size', () => {
    const { a, b, told, batches, write, deliver } = open()
    const many = Object.fromEntries(Array.from({ length: 250_000 }, (_, n) => [`a${n}`, 'x']))
    deliver(a, write(many))
    expect(told).toEqual(['created at 2'])
    b.progress(2)
    expect(batches[0]!.events).toHaveLength(250_000)
  })
})

/** One thing that happens to a join, with a number that says to which watch. */
const step = fc.record({
  kind: fc.constantFrom(
    'write',
    'write',
    'deliver',
    'deliver',
    'deliver',
    'progress',
    'read',
    'lose',
    'connect',
    'wait',
  ),
  which: fc.nat(9),
  keys: fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(2), fc.boolean()), {
    minLength: 1,
    maxLength: 4,
  }),
})

describe('random histories, through random deliveries, losses, progress and reads', () => {
  it.each([true, false])(
    'each change leads to the content of its revision (progress ordered: %s)',
    async (isOrdered) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
          const all = playJoin(['a', 'b', 'c'])
          const { store, watches, reads, clock, batches, join } = all
          const nextOf = (watch: PlayedWatch) => {
            for (let revision = watch.position; revision <= store.revision; revision += 1) {
              const batch = store.batch(watch.range, revision)
              if (batch !== undefined) return batch
            }
            return undefined
          }
          let streams = 0
          const connectAll = () => {
            if (watches.every(({ state, lastStream }) => state === 'live' && lastStream === streams)) return
            streams += 1
            for (const watch of watches) {
              watch.isProgressOrdered = isOrdered
              if (watch.state === 'live') watch.lose()
              watch.connect(streams)
            }
          }
          connectAll()
          const progressAll = () => {
            const live = watches.filter(({ state }) => state === 'live')
            // The server orders it with the changes: nothing up to it is still to be delivered.
            const due = live.map((watch) => (nextOf(watch)?.revision ?? store.revision + 1) - 1)
            for (const watch of live) {
              if (isOrdered) watch.progress(Math.min(store.revision, ...due))
              else watch.progress(store.revision, false)
            }
          }
          for (const { kind, which, keys } of steps) {
            const watch = watches[which % watches.length]!
            if (kind === 'write') {
              store.write(
                Object.fromEntries(
                  keys.map(([range, key, isPut]) => [
                    `${range}${key}`,
                    isPut ? `${store.revision}` : undefined,
                  ]),
                ),
              )
            } else if (kind === 'deliver') {
              const batch = watch.state === 'live' ? nextOf(watch) : undefined
              if (batch !== undefined) watch.deliver(batch)
            } else if (kind === 'progress') progressAll()
            else if (kind === 'read') reads.splice(which % Math.max(1, reads.length), 1)[0]?.answer()
            else if (kind === 'lose') for (const each of watches) each.lose()
            else if (kind === 'connect') connectAll()
            else clock.advance(which * 100)
            if (which === 0) await settled()
          }
          connectAll()
          for (const watch of watches)
            for (let batch = nextOf(watch); batch; batch = nextOf(watch)) watch.deliver(batch)
          let isOver = false
          void join.reached(store.revision).then(() => (isOver = true))
          for (let round = 0; round < 20 && !isOver; round += 1) {
            progressAll()
            for (const read of reads.splice(0)) read.answer()
            await settled()
            if (round > 5) clock.advance(300)
          }
          expect(isOver).toBe(true)
          const content = new Map<string, string>()
          const expected = (revision: number) =>
            [...store.at(revision)].map(([key, { text }]) => `${key}=${text}`).sort()
          let last = 0
          for (const { revision, events, isUndone } of batches) {
            if (isUndone) expect(revision).toBe(last)
            else expect(revision).toBeGreaterThan(last)
            last = revision
            for (const { type, key, text } of events) {
              if (type === 'put') content.set(key, text)
              else content.delete(key)
            }
            expect([...content].map(([key, text]) => `${key}=${text}`).sort(), `at ${revision}`).toEqual(
              expected(revision),
            )
          }
          expect([...content].map(([key, text]) => `${key}=${text}`).sort()).toEqual(expected(store.revision))
          join.cancel()
          expect(clock.pending).toBe(0)
        }),
        { numRuns: Number(process.env.LIVETREE_PROPERTY_RUNS ?? 2_000) },
      )
    },
  )
})
