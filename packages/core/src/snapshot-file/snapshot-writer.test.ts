import { describe, expect, it } from 'vitest'
import { createTestClock } from '../testing/test-clock.ts'
import type { SnapshotDocument } from './snapshot-document.ts'
import type { SnapshotFile } from './snapshot-file.ts'
import { SnapshotWriter } from './snapshot-writer.ts'

function setUp() {
  const clock = createTestClock()
  const written: unknown[] = []
  const errors: unknown[] = []
  let state: unknown
  let gate: Promise<void> = Promise.resolve()
  let failure: Error | undefined
  const file = {
    async write(document: unknown) {
      await gate
      if (failure !== undefined) throw failure
      written.push(document)
    },
  } as unknown as SnapshotFile
  const writer = new SnapshotWriter({
    file,
    clock,
    intervalMs: 1_000,
    capture: () => state as SnapshotDocument,
    onError: (error) => errors.push(error),
  })
  return {
    clock,
    written,
    errors,
    writer,
    touch(next: unknown) {
      state = next
      writer.touch()
    },
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>()
      gate = promise
      return resolve
    },
    fail(error: Error | undefined) {
      failure = error
    },
  }
}

describe('SnapshotWriter', () => {
  it('writes a burst once, and under a steady stream once in each interval', async () => {
    const { clock, written, touch } = setUp()
    for (const state of [1, 2, 3]) touch(state)
    await clock.advance(999)
    expect(written).toEqual([])
    await clock.advance(1)
    expect(written).toEqual([3])
    for (let state = 4; state < 44; state++) {
      touch(state)
      await clock.advance(100)
    }
    expect(written).toEqual([3, 13, 23, 33, 43])
    expect(clock.pendingTimers).toBe(0)
  })

  it('writes what changed during a write, never two at once', async () => {
    const { clock, written, touch, hold } = setUp()
    const release = hold()
    touch(1)
    await clock.advance(1_000)
    touch(2)
    await clock.advance(5_000)
    expect(written).toEqual([])
    release()
    await clock.advance(1_000)
    expect(written).toEqual([1, 2])
  })

  it('flush writes at once what is not on disk, and leaves no timer', async () => {
    const { clock, written, touch, writer } = setUp()
    touch(1)
    await writer.flush()
    await writer.flush()
    expect(written).toEqual([1])
    expect(clock.pendingTimers).toBe(0)
  })

  it('flush waits for a write under way, then writes what came after', async () => {
    const { clock, written, touch, writer, hold } = setUp()
    const release = hold()
    touch(1)
    await clock.advance(1_000)
    touch(2)
    const flushed = writer.flush()
    release()
    await flushed
    expect(written).toEqual([1, 2])
    expect(clock.pendingTimers).toBe(0)
  })

  it('reports a failed write, and tries again with the next change and at the end', async () => {
    const { clock, written, errors, touch, writer, fail } = setUp()
    const failure = new Error('disk full')
    fail(failure)
    touch(1)
    await clock.advance(10_000)
    expect(errors).toEqual([failure])
    await writer.flush()
    expect(errors).toEqual([failure, failure])
    fail(undefined)
    touch(2)
    await clock.advance(1_000)
    expect(written).toEqual([2])
  })
})
