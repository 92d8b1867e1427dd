import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { createManualSource } from '@livetree/core/testing'
import { defineConfig, env, file, type LiveConfig, LivetreeError, memory } from '@livetree/core'
import type { Source } from '@livetree/core/source'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type * as z from 'zod'
import { propertyRuns } from './property-runs.ts'
import { completeTree } from './differential-oracle.ts'
import { arbitrarySchema, arbitraryText, arbitraryTyped, type ArbitrarySchema } from './arbitrary-schema.ts'

/** Each case loads a whole configuration several times, from a real file too. */
const RUNS = propertyRuns(1 / 40, 0.45)
/** Drawn in each run alike, beside the random ones: all kinds of answers are among them. */
const SAME_CASES = { numRuns: 4, seed: 1 }

/** Names that mean something to JavaScript, to paths or to eyes. */
const HOSTILE = [
  ...[
    '__proto__',
    'constructor',
    'toJSON',
    'then',
    'hasOwnProperty',
    '0',
    '1',
    '10',
    '9',
    '007',
    '-1',
    '1.10',
    '1e3',
  ],
  ...[
    'a/b',
    '%2F',
    '50%',
    'a.b',
    '.',
    '..',
    ' ',
    'a b',
    '"',
    '\\',
    'é',
    'e\u0301',
    '\u{1F600}',
    '\uffff',
    'A',
    'a',
    '',
  ],
]

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'livetree-fresh-'))
})
afterEach(() => rm(directory, { recursive: true }))

type Edit =
  | { readonly source: 'store'; readonly path: readonly string[]; readonly value: unknown }
  | { readonly source: 'memory'; readonly path: readonly string[]; readonly value: unknown }
  | {
      readonly source: 'file'
      readonly path: readonly string[]
      readonly value: unknown
      readonly isRemoved: boolean
    }

const editsOf = (schema: ArbitrarySchema): fc.Arbitrary<Edit> => {
  const name = fc.constantFrom(...HOSTILE, 'x', 'y', 'b', 'port', 'xY', 'x-y')
  const place = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...schema.spots) },
    {
      weight: 2,
      arbitrary: fc.array(name, { minLength: 1, maxLength: 3 }).map((path) => ({ path, texts: [] })),
    },
    {
      weight: 3,
      arbitrary: fc
        .tuple(fc.constantFrom(...schema.spots), name)
        .map(([spot, last]) => ({ path: [...spot.path, last], texts: spot.texts })),
    },
  )
  return place.chain(({ path, texts }) =>
    fc.record({
      source: fc.constantFrom('store', 'memory', 'file'),
      path: fc.constant(path),
      value: fc.oneof(
        { weight: texts.length > 0 ? 12 : 0, arbitrary: fc.constantFrom(...texts, '') },
        { weight: 2, arbitrary: arbitraryText },
        { weight: 2, arbitrary: arbitraryTyped },
        { weight: 3, arbitrary: fc.constant(undefined) },
        { weight: 2, arbitrary: fc.constantFrom('livetree:remove', 'livetree:empty') },
      ),
      isRemoved: fc.boolean(),
    }),
  ) as fc.Arbitrary<Edit>
}

const arbitraryCase = arbitrarySchema.chain((schema) =>
  fc.record({
    schema: fc.constant(schema),
    unused: fc.constantFrom('warn', 'warn', 'warn', 'reject' as const),
    naming: fc.constantFrom('exact', 'kebab-case' as const),
    format: fc.constantFrom('json', 'yaml' as const),
    environment: fc.dictionary(
      fc.oneof(
        fc.constantFrom('APP_B', 'APP_PORT', 'APP_A__X', 'APP_a'),
        // entries of records, whose names another layer may write otherwise
        fc
          .tuple(fc.constantFrom(...schema.spots), fc.constantFrom('X_Y', 'A', 'xY', 'X'))
          .map(([spot, name]) => `APP_${[...spot.path.map((part) => part.toUpperCase()), name].join('__')}`),
      ),
      arbitraryText,
      { maxKeys: 2 },
    ),
    steps: fc.array(fc.array(editsOf(schema), { minLength: 1, maxLength: 3 }), {
      minLength: 1,
      maxLength: 6,
    }),
  }),
)

interface Nested {
  [name: string]: unknown
}

/** As a person edits a document: names on the way become objects, whatever was there. */
function writeInto(root: Nested, path: readonly string[], value: unknown): void {
  const [name = 'empty', ...rest] = path
  const put = (inner: unknown) =>
    Object.defineProperty(root, name, { value: inner, enumerable: true, writable: true, configurable: true })
  if (rest.length === 0) {
    if (value === undefined) delete root[name]
    else put(value)
    return
  }
  const below = Object.hasOwn(root, name) ? root[name] : undefined
  const isObject = typeof below === 'object' && below !== null && !Array.isArray(below)
  const inner: Nested = isObject ? { ...below } : {}
  writeInto(inner, rest, value)
  put(inner)
}

const encoded = (path: readonly string[]) =>
  path.map((name) => name.replaceAll('%', '%25').replaceAll('/', '%2F')).join('/')

