import { describe, expect, it } from 'vitest'
import type { Issue } from '../issue.ts'
import { createTestClock } from '../testing/test-clock.ts'
import { type RejectedEvent, Rejection } from './rejection.ts'

function issue(code: string, message: string): Issue {
  return { path: [], pathText: '', code, message, expected: undefined, received: undefined, origins: [] }
}

function setUp() {
  const clock = createTestClock()
  const notified: RejectedEvent[] = []
  const rejection = new Rejection(clock, (event) => notified.push(event))
  const set = (revision: number, code = 'guard', message = 'Removes much') =>
    rejection.set({ source: 'etcd', revision, epoch: 0, issues: [issue(code, message)] })
  return { clock, notified, rejection, set, revisions: () => notified.map(({ revision }) => revision) }
}

describe('Rejection', () => {
  it('reports an invalid tree once, whatever is written elsewhere, and another one again', async () => {
    const { clock, rejection, set, revisions } = setUp()
    for (const revision of [1, 2, 3]) set(revision, 'invalid_type')
    await clock.advance(1_000_000)
    set(4, 'invalid_type')
    expect(revisions()).toEqual([1])
    expect(rejection.event).toMatchObject({ revision: 1 })
    set(5, 'too_big')
    expect(revisions()).toEqual([1, 5])
    expect(clock.pendingTimers).toBe(0)
  })

  it('reminds of a refusal by the guard when the revision moves on: at once, then ever less often', async () => {
    const { clock, notified, rejection, set, revisions } = setUp()
    set(1)
    set(2)
    expect(revisions()).toEqual([1, 2])
    // A tree that moves on ten times a second, for a quarter of an hour.
    for (let revision = 3; revision < 9_003; revision++) {
      set(revision, 'guard', `Removes ${revision}`)
      await clock.advance(100)
    }
    expect(notified.length).toBeLessThan(25)
    expect(notified.length).toBeGreaterThan(15)
    expect(rejection.event).toMatchObject({ revision: 9_002, issues: [{ message: 'Removes 9002' }] })
    // The last one is not lost.
    await clock.advance(60_000)
    expect(notified.at(-1)).toMatchObject({ revision: 9_002 })
    const { length } = notified
    await clock.advance(1_000_000)
    expect(notified).toHaveLength(length)
    expect(clock.pendingTimers).toBe(0)
  })

  it('says nothing at the same revision, and nothing any more once it is cleared or closed', async () => {
    for (const end of ['clear', 'close'] as const) {
      const { clock, rejection, set, revisions } = setUp()
      set(1)
      set(1, 'guard', 'Removes more')
      expect(revisions()).toEqual([1])
      for (const revision of [2, 3]) set(revision)
      expect(clock.pendingTimers).toBe(1)
      rejection[end]()
      expect(clock.pendingTimers).toBe(0)
      await clock.advance(100_000)
      expect(revisions()).toEqual([1, 2])
    }
  })

  it('begins anew with the next refusal', () => {
    const { rejection, set, revisions } = setUp()
    for (const revision of [1, 2, 3]) set(revision)
    expect(rejection.clear()).toBe(true)
    expect(rejection.clear()).toBe(false)
    for (const revision of [4, 5]) set(revision)
    expect(revisions()).toEqual([1, 2, 4, 5])
  })

  it('puts back what was suspended, without a report', () => {
    const { rejection, set, revisions } = setUp()
    set(1, 'invalid_type')
    const putBack = rejection.suspend()
    expect(rejection.event).toBeUndefined()
    putBack()
    set(2, 'invalid_type')
    expect(rejection.event).toMatchObject({ revision: 1 })
    expect(revisions()).toEqual([1])
  })
})
