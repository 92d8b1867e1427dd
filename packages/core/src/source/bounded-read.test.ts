import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BoundedRead, type FoundKind, type ReadAttempt } from './bounded-read.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'livetree-read-'))
})
afterEach(() => rm(directory, { recursive: true }))

/** Reads that end when the test says so, as on a file system that does not answer. */
function setUp(found?: FoundKind) {
  const clock = manualClock()
  const path = join(directory, 'a')
  const attempts: { attempt: ReadAttempt; end: (value: string) => void; fail: (error: Error) => void }[] = []
  let lateEnds = 0
  const reads = new BoundedRead<string>({
    path,
    clock,
    read: (attempt) => {
      attempt.found = found
      return new Promise((resolve, reject) => attempts.push({ attempt, end: resolve, fail: reject }))
    },
    onLateEnd: () => {
      lateEnds++
    },
  })
  return { clock, path, attempts, reads, lateEnds: () => lateEnds }
}

/** A read that is not waited for to its end; `looks`: what stands at the path is looked at first. */
async function slow({ clock, reads }: ReturnType<typeof setUp>, looks = false): Promise<string | undefined> {
  const before = clock.timerCount
  const next = reads.next()
  // Looking takes real time, and has a timer of its own.
  await expect.poll(() => clock.timerCount, { interval: 1 }).toBe(before + (looks ? 2 : 1))
  clock.runAll()
  return next
}

/** A clock whose timers run when the test says so. */
function manualClock() {
  const timers = new Map<number, () => void>()
  let timerCount = 0
  return {
    now: () => 0,
    setTimeout(run: () => void) {
      timers.set(++timerCount, run)
      return timerCount
    },
    clearTimeout: (timer: unknown) => void timers.delete(timer as number),
    /** How many have been set so far. */
    get timerCount() {
      return timerCount
    },
    get pendingTimers() {
      return timers.size
    },
    runAll() {
      for (const run of timers.values()) run()
    },
  }
}

describe('BoundedRead', () => {
  it('gives what is read in time, and sets no timer for longer', async () => {
    const test = setUp()
    const next = test.reads.next()
    test.attempts[0]?.end('a')
    expect(await next).toBe('a')
    expect(test.clock.pendingTimers).toBe(0)
    expect(test.lateEnds()).toBe(0)
  })

  it('does not wait for a read that never answers, and begins no other', async () => {
    const test = setUp()
    await writeFile(test.path, '')
    for (let round = 0; round < 5; round++) expect(await slow(test)).toBeUndefined()
    expect(test.attempts).toHaveLength(1)
    expect(test.attempts[0]?.attempt.signal.aborted).toBe(false)
    expect(test.clock.pendingTimers).toBe(0)
  })

  it('gives what a slow read comes to, once, and says that it has ended', async () => {
    const test = setUp()
    expect(await slow(test)).toBeUndefined()
    test.attempts[0]?.end('late')
    await expect.poll(test.lateEnds).toBe(1)
    expect(await test.reads.next()).toBe('late')
    void test.reads.next()
    expect(test.attempts).toHaveLength(2)
    await test.reads.close()
  })

  it('rejects as a slow read does', async () => {
    const test = setUp()
    expect(await slow(test)).toBeUndefined()
    test.attempts[0]?.fail(new Error('gone'))
    await expect.poll(test.lateEnds).toBe(1)
    await expect(test.reads.next()).rejects.toThrow('gone')
  })

  it('gives up a pipe whose place another file has taken, not one whose name is gone', async () => {
    const test = setUp({ id: 'of the pipe', isPipe: true })
    expect(await slow(test)).toBeUndefined()
    expect(test.reads.isPipe).toBe(true)
    expect(await slow(test, true)).toBeUndefined()
    expect(test.attempts).toHaveLength(1)
    await writeFile(test.path, '')
    expect(await slow(test, true)).toBeUndefined()
    expect(test.attempts).toHaveLength(2)
    expect(test.attempts[0]?.attempt.signal.aborted).toBe(true)
    test.attempts[0]?.end('too late')
    test.attempts[1]?.end('b')
    await expect.poll(test.lateEnds).toBe(1)
    expect(await test.reads.next()).toBe('b')
  })

  it('looks for another file where a thread is held only when something has changed, and strands one at most', async () => {
    const test = setUp()
    await writeFile(test.path, '')
    expect(await slow(test)).toBeUndefined()
    expect(await slow(test)).toBeUndefined()
    expect(test.attempts).toHaveLength(1)
    test.reads.noteMove()
    expect(await slow(test, true)).toBeUndefined()
    expect(test.attempts).toHaveLength(2)
    for (let round = 0; round < 3; round++) {
      test.reads.noteMove()
      await writeFile(`${test.path}.new`, '')
      await rename(`${test.path}.new`, test.path)
      expect(await slow(test)).toBeUndefined()
    }
    expect(test.attempts).toHaveLength(2)
    test.attempts[0]?.end('answers at last')
    await new Promise((resolve) => setImmediate(resolve))
    expect(await slow(test, true)).toBeUndefined()
    expect(test.attempts).toHaveLength(3)
  })

  it('close ends the waiting, also for a read that never ends', async () => {
    const test = setUp()
    const next = test.reads.next()
    await test.reads.close()
    expect(await next).toBeUndefined()
    expect(test.attempts[0]?.attempt.signal.aborted).toBe(true)
    expect(test.clock.pendingTimers).toBe(0)
  })
})
