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
  let attemptCount = 0
  const file = {
    async write(document: unknown) {
      attemptCount++
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
    attempts: () => attemptCount,
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

  it('close writes at once what is not on disk, and leaves no timer', async () => {
    const { clock, written, touch, writer } = setUp()
    touch(1)
    await writer.close()
    await writer.close()
    expect(written).toEqual([1])
    expect(clock.pendingTimers).toBe(0)
  })

  it('close waits for a write under way, then writes what came after', async () => {
    const { clock, written, touch, writer, hold } = setUp()
    const release = hold()
    touch(1)
    await clock.advance(1_000)
    touch(2)
    const flushed = writer.close()
    release()
    await flushed
    expect(written).toEqual([1, 2])
    expect(clock.pendingTimers).toBe(0)
  })

  it('reports a failed write once, and writes with the next change', async () => {
    const { clock, written, errors, touch, writer, fail } = setUp()
    const failure = new Error('disk full')
    fail(failure)
    touch(1)
    await clock.advance(10_000)
    expect(errors).toEqual([failure])
    expect(writer.lastError).toBe(failure)
    fail(undefined)
    touch(2)
    await clock.advance(1_000)
    expect(written).toEqual([2])
    expect(writer.lastError).toBeUndefined()
    expect(clock.pendingTimers).toBe(0)
  })

  it('tries a failed write again without a change, ever more seldom up to once a minute', async () => {
    const { clock, written, errors, touch, writer, fail, attempts } = setUp()
    fail(new Error('disk full'))
    touch(1)
    await clock.advance(1_000)
    expect(attempts()).toBe(1)
    await clock.advance(1_000)
    expect(attempts()).toBe(2)
    await clock.advance(600_000)
    expect(attempts()).toBeLessThan(20)
    expect(errors).toHaveLength(1)
    fail(new Error('read-only'))
    await clock.advance(60_000)
    expect(errors).toHaveLength(2)
    fail(undefined)
    await clock.advance(60_000)
    expect(written).toEqual([1])
    expect(writer.lastError).toBeUndefined()
    expect(clock.pendingTimers).toBe(0)
  })

  it('close reports what it could not write, and leaves no timer', async () => {
    const { clock, errors, touch, writer, fail } = setUp()
    const failure = new Error('disk full')
    fail(failure)
    touch(1)
    await clock.advance(1_000)
    await writer.close()
    expect(errors).toEqual([failure, failure])
    expect(clock.pendingTimers).toBe(0)
  })
})
