import type { WriteOperation } from '../recorder/write.ts'
import { baseFolders, configFolders } from './chaos-config.ts'
import type { Random } from './random.ts'

/** Values that no other write of the run has: a text, or the digits of a whole number from 1 on. */
export interface Unique {
  text(): string
  number(): string
}

/** A change of several leaves of a configuration; a value of undefined removes the leaf. */
type Leaves = Readonly<Record<string, string | undefined>>

/** Keys that only raw watches look at: two directories of so many. */
export const rawDirectories = ['/raw/a/', '/raw/b/'] as const
const rawKeys = 20
const recordKeys = 6

/** All leaves that a configuration needs to be valid. */
const wholeTree = (unique: Unique): Leaves => ({
  title: unique.text(),
  'http/port': unique.number(),
  'http/timeoutMs': unique.number(),
  'db/url': unique.text(),
  'db/pool/max': unique.number(),
  'limits/0': unique.number(),
  'features/0': 'true',
  hosts: JSON.stringify([unique.text()]),
  'weights/0': unique.number(),
  'backend/kind': 'file',
  'backend/path': unique.text(),
})

/** Valid changes wherever they are written, one function for each kind. */
const changes: readonly ((unique: Unique, random: Random) => Leaves)[] = [
  (unique) => ({ 'http/port': unique.number(), 'db/pool/max': unique.number() }),
  (unique) => ({ title: unique.text() }),
  (unique) => ({ 'db/url': unique.text() }),
  (unique, random) => ({ [`limits/${random.between(0, recordKeys)}`]: unique.number() }),
  (_, random) => ({ [`limits/${random.between(1, recordKeys)}`]: undefined }),
  (unique, random) => ({
    [`features/${random.between(0, recordKeys)}`]: random.pick(['true', 'false', 'on', 'off']),
    'http/timeoutMs': unique.number(),
  }),
  (_, random) => ({ [`features/${random.between(1, recordKeys)}`]: undefined }),
  (unique, random) => ({
    hosts: JSON.stringify(Array.from({ length: random.between(1, 4) }, () => unique.text())),
  }),
  // all positions at once, so that no other writer's length leaves a gap
  (unique, random) => {
    const length = random.between(1, 3)
    const at = (position: number) => (position < length ? unique.number() : undefined)
    return { 'weights/0': at(0), 'weights/1': at(1), 'weights/2': at(2) }
  },
  (unique) => ({ 'backend/kind': 'file', 'backend/path': unique.text() }),
  (unique) => ({
    'backend/kind': 'bucket',
    'backend/bucket': unique.text(),
    'backend/partSize': unique.number(),
  }),
]

/** Takes what an upper overlay says away again, so that the lower one's value is in force. */
const removals: readonly (readonly string[])[] = [
  ['title'],
  ['http/port', 'http/timeoutMs'],
  ['db/url', 'db/pool/max'],
  ['hosts'],
  ['weights/0', 'weights/1', 'weights/2'],
  ['backend/kind', 'backend/path', 'backend/bucket', 'backend/partSize'],
]

/** Leaves that the schema does not take, and leaves that make up for them. */
const mistakes: readonly {
  readonly bad: (unique: Unique) => Leaves
  readonly good: (unique: Unique) => Leaves
}[] = [
  {
    bad: (unique) => ({ 'http/timeoutMs': `-${unique.number()}` }),
    good: (unique) => ({ 'http/timeoutMs': unique.number() }),
  },
  {
    bad: (unique) => ({ 'db/pool/max': `many-${unique.text()}` }),
    good: (unique) => ({ 'db/pool/max': unique.number() }),
  },
  {
    bad: (unique) => ({ 'http/port': `${unique.number()}.5`, 'limits/0': unique.text() }),
    good: (unique) => ({ 'http/port': unique.number(), 'limits/0': unique.number() }),
  },
  {
    bad: (unique) => ({ 'backend/kind': `tape-${unique.text()}` }),
    good: (unique) => ({ 'backend/kind': 'file', 'backend/path': unique.text() }),
  },
  {
    bad: (unique) => ({ hosts: `[${unique.text()}` }),
    good: (unique) => ({ hosts: JSON.stringify([unique.text()]) }),
  },
]

const below = (folder: string, leaves: Leaves): WriteOperation[] =>
  Object.entries(leaves).map(([path, value]) => {
    const key = `${folder}/${path}`
    return value === undefined ? { type: 'delete', key } : { type: 'put', key, value }
  })

/** What makes every configuration valid, one transaction for each. */
export const wholeTrees: readonly ((unique: Unique) => WriteOperation[])[] = baseFolders.map(
  (folder) => (unique) => below(folder, wholeTree(unique)),
)

/** A write in the range of every slow reader, to end with: they hear of nothing but changes. */
export const draftClosing = (unique: Unique): WriteOperation[] =>
  [
    ...rawDirectories.map((directory) => `${directory}00`),
    ...baseFolders.map((folder) => `${folder}/title`),
  ].map((key) => ({ type: 'put', key, value: unique.text() }))

/** A write that keeps every configuration as valid as it was. */
export const draftWrite = (unique: Unique, random: Random): WriteOperation[] => {
  if (random.chance(0.5)) return draftRawWrite(unique, random)
  const folder = random.pick(configFolders)
  if (!baseFolders.includes(folder) && random.chance(0.2)) {
    return random.pick(removals).map((path) => ({ type: 'delete', key: `${folder}/${path}` }))
  }
  return below(folder, random.pick(changes)(unique, random))
}

/** A write that breaks a configuration, and one that mends it again: drafted anew for each attempt. */
export const draftMistake = (random: Random) => {
  const folder = random.pick(configFolders)
  const { bad, good } = random.pick(mistakes)
  return {
    bad: (unique: Unique) => below(folder, bad(unique)),
    good: (unique: Unique) => below(folder, good(unique)),
  }
}

const draftRawWrite = (unique: Unique, random: Random): WriteOperation[] => {
  const keys = rawDirectories.flatMap((directory) =>
    Array.from({ length: rawKeys }, (_, index) => `${directory}${String(index).padStart(2, '0')}`),
  )
  const count = random.chance(0.7) ? 1 : random.between(2, 6)
  const chosen = random.shuffle(keys).slice(0, count)
  return chosen.map((key) =>
    random.chance(0.25) ? { type: 'delete', key } : { type: 'put', key, value: unique.text() },
  )
}
