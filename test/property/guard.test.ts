import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { load } from '../../packages/core/src/load.ts'
import { createTestClock, type TestClock } from '../../packages/core/src/testing/test-clock.ts'
import {
  definition,
  disk,
  GuardedProcess as Process,
  isAsLeft,
  keepFilesInMemory,
  secretive,
} from './guarded-process.ts'
import { HistoryStore } from './history-store.ts'
import { propertyRuns } from './property-runs.ts'

/** Each history loads a configuration some ten times. */
const RUNS = propertyRuns(1, 0.1)
/** Drawn in each run alike, beside the random ones: all kinds of answers are among them. */
const SAME_CASES = { numRuns: 10, seed: 8 }

beforeEach(keepFilesInMemory)
afterEach(() => vi.restoreAllMocks())

type Overlay = 'base' | 'prod'
type Keys = readonly (readonly [string, string | undefined])[]

/** One revision, made from the keys that are there. */
type Write = (store: HistoryStore) => Keys

/** What the other process does around some writes. */
const WAYS = ['watches', 'restarts', 'crashes', 'stays away', 'falls back', 'is cut off'] as const

interface Step {
  readonly writes: readonly Write[]
  readonly way: (typeof WAYS)[number]
  readonly laterMs: number
}

const overlay = fc.constantFrom<Overlay>('base', 'base', 'prod')
const key = (at: Overlay, path: string) => `/app/${at}/${path}`
const PERMISSION = '/app/.livetree/allow-removal'
const permission: Keys = [[PERMISSION, 'yes']]

const path = fc.oneof(
  { weight: 6, arbitrary: fc.nat(7).map((index) => `flags/k${index}`) },
  { weight: 2, arbitrary: fc.constantFrom('db/host', 'db/a', 'db/b', 'db/c', 'sections/a/x', 'flags/a%2Fb') },
  { weight: 1, arbitrary: fc.constantFrom('sections', 'flags', 'db') },
)
const text = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('1', '2') },
  { weight: 1, arbitrary: fc.constantFrom('{"a": {}, "b": {}}', '{"k0": "1"}', '{"a": {"x": "1"}}') },
)
const edit = fc.tuple(overlay, path, fc.option(text, { nil: undefined })).map(
  ([at, name, value]): Write =>
    () => [[key(at, name), value]],
)
const removal = fc.tuple(overlay, fc.constantFrom('flags/', 'db/', ''), fc.integer({ min: 3, max: 8 })).map(
  ([at, below, most]): Write =>
    (store) =>
      store
        .keysOf(at)
        .filter((each) => each.startsWith(key(at, below)) && !each.endsWith('/port'))
        .slice(0, most)
        .map((each) => [each, undefined]),
)
const filling = fc.tuple(overlay, fc.integer({ min: 2, max: 8 })).map(
  ([at, count]): Write =>
    () =>
      Array.from({ length: count }, (_, index) => [key(at, `flags/k${index}`), '3']),
)
const port = fc.constantFrom('ten', 'ten', '1', undefined).map(
  (value): Write =>
    () => [[key('base', 'db/port'), value]],
)
const untidy: Write = () => permission
const tidy: Write = () => [[PERMISSION, undefined]]
const together =
  (...writes: Write[]): Write =>
  (store) =>
    writes.flatMap((each) => each(store))
const change = fc.oneof(removal, removal, filling, edit)
const writes: fc.Arbitrary<readonly Write[]> = fc.oneof(
  { weight: 6, arbitrary: change.map((each) => [each]) },
  { weight: 2, arbitrary: port.map((each) => [each]) },
  { weight: 3, arbitrary: change.map((each) => [together(each, untidy)]) },
  { weight: 1, arbitrary: fc.tuple(change, port).map(([a, b]) => [together(a, b, untidy)]) },
  { weight: 2, arbitrary: fc.constantFrom([untidy], [tidy], [tidy, untidy]) },
  { weight: 1, arbitrary: removal.map((each) => [together(each, untidy), tidy]) },
  // As a loop in a shell does.
  {
    weight: 2,
    arbitrary: fc.tuple(overlay, fc.integer({ min: 2, max: 5 })).map(([at, count]) =>
      Array.from(
        { length: count },
        (): Write => (store) =>
          store
            .keysOf(at)
            .slice(0, 1)
            .map((each) => [each, undefined]),
      ),
    ),
  },
)
const step: fc.Arbitrary<Step> = fc.record({
  writes,
  way: fc.constantFrom(...WAYS),
  // Within one window. A store keeps no times, so what a process missed counts from its return: over the end of a window it
  // may refuse what one that ran all the time accepts, and the reverse (ARCHITECTURE, "The guard").
  laterMs: fc.constantFrom(0, 0, 0, 1_000, 10_000),
})

const FIRST: Keys = [
  ...Array.from({ length: 8 }, (_, index) => [key('base', `flags/k${index}`), '1'] as const),
  [key('prod', 'db/host'), 'x'],
  [key('prod', 'db/a'), '1'],
]

/** The processes have taken what was written, and their files are on disk. */
async function taken(clock: TestClock, ...processes: Process[]): Promise<void> {
  for (const each of processes) if (each.isThere) await each.shown()
  await clock.advance(1)
}

