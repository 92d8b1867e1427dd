import { expect, test } from 'vitest'
import type { HistoryView, InstanceView, LiveView } from '../../src/wire/index.ts'
import { LiveTail } from './live-tail.ts'

const NOTHING: LiveView = { changesUntil: 0, saidUntil: 0, changes: [], said: [], hasGap: false }

function viewOf(...revisions: readonly number[]): LiveView {
  const changes = revisions.map((revision) => ({ revision }) as HistoryView)
  return { ...NOTHING, changes, changesUntil: Math.max(...revisions) }
}

function revisionsOf({ lines }: LiveTail): readonly (number | string)[] {
  return lines.map((line) => (line.type === 'change' ? line.entry.revision : line.type))
}

test('LiveTail has the newest first, and goes on where it was', () => {
  const tail = new LiveTail(() => {})
  tail.take(viewOf(4, 5))
  tail.take({ ...viewOf(7), saidUntil: 9 })
  expect(revisionsOf(tail)).toEqual([7, 5, 4])
  expect(tail.position).toEqual({ changes: 7, said: 9 })
  tail.take({ ...viewOf(3), hasGap: true })
  expect(revisionsOf(tail)).toEqual([3, 'gap', 7, 5, 4])
  expect(tail.position).toEqual({ changes: 3, said: 0 })
})

test('LiveTail says what cannot go on until it does, or the stream is opened anew', () => {
  const tail = new LiveTail(() => {})
  const error = (code: string) => ({ code, message: code, issues: [], conflicts: [] })
  const codes = () => tail.troubles.map(({ code }) => code)
  tail.fail({ part: 'said', error: error('permission_denied') })
  tail.fail({ part: 'changes', error: error('timeout') })
  tail.fail({ part: 'changes', error: error('timeout') })
  expect(codes()).toEqual(['permission_denied', 'timeout'])
  tail.fail({ part: 'changes', error: undefined })
  expect(codes()).toEqual(['permission_denied'])
  tail.reopen()
  expect(codes()).toEqual([])
})

test('LiveTail keeps back what comes in while it is paused, and never more lines than 500 of each', () => {
  let redrawn = 0
  const tail = new LiveTail(() => redrawn++)
  const all = Array.from({ length: 700 }, (_, index) => index + 1)
  for (const revision of all) tail.take(viewOf(revision))
  expect(revisionsOf(tail)).toEqual(all.slice(-500).reverse())
  tail.pause(true)
  for (const revision of all) tail.take(viewOf(revision + 700))
  expect(tail.heldCount).toBe(500)
  expect(revisionsOf(tail)[0]).toBe(700)
  tail.pause(false)
  expect(tail.heldCount).toBe(0)
  expect(revisionsOf(tail)).toHaveLength(500)
  expect(revisionsOf(tail)[0]).toBe(1_400)
  const before = redrawn
  tail.take({ ...NOTHING, changesUntil: 1_500 })
  expect({ redrawn, changes: tail.position.changes }).toEqual({ redrawn: before, changes: 1_500 })
})

test('LiveTail has a write below what is said of it, also where it is read later, but not below a gap', () => {
  const tail = new LiveTail(() => {})
  const said = [8, 9].map((revision) => ({ revision, isGone: false, instance: {} as InstanceView }))
  const order = () =>
    tail.lines.map((line) =>
      line.type === 'said'
        ? `said ${line.said.revision}`
        : line.type === 'change'
          ? line.entry.revision
          : 'gap',
    )
  tail.take(viewOf(4))
  tail.take({ ...NOTHING, said })
  tail.take(viewOf(7))
  expect(order()).toEqual(['said 9', 'said 8', 7, 4])
  tail.take({ ...NOTHING, hasGap: true })
  tail.take(viewOf(5))
  expect(order()).toEqual([5, 'gap', 'said 9', 'said 8', 7, 4])
})
