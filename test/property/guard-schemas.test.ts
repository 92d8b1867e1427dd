import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type * as z from 'zod'
import { defineConfig } from '../../packages/core/src/define-config.ts'
import { LivetreeError } from '../../packages/core/src/errors.ts'
import { createTestClock, type TestClock } from '../../packages/core/src/testing/test-clock.ts'
import { type ArbitrarySchema, arbitrarySchema, arbitraryText } from './arbitrary-schema.ts'
import { completeTree } from './differential-oracle.ts'
import { disk, GuardedProcess as Process, isAsLeft, keepFilesInMemory } from './guarded-process.ts'
import { HistoryStore } from './history-store.ts'
import { propertyRuns } from './property-runs.ts'

/** Each case loads a configuration some twenty times. */
const RUNS = propertyRuns(1 / 8, 0.2)
/** Drawn in each run alike, beside the random ones: all kinds of answers are among them. */
const SAME_CASES = { numRuns: 10, seed: 7 }

beforeEach(keepFilesInMemory)
afterEach(() => vi.restoreAllMocks())

type Keys = readonly (readonly [string, string | undefined])[]
/** One revision, made from the keys that are there. */
type Write = (store: HistoryStore) => Keys

const PERMISSION = '/app/.livetree/allow-removal'
const overlay = fc.constantFrom<'base' | 'prod'>('base', 'base', 'prod')
const encoded = (path: readonly string[]) =>
  path.map((name) => name.replaceAll('%', '%25').replaceAll('/', '%2F')).join('/')

/** One revision that means something to the schema: values, other values, removals of parts and of much. */
function writeOf({ spots }: ArbitrarySchema): fc.Arbitrary<Write> {
  const spot = fc.constantFrom(...spots)
  const edit = fc
    .tuple(overlay, spot, fc.constantFrom('x', 'y', '0', undefined))
    .chain(([at, { path, texts }, name]) =>
      fc
        .oneof(
          { weight: texts.length > 0 ? 8 : 0, arbitrary: fc.constantFrom(...texts, '') },
          { weight: 1, arbitrary: arbitraryText },
          { weight: 2, arbitrary: fc.constant(undefined) },
          { weight: 1, arbitrary: fc.constantFrom('livetree:remove', 'livetree:empty') },
        )
        .map((value): Write => {
          const names = name === undefined ? path : [...path, name]
          return () => [[`/app/${at}/${encoded(names)}`, value]]
        }),
    )
  const removal = fc.tuple(overlay, spot, fc.nat(1)).map(
    ([at, { path }, skipped]): Write =>
      (store) => {
        const below = `/app/${at}/${encoded(path.slice(0, -1))}`
        return store
          .keysOf(at)
          .filter((key) => key.startsWith(below))
          .slice(skipped)
          .map((key) => [key, undefined])
      },
  )
  const filling = overlay.map(
    (at): Write =>
      () =>
        spots
          .filter(({ texts }) => texts.length > 0)
          .map(({ path, texts }) => [`/app/${at}/${encoded(path)}`, texts.at(-1)]),
  )
  const change = fc.oneof(
    { weight: 4, arbitrary: edit },
    { weight: 4, arbitrary: removal },
    { weight: 1, arbitrary: filling },
  )
  const permission: Write = () => [[PERMISSION, 'yes']]
  const allowed = change.map(
    (each): Write =>
      (store) => [...each(store), ...permission(store)],
  )
  return fc.oneof(
    { weight: 8, arbitrary: change },
    { weight: 2, arbitrary: allowed },
    { weight: 1, arbitrary: fc.constant(permission) },
  )
}

const arbitraryCase = arbitrarySchema.chain((schema) =>
  fc.record({
    schema: fc.constant(schema),
    maxRemovedShare: fc.constantFrom(0, 0.3, 0.5),
    unused: fc.constantFrom('ignore' as const, 'reject' as const),
    steps: fc.array(
      fc.record({
        writes: fc.array(writeOf(schema), { minLength: 1, maxLength: 3 }),
        isThere: fc.boolean(),
        laterMs: fc.constantFrom(0, 0, 1_000),
      }),
      { minLength: 1, maxLength: 6 },
    ),
  }),
)

/** What a process shows, byte for byte, order included. */
const shownBy = async (process: Process) => inspect(await process.shown(), { depth: null, breakLength: 200 })

/** The processes have taken what was written, and their files are on disk. */
async function taken(clock: TestClock, ...processes: Process[]): Promise<void> {
  for (const each of processes) if (each.isThere) await each.shown()
  await clock.advance(1)
}

let cases = 0

test(`whatever the schema, a process that starts with a snapshot decides under the guard as one that runs (${RUNS} cases)`, async () => {
  const seen = { compared: 0, refused: 0, accepted: 0 }
  const property = fc.asyncProperty(arbitraryCase, async ({ schema, maxRemovedShare, unused, steps }) => {
    disk.clear()
    const store = new HistoryStore()
    const clock = createTestClock()
    const guard = { minRemoved: 2, maxRemovedShare, windowMs: 600_000 }
    const definition = defineConfig({ name: 'app', schema: schema.schema as z.ZodType, guard, unused })
    store.write(completeTree(schema).map(({ path, value }) => [`/app/base/${path}`, String(value)]))
    // A case that fails leaves its processes open, and the next one must not get their files.
    const number = ++cases
    const running = new Process(store, clock, `/running${number}`, definition)
    const other = new Process(store, clock, `/other${number}`, definition)
    try {
      await running.start()
    } catch (error) {
      // No tree of these texts is valid, for example where both sides of an intersection differ.
      if (error instanceof LivetreeError && error.issues !== undefined) return
      throw error
    }
    await other.start()
    for (const { writes, isThere, laterMs } of steps) {
      await clock.advance(laterMs)
      await taken(clock, running, other)
      if (!isThere) await other.stop()
      for (const write of writes) {
        store.write(write(store))
        await taken(clock, running)
      }
      const isBlind = !isThere && isAsLeft(store, other.file)
      if (!isThere) await other.start()
      await taken(clock, other)
      // What came while it was away has gone again, so that it has seen nothing of it.
      if (isBlind) break
      const expected = await shownBy(running)
      expect(await shownBy(other)).toBe(expected)
      const fresh = new Process(store, clock, `/fresh${number}`, definition)
      disk.set(fresh.file, disk.get(running.file)!)
      await fresh.start()
      expect(await shownBy(fresh)).toBe(expected)
      await fresh.stop()
      seen.compared++
      if (expected.includes("'guard ")) seen.refused++
      if (expected.includes('issues: undefined')) seen.accepted++
    }
    await running.stop()
    await other.stop()
  })
  await fc.assert(property, SAME_CASES)
  expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(0)
  await fc.assert(property, { numRuns: RUNS })
}, 900_000)
