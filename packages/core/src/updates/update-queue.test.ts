import { describe, expect, it, vi } from 'vitest'
import { type QueueConsumer, UpdateQueue } from './update-queue.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Keeps the event loop busy for so long. */
function burn(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until) {
    // nothing but time
  }
}

/** Makes no batches. */
const oneByOne = <Item>(take: (item: Item) => void): QueueConsumer<Item> => ({
  take,
  takeAll: ([...items]) => void items.splice(-1).forEach(take),
  batchOf: () => undefined,
})

describe('UpdateQueue', () => {
  it('takes an item at once, in the tick it came in', () => {
    const taken: number[] = []
    const queue = new UpdateQueue(
      oneByOne((item: number) => taken.push(item)),
      { sliceMs: Number.POSITIVE_INFINITY },
    )
    queue.push(1)
    queue.push(2)
    expect(taken).toEqual([1, 2])
    expect(queue.length).toBe(0)
  })

  it('takes what is pushed while taking after it, not inside it', () => {
    const log: string[] = []
    const queue = new UpdateQueue(
      oneByOne((item: number) => {
        log.push(`begin ${item}`)
        if (item < 3) queue.push(item + 1)
        log.push(`end ${item}`)
      }),
      { sliceMs: Number.POSITIVE_INFINITY },
    )
    queue.push(1)
    expect(log).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2', 'begin 3', 'end 3'])
  })

  it('lets the event loop turn between slices, also when each item comes in a push of its own', async () => {
    const taken: number[] = []
    const queue = new UpdateQueue(
      oneByOne((item: number) => {
        taken.push(item)
        burn(2)
      }),
      { sliceMs: 5 },
    )
    for (let item = 0; item < 30; item++) queue.push(item)
    expect(taken.length).toBeGreaterThan(0)
    expect(taken.length).toBeLessThan(10)
    const settled = queue.settled()
    let turns = 0
    while (queue.length > 0) {
      await turn()
      turns++
    }
    await settled
    expect(turns).toBeGreaterThan(3)
    expect(taken).toEqual(Array.from({ length: 30 }, (_, index) => index))
  })

  it('takes prompt items at once, before those that wait, in their own order', async () => {
    const taken: string[] = []
    const queue = new UpdateQueue(
      oneByOne((item: string) => {
        taken.push(item)
        if (item === 'prompt 1') queue.push('prompt 2', true)
        burn(3)
      }),
      { sliceMs: 1 },
    )
    queue.push('one')
    queue.push('two')
    queue.push('three')
    expect(taken).toEqual(['one'])
    queue.push('prompt 1', true)
    queue.push('prompt 3', true)
    expect(taken).toEqual(['one', 'prompt 1', 'prompt 2', 'prompt 3'])
    await queue.settled()
    expect(taken.slice(4)).toEqual(['two', 'three'])
  })

  it('settled waits for what was pushed before the call, and not for more', async () => {
    const queue = new UpdateQueue(
      oneByOne((_item: number) => burn(3)),
      { sliceMs: 1 },
    )
    const done = vi.fn()
    queue.push(1)
    queue.push(2)
    void queue.settled().then(done)
    queue.push(3)
    queue.push(4)
    while (!done.mock.calls.length) await turn()
    expect(queue.length).toBeGreaterThan(0)
    await queue.settled()
    expect(queue.length).toBe(0)
  })

  it('takes larger and larger batches when items keep waiting, and single items when none do', async () => {
    const sizes: number[] = []
    const taken: number[] = []
    const note = (items: readonly number[]): true => {
      sizes.push(items.length)
      taken.push(...items)
      burn(3)
      return true
    }
    const queue = new UpdateQueue<number>(
      {
        take: (item) => void note([item]),
        takeAll: () => {},
        batchOf: (items) => ({ size: items.length, take: () => note(items) }),
      },
      { sliceMs: 1 },
    )
    for (let item = 0; item < 30; item++) queue.push(item)
    await queue.settled()
    queue.push(30)
    await queue.settled()
    expect(sizes).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 8, 7, 1])
    expect(taken).toEqual(Array.from({ length: 31 }, (_, index) => index))
  })

  it('takes the items of a batch that fails one by one, and only then tries another', async () => {
    const tried: string[] = []
    const taken: number[] = []
    const queue = new UpdateQueue<number>(
      {
        take(item) {
          taken.push(item)
          burn(3)
        },
        takeAll: () => {},
        batchOf: (items) => ({
          size: Math.min(items.length, 3),
          take() {
            tried.push(items.slice(0, 3).join())
            return false
          },
        }),
      },
      { sliceMs: 1 },
    )
    for (let item = 0; item < 18; item++) queue.push(item)
    await queue.settled()
    expect(tried).toEqual(['9,10', '11,12,13', '14,15,16'])
    expect(taken).toEqual(Array.from({ length: 18 }, (_, index) => index))
  })

  it('holds all items until it is released, and takes them in the order of their pushes', () => {
    const taken: string[] = []
    const queue = new UpdateQueue(
      oneByOne((item: string) => taken.push(item)),
      { sliceMs: Number.POSITIVE_INFINITY, isHeld: true },
    )
    queue.push('remote')
    queue.push('local', true)
    expect(taken).toEqual([])
    queue.release()
    expect(taken).toEqual(['remote', 'local'])
    queue.push('next')
    expect(taken).toEqual(['remote', 'local', 'next'])
  })

  it('close drops the rest and lets go of those who wait', async () => {
    const taken: number[] = []
    const queue = new UpdateQueue(
      oneByOne((item: number) => {
        taken.push(item)
        burn(3)
      }),
      { sliceMs: 1 },
    )
    queue.push(1)
    queue.push(2)
    const settled = queue.settled()
    queue.close()
    await settled
    queue.push(3)
    await turn()
    expect(taken).toEqual([1])
  })
})
