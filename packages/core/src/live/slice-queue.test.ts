import { describe, expect, it, vi } from 'vitest'
import { SliceQueue } from './slice-queue.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Keeps the event loop busy for so long. */
function burn(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until) {
    // nothing but time
  }
}

describe('SliceQueue', () => {
  it('takes an item at once, in the tick it came in', () => {
    const taken: number[] = []
    const queue = new SliceQueue<number>((item) => taken.push(item), 5)
    queue.push(1)
    queue.push(2)
    expect(taken).toEqual([1, 2])
    expect(queue.length).toBe(0)
  })

  it('takes what is pushed while taking after it, not inside it', () => {
    const log: string[] = []
    const queue = new SliceQueue<number>((item) => {
      log.push(`begin ${item}`)
      if (item < 3) queue.push(item + 1)
      log.push(`end ${item}`)
    }, 5)
    queue.push(1)
    expect(log).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2', 'begin 3', 'end 3'])
  })

  it('lets the event loop turn between slices, also when each item comes in a push of its own', async () => {
    const taken: number[] = []
    const queue = new SliceQueue<number>((item) => {
      taken.push(item)
      burn(2)
    }, 5)
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
    const queue = new SliceQueue<string>((item) => {
      taken.push(item)
      if (item === 'prompt 1') queue.push('prompt 2', true)
      burn(3)
    }, 1)
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
    const queue = new SliceQueue<number>(() => burn(3), 1)
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

  it('close drops the rest and lets go of those who wait', async () => {
    const taken: number[] = []
    const queue = new SliceQueue<number>((item) => {
      taken.push(item)
      burn(3)
    }, 1)
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
