import { type Admin, AdminError, type HistoryEntry } from '@livetree/admin'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { RouteContext } from '../routes/route.ts'
import { Access } from '../security/access.ts'
import type { LiveView, TroubleView } from '../wire/index.ts'
import { Tail } from './tail.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A store with a write in each revision, of which some calls fail, and a tail that follows it. */
function followed(position = { changesUntil: 0, saidUntil: 0 }) {
  const stop = new AbortController()
  const failing = new Set<string>()
  const views: LiveView[] = []
  const troubles: TroubleView[] = []
  const assertWell = (call: string) => {
    if (failing.has(call)) throw new AdminError('timeout', { what: `${call} is slow` })
  }
  const entryOf = (revision: number) => ({ type: 'unrecorded', revision, changes: [] }) as HistoryEntry
  let newest = 5
  const admin = {
    async *history({ since = 0 }) {
      assertWell('history')
      for (let revision = newest; revision > since; revision--) yield entryOf(revision)
    },
    async *revisions() {
      assertWell('revisions')
      yield newest
    },
    async *followInstances({ since = newest, signal }: { since?: number; signal: AbortSignal }) {
      assertWell('followInstances')
      yield { revision: since, news: [] }
      await new Promise((resolve) => void signal.addEventListener('abort', resolve))
    },
  }
  const context = {
    admin: admin as unknown as Admin<unknown>,
    trees: { newest: async () => 5 },
    access: new Access({ user: 'ana' }),
    signal: stop.signal,
  }
  const sink = {
    onLive: (view: LiveView) => views.push(view),
    onTrouble: (view: TroubleView) => troubles.push(view),
  }
  const tail = new Tail(context as unknown as RouteContext, position, sink)
  const write = () => tail.reach(++newest)
  const seen = () => views.flatMap(({ changes }) => changes.map(({ revision }) => revision))
  const parts = () => troubles.map(({ part, error }) => `${part} ${error?.code ?? 'well'}`)
  return {
    failing,
    write,
    seen,
    parts,
    views,
    pass: vi.advanceTimersByTimeAsync.bind(vi),
    stop: () => stop.abort(),
  }
}

test.each(['history', 'followInstances'])('Tail: %s that fails is begun again where it was', async (call) => {
  const { failing, write, seen, parts, pass, stop } = followed({ changesUntil: 5, saidUntil: 5 })
  const part = call === 'history' ? 'changes' : 'said'
  if (part === 'said') failing.add(call)
  await pass(0)
  write()
  await pass(0)
  failing.add(call)
  write()
  write()
  await pass(10_000)
  expect(parts().length).toBeGreaterThan(1)
  expect(new Set(parts())).toEqual(new Set([`${part} timeout`]))
  failing.delete(call)
  await pass(10_000)
  expect(parts().at(-1)).toBe(`${part} well`)
  write()
  await pass(0)
  expect(seen()).toEqual([6, 7, 8, 9])
  stop()
  await pass(10_000)
})

test('Tail: a store that cannot say how far it is, is asked again', async () => {
  const { failing, write, seen, parts, views, pass, stop } = followed({ changesUntil: 90, saidUntil: 90 })
  failing.add('revisions')
  await pass(5_000)
  failing.delete('revisions')
  await pass(5_000)
  expect(parts()).toEqual(['changes timeout', 'changes timeout', 'changes well'])
  expect(views.some(({ hasGap }) => hasGap)).toBe(true)
  write()
  await pass(0)
  expect(seen().at(-1)).toBe(6)
  stop()
  await pass(5_000)
  expect(vi.getTimerCount()).toBe(0)
})
