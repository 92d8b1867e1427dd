import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import type * as z from 'zod'
import { createManualSource } from '../../../packages/core/src/testing/index.ts'
import { defineConfig, LivetreeError } from '../../../packages/core/src/index.ts'
import { type DerivedKey, deriveKey, seal } from '../../../packages/core/src/snapshot-file/seal.ts'
import { assertIssue } from '../assert-issue.ts'
import { assertDefined } from '../expect-defined.ts'
import { type FuzzTarget, fuzzTarget } from '../fuzz-target.ts'
import { damaged } from '../mutated-bytes.ts'
import { hostileSegment, hostileText } from '../hostile-values.ts'
import { assertPlain } from '../prototype-guard.ts'
import { anySchema } from '../schemas.ts'

const json = fc.oneof(
  { weight: 3, arbitrary: hostileText },
  { weight: 2, arbitrary: fc.constantFrom<unknown>(null, 0, -1, 1.5, true, '', [], {}, [[]], '\ud800') },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('{"__proto__": {"polluted": 1}}', '{"constructor": {"prototype": {"polluted": 1}}}')
      .map((text) => JSON.parse(text) as unknown),
  },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 4 }) },
)

const path = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('a', 'x', 'a/a', 'x/b', 'below/one/a', 'length', '') },
  { weight: 1, arbitrary: fc.array(hostileSegment, { maxLength: 3 }).map((segments) => segments.join('/')) },
)
const leaf = fc.tuple(path, json, fc.constantFrom<unknown>(1, 5, -1, 1.5, 'x', null))
const leaves = fc.array(leaf, { maxLength: 6 })
const withheldLeaf = fc.tuple(
  path,
  fc.constantFrom<unknown>(1, 5, 'x'),
  fc.constantFrom<unknown>(1, 0, 12, -1, null),
)
const withheld = fc.option(fc.array(withheldLeaf, { maxLength: 3 }), { nil: undefined })

/** The content of a snapshot as an older, a newer or a broken program may have written it. */
const content = fc
  .record({
    name: fc.oneof({ weight: 9, arbitrary: fc.constant<unknown>('fuzz') }, { weight: 1, arbitrary: json }),
    fingerprint: fc.constant('of an older schema'),
    takenAt: fc.constant(1_000),
    hasSecrets: fc.constantFrom<unknown>(true, true, false, 'x'),
    leaves,
    withheld,
    more: fc.array(
      fc.record({
        at: fc.constantFrom('sources', 'revision', 'layers', 'leaves', 'takenAt', 'extra'),
        value: json,
      }),
      {
        maxLength: 1,
      },
    ),
  })
  .map(({ leaves: list, withheld: left, more, ...document }) => {
    const layer: Record<string, unknown> = { name: 'etcd', leaves: list, withheld: left }
    const source: Record<string, unknown> = {
      name: 'etcd',
      revision: 5,
      epoch: 0,
      provenAt: 900,
      layers: [layer],
    }
    const whole: Record<string, unknown> = { ...document, sources: [source] }
    for (const { at, value } of more) {
      const holder = [layer, source].find((part) => Object.hasOwn(part, at)) ?? whole
      holder[at] = value
    }
    return Buffer.from(JSON.stringify(whole))
  })

interface Written {
  readonly content: Buffer
  /** Faults of the file, after it was written well. */
  readonly damage: ((bytes: Buffer) => Buffer) | undefined
}

const written: fc.Arbitrary<Written> = fc.record({
  content,
  damage: fc.option(damaged, { nil: undefined }),
})

interface Folder {
  readonly path: string
  readonly key: DerivedKey | undefined
}

const SECRET = 'a key that is right'

const openFolder = async (secret?: string): Promise<Folder> => ({
  path: await mkdtemp(join(tmpdir(), 'livetree-fuzz-')),
  key: secret === undefined ? undefined : await deriveKey(secret),
})

interface Start {
  readonly schema: z.ZodObject
  readonly file: string
  /** The file as it was written, and what befell it. */
  readonly good: Buffer
  readonly damage: Written['damage']
  readonly key: string | undefined
}

/** Loads from the file alone: the store says at once that it will never answer. */
async function assertStart({ schema, file, good, damage, key }: Start): Promise<void> {
  const bytes = damage === undefined ? good : damage(good)
  await writeFile(file, bytes)
  const store = createManualSource({ name: 'etcd' })
  const loading = defineConfig({ name: 'fuzz', schema }).load({
    sources: [store],
    startup: { onUnavailable: 'snapshot' },
    snapshot: { path: file, key },
    logger: false,
  })
  store.sink.lost({ error: new Error('no store, for the test'), isFinal: true })
  try {
    const config = await loading
    assert.equal(config.status.servedFrom, 'snapshot')
    assertPlain(config.current)
    await config.close()
    assert.ok(bytes.equals(good), 'a damaged file was taken')
  } catch (error) {
    const defined = assertDefined(error)
    if (!(defined instanceof LivetreeError)) throw error
    assert.equal(defined.code, 'source_unavailable')
    defined.issues.forEach(assertIssue)
    const { cause } = defined
    if (cause instanceof LivetreeError) assert.match(cause.code, /^snapshot_/)
  }
}

const what =
  'cut off, flipped, moved about, written by another version, for another schema, or with any part replaced: a configuration from it, or an error with the reason'

export const snapshots: readonly FuzzTarget[] = [
  fuzzTarget({
    name: 'snapshots',
    what: `a snapshot on disk, ${what}`,
    shortCases: 65,
    weight: 1,
    mostCases: 60_000,
    input: fc.record({ schema: anySchema, file: written }),
    open: () => openFolder(),
    close: ({ path: folder }) => rm(folder, { recursive: true }),
    async check({ schema, file: { content: bytes, damage } }, { path: folder }) {
      const file = join(folder, 'fuzz.snapshot')
      await assertStart({ schema, file, good: seal(bytes, 'fuzz', undefined), damage, key: undefined })
    },
  }),
  fuzzTarget({
    name: 'snapshots-sealed',
    what: `an encrypted snapshot, opened with its key, another one, or none, ${what}`,
    shortCases: 5,
    weight: 0.1,
    mostCases: 600,
    input: fc.record({
      schema: anySchema,
      file: written,
      key: fc.constantFrom(SECRET, SECRET, SECRET, 'another', undefined),
    }),
    open: () => openFolder(SECRET),
    close: ({ path: folder }) => rm(folder, { recursive: true }),
    async check({ schema, file: { content: bytes, damage }, key }, folder) {
      const file = join(folder.path, 'fuzz.snapshot')
      await assertStart({ schema, file, good: seal(bytes, 'fuzz', folder.key), damage, key })
    },
  }),
]
