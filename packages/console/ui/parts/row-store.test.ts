import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { RowsView } from '../../src/wire/index.ts'
import { ApiError } from '../api.ts'
import { RowStore } from './row-store.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const view: RowsView = {
  ...{ revision: 1, total: 1, offset: 0, rows: [], values: 1, isValid: true, issues: [], unknownKeys: [] },
}

/** A tree that is drawn whenever it changes, as a page does it. */
function drawn(statusOf: (attempt: number) => number) {
  let asked = 0
  const store: RowStore = new RowStore(
    () => store.ensure(0, 10),
    async () => {
      const status = statusOf(++asked)
      if (status === 200) return view
      throw new ApiError(status, { code: 'x', message: 'failed', issues: [], conflicts: [] })
    },
  )
  store.ensure(0, 10)
  return { store, asked: () => asked }
}

test.each([0, 500, 503, 504])(
  'RowStore: what fails with %d is asked for again, seldom, until it is there',
  async (status) => {
    const { store, asked } = drawn((attempt) => (attempt < 5 ? status : 200))
    await vi.advanceTimersByTimeAsync(400)
    expect([asked(), store.error?.message]).toEqual([1, 'failed'])
    await vi.advanceTimersByTimeAsync(3_100)
    expect(asked()).toBeGreaterThan(1)
    expect(asked()).toBeLessThan(5)
    await vi.advanceTimersByTimeAsync(30_000)
    expect([asked(), store.error, store.about?.total]).toEqual([5, undefined, 1])
  },
)

test.each([401, 403, 421])(
  'RowStore: who is refused with %d is asked for again by hand alone',
  async (status) => {
    const { store, asked } = drawn((attempt) => (attempt < 3 ? status : 200))
    await vi.advanceTimersByTimeAsync(600_000)
    expect(asked()).toBe(1)
    store.again()
    await vi.advanceTimersByTimeAsync(600_000)
    expect(asked()).toBe(2)
    store.again()
    await vi.advanceTimersByTimeAsync(0)
    expect([asked(), store.error]).toEqual([3, undefined])
  },
)

test('RowStore: a store that is closed asks no more', async () => {
  const { store, asked } = drawn(() => 503)
  await vi.advanceTimersByTimeAsync(0)
  store.close()
  await vi.advanceTimersByTimeAsync(600_000)
  expect(asked()).toBe(1)
})
