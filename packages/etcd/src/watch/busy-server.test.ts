import { describe, expect, it, test } from 'vitest'
import { header, put, setUp } from './watch-recorder.test.kit.ts'
import type { ScriptedStream } from './scripted-channel.test.kit.ts'

const TIMING = { progressIntervalMs: 500, progressGraceMs: 500, openTimeoutMs: 1_000 }

/**
 * A server that reads the history of each watch of `b` for `busyMs` on every stream, as etcd does under its lock:
 * what comes behind that watch waits. `isOrderKept`: progress waits too, as in etcd 3.5; before that it is
 * answered at once unless a create waits in front of it.
 */
function busyServer({ isOrderKept, busyMs, timing = TIMING }: Busy) {
  const all = setUp(timing)
  const { channel, clock } = all
  const state = { isBusyNow: true }
  channel.onStream = (stream) => {
    let freeAt = 0
    let ids = 0
    const waiting: (() => void)[] = []
    const later = (answer: () => void) => {
      waiting.push(answer)
      const answerAll = () => {
        for (const each of waiting.splice(0)) each()
      }
      if (waiting.length === 1) clock.setTimeout(answerAll, freeAt - clock.now())
    }
    stream.onSent = (request) => {
      const isFree = clock.now() >= freeAt
      if (request.type === 'cancel') return
      if (request.type === 'progress') {
        const answer = () => stream.answer({ header: header(9), watchId: -1 })
        if (isFree || (!isOrderKept && waiting.length === 0)) {
          if (!isOrderKept || ids > 0) clock.setTimeout(answer, 1)
        } else later(answer)
        return
      }
      const id = ids++
      const answer = () => stream.answer({ header: header(9), watchId: id, created: true })
      const isLong =
        String(request.value.key) === 'b' && request.value.filters.length === 0 && state.isBusyNow
      if (isFree) clock.setTimeout(answer, 1)
      else later(answer)
      if (isFree && isLong) {
        freeAt = clock.now() + busyMs
        later(() => stream.answer({ header: header(9), watchId: id, events: [put('b', 5)] }))
      }
    }
  }
  const run = (ms: number, isDone: () => boolean) => {
    for (let passed = 0; passed < ms; passed += 50) {
      if (isDone()) return passed
      clock.advance(50)
    }
    return Number.POSITIVE_INFINITY
  }
  return { ...all, run, state }
}

interface Busy {
  readonly isOrderKept: boolean
  readonly busyMs: number
  readonly timing?: typeof TIMING
}

describe.each([
  ['answers progress at once', false],
  ['keeps the order of progress', true],
])('a busy server that %s', (_, isOrderKept) => {
  it.each([1_500, 2_500, 6_000, 40_000, 200_000])('is waited for: busy for %i ms', (busyMs) => {
    const { watch, run, channel } = busyServer({ isOrderKept, busyMs })
    const a = watch({ prefix: 'a' })
    run(500, () => a.told.length > 0)
    const b = watch({ prefix: 'b' }, { startRevision: 2 })
    const c = watch({ prefix: 'c' })
    const done = () => b.changes.length > 0 && c.told.some((told) => /^(created|resumed)/.test(told))
    // Each attempt may last twice as long as the one before.
    expect(run(10 * busyMs + 10_000, done)).toBeLessThan(7 * busyMs + 5_000)
    expect(channel.streams.length).toBeLessThan(3 + 2 * Math.log2(busyMs / 100))
  })

  it('is not left at once any more after it was waited for, and later is', () => {
    const { watch, run, channel, clock, state } = busyServer({ isOrderKept, busyMs: 6_000 })
    watch({ prefix: 'a' })
    const b = watch({ prefix: 'b' }, { startRevision: 2 })
    watch({ prefix: 'c' })
    run(60_000, () => b.changes.length > 0)
    state.isBusyNow = false
    // Quick for longer than the longest limit.
    const before = channel.streams.length
    clock.advance(120_000)
    expect(channel.streams.length).toBe(before)
    const stream: ScriptedStream = channel.lastStream
    stream.onSent = () => undefined
    clock.advance(2_600)
    expect(stream.isCancelled).toBe(true)
  })
})

test.each([600, 2_500, 18_000])('a server whose first create takes %i ms is waited for', (lateMs) => {
  const { watch, channel, clock } = setUp(TIMING)
  channel.onStream = (stream) => {
    const openedAt = clock.now()
    let ids = 0
    stream.onSent = (request) => {
      if (request.type === 'cancel') return
      const id = request.type === 'create' ? ids++ : -1
      const answer = () => stream.answer({ header: header(5), watchId: id, created: id >= 0 })
      const delay = stream.progressRequests === 1 && id < 0 ? 1 : openedAt + lateMs - clock.now()
      clock.setTimeout(answer, Math.max(1, delay))
    }
  }
  const { told } = watch({ prefix: 'a' })
  clock.advance(8 * lateMs)
  expect(told.filter((word) => /^(created|resumed)/.test(word))).toHaveLength(1)
  expect(told.at(-1)).not.toMatch(/^disconnected/)
})