/**
 * Takes the other process through a step. `away`: it is not there. `blind`: what came while it was away has gone again, so
 * that it sees nothing of it.
 */
async function goThrough(
  { writes: made, way, laterMs }: Step,
  world: World,
): Promise<'away' | 'blind' | 'all seen'> {
  const { store, clock, running, other } = world
  // A store keeps no times, so the clock moves on only while nobody is away.
  if (other.isThere) await clock.advance(laterMs)
  await taken(clock, running, other)
  const isBack = !other.isThere
  if (way === 'restarts' || way === 'stays away' || way === 'falls back') await other.stop()
  if (way === 'crashes' && !isBack) await other.crash()
  if (way === 'falls back') await other.start({ isAway: true })
  if (way === 'is cut off' && !isBack) other.cut()
  for (const write of made) {
    store.write(write(store))
    await taken(clock, running)
  }
  if (way === 'stays away') return 'away'
  const isBlind = (!other.isThere || way === 'falls back') && isAsLeft(store, other.file)
  if (!other.isThere) await other.start()
  else if (way === 'falls back' || way === 'is cut off') await other.connect()
  if (!other.isThere) return 'away'
  await taken(clock, other)
  return isBlind ? 'blind' : 'all seen'
}

interface World {
  readonly store: HistoryStore
  readonly clock: TestClock
  readonly running: Process
  readonly other: Process
}

/** A history that fails leaves its processes open, and the next one must not get their files. */
let worlds = 0

/** A process with a file of its own. Without a key, the flags are secret and left out of it. */
const newProcess = ({ store, clock }: Pick<World, 'store' | 'clock'>, file: string, hasKey: boolean) =>
  new Process(store, clock, file, hasKey ? definition : secretive, hasKey)

async function newWorld(hasKey = true): Promise<World> {
  const number = ++worlds
  const store = new HistoryStore()
  const clock = createTestClock()
  store.write(FIRST)
  const world = {
    store,
    clock,
    running: newProcess({ store, clock }, `/running${number}`, hasKey),
    other: newProcess({ store, clock }, `/other${number}`, hasKey),
  }
  disk.clear()
  await world.running.start()
  await world.other.start()
  return world
}

/** What a process that compares with nothing makes of the newest tree. */
async function unguarded({ store }: World): Promise<object | undefined> {
  const config = await load(
    { ...definition, guard: false },
    { sources: [store.source()], logger: false },
  ).catch(() => undefined)
  const value = config?.current
  await config?.close()
  return value
}

/** An operator says yes: a tree that is valid is served by all. */
async function sayYes(world: World): Promise<void> {
  const { store, clock, running, other } = world
  if (!other.isThere) await other.start()
  store.write(permission)
  await taken(clock, running, other)
  const value = await unguarded(world)
  if (value === undefined) return
  if (!other.isThere) await other.start()
  for (const each of [running, other]) expect(await each.shown()).toEqual({ issues: undefined, value })
}

test.each([
  ['with a key', true, RUNS],
  ['without a key, though most is left out of the file,', false, Math.ceil(RUNS / 2)],
])(
  `a process that restarts, crashes, falls back or is cut off %s decides as one that runs (${RUNS} histories)`,
  async (_name, hasKey, numRuns) => {
    // Without a key it may have to decide without having what was accepted.
    const shownBy = async (each: Process) => {
      const { issues, value } = await each.shown()
      return { issues, value: hasKey ? value : undefined }
    }
    const seen = { refused: 0, compared: 0 }
    const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
      const world = await newWorld(hasKey)
      const { running, other } = world
      for (const each of steps) {
        const view = await goThrough(each, world)
        if (view === 'away') continue
        const expected = await shownBy(running)
        const own = await shownBy(other)
        // It takes the very tree that it served last, while the running one may wait for an operator; and what has come and
        // gone is not in its window, so the two may differ later, too.
        if (view === 'blind') break
        expect(own).toEqual(expected)
        // One that takes over the file of the running one.
        const fresh = newProcess(world, `/fresh${worlds}`, hasKey)
        disk.set(fresh.file, disk.get(running.file)!)
        await fresh.start()
        if (fresh.isThere) expect(await shownBy(fresh)).toEqual(expected)
        await fresh.stop()
        seen.compared++
        if (expected.issues?.some((issue) => issue.startsWith('guard')) === true) seen.refused++
      }
      await sayYes(world)
      await running.stop()
      await other.stop()
    })
    await fc.assert(property, SAME_CASES)
    expect(seen.refused).toBeGreaterThan(0)
    await fc.assert(property, { numRuns })
  },
  900_000,
)

test(`where history is compacted one command heals all (${RUNS / 4} histories)`, async () => {
  const property = fc.asyncProperty(
    fc.array(fc.tuple(step, fc.nat(3)), { minLength: 1, maxLength: 10 }),
    async (steps) => {
      const world = await newWorld()
      for (const [each, back] of steps) {
        await goThrough(each, world)
        world.store.compactedAt = Math.max(world.store.compactedAt, world.store.revision - back)
      }
      await sayYes(world)
      await world.running.stop()
      await world.other.stop()
    },
  )
  await fc.assert(property, { numRuns: RUNS / 4 })
}, 900_000)