const textOf = (value: unknown) =>
  inspect(value, { depth: null, maxArrayLength: null, maxStringLength: null, breakLength: 200 })

/** What an instance shows of itself: its value, or why there is none, and where everything came from. */
function shownBy(config: LiveConfig<unknown>, schema: ArbitrarySchema): string {
  const { rejected } = config.status
  if (rejected !== undefined) return textOf(rejected.issues.map(withoutRevision))
  const explained = schema.spots.map(({ path }) => config.explain(path as string[]).layers)
  return textOf([
    config.current,
    explained.flat().map(({ origin, value }) => ({ ...withoutRevision({ origins: [origin] }), value })),
  ])
}

/** A file and a program count their own reads, which a fresh instance has not made. */
const withoutRevision = <I extends { readonly origins: readonly object[] }>(issue: I) => ({
  ...issue,
  origins: issue.origins.map((origin) => ({ ...origin, revision: undefined })),
})

test(`load: a running instance and a fresh one are the same, byte for byte, accepted or rejected alike (${RUNS} cases)`, async () => {
  const seen = { accepted: 0, rejected: 0 }
  let count = 0
  const property = fc.asyncProperty(
    arbitraryCase,
    async ({ schema, unused, naming, format, environment, steps }) => {
      let definition: ReturnType<typeof defineConfig>
      try {
        // The guard compares with what was there before, which a fresh instance cannot know without a snapshot: it has a
        // property of its own.
        definition = defineConfig({
          name: 'fresh',
          schema: schema.schema as z.ZodType,
          unused,
          naming,
          guard: false,
        })
      } catch (error) {
        if (error instanceof LivetreeError && error.code === 'name_clash') return
        throw error
      }
      const path = join(directory, `${count++}.${format}`)
      const document: Nested = {}
      const program = memory({})
      const held = new Map<string, unknown>()
      const storeLayer = { name: 'store', keyPrefix: '/app/', separator: '/', naming: 'stored' } as const
      const written = async () => writeFile(path, JSON.stringify(document))
      await written()
      let revision = 1
      const fill = (store: ReturnType<typeof createManualSource>) =>
        store.sink.replace({
          revision,
          epoch: 0,
          layers: [[...held].map(([key, value]) => ({ path: key, value, revision }))],
        })
      const open = async (): Promise<{
        config: LiveConfig<unknown> | undefined
        issues: string
        store: ReturnType<typeof createManualSource>
      }> => {
        const store = createManualSource({ name: 'store', layers: [storeLayer] })
        const sources: Source[] = [
          file(path, { watch: false, pollMs: 0, name: 'file' }),
          store,
          program,
          env({ prefix: 'APP_', environment }),
        ]
        const loading = definition.load({ sources, logger: false })
        fill(store)
        try {
          return { config: await loading, issues: '', store }
        } catch (error) {
          if (!(error instanceof LivetreeError) || error.issues === undefined) throw error
          return { config: undefined, issues: textOf(error.issues.map(withoutRevision)), store }
        }
      }
      for (const edit of completeTree(schema)) held.set(edit.path, edit.value)
      let running = await open()
      for (const edits of steps) {
        for (const edit of edits) {
          if (edit.source === 'file') {
            writeInto(document, edit.path, edit.value)
            await written()
          } else if (edit.source === 'memory') {
            const patch: Nested = {}
            if (edit.path.length === 0 || edit.path.includes('')) continue
            writeInto(patch, edit.path, edit.value ?? 'gone')
            if (edit.value === undefined) removeIn(patch, edit.path)
            program.set(patch)
          } else {
            const key = encoded(edit.path)
            revision++
            if (edit.value === undefined) held.delete(key)
            else held.set(key, edit.value)
            const changes = [{ layer: 0, leaf: { path: key, value: edit.value, revision } }]
            if (running.store.isOpen) running.store.sink.patch({ revision, changes })
          }
          if (edit === edits.at(-1) || edit.source === 'file') await running.config?.refresh()
        }
        const fresh = await open()
        seen[fresh.config === undefined ? 'rejected' : 'accepted']++
        try {
          if (running.config === undefined) continue
          const shown = shownBy(running.config, schema)
          if (fresh.config === undefined) expect(shown).toBe(fresh.issues)
          else expect(shown).toBe(shownBy(fresh.config, schema))
        } finally {
          // a restart now and then, and always after a start that failed
          if (running.config === undefined || edits.length === 1) {
            await running.config?.close()
            running = fresh
          } else await fresh.config?.close()
        }
      }
      await running.config?.close()
    },
  )
  await fc.assert(property, SAME_CASES)
  expect(Math.min(seen.accepted, seen.rejected)).toBeGreaterThan(0)
  await fc.assert(property, { numRuns: RUNS })
})

function removeIn(root: Nested, path: readonly string[]): void {
  let at = root
  for (const name of path.slice(0, -1)) at = at[name] as Nested
  Object.defineProperty(at, path.at(-1)!, { value: undefined, enumerable: true })
}
