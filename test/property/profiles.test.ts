import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { defineConfig, file, LivetreeError, memory } from '@livetree/core'
import type { Source } from '@livetree/core/source'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type * as z from 'zod'
import { type ArbitrarySchema, arbitrarySchema, arbitraryText, arbitraryTyped } from './arbitrary-schema.ts'
import { propertyRuns } from './property-runs.ts'

/** Each case loads two configurations from real files. */
const RUNS = propertyRuns(1 / 4, 0.3)
/** Drawn in each run alike, beside the random ones: all kinds of answers are among them. */
const SAME_CASES = { numRuns: 10, seed: 1 }

const LONG_AGO = new Date('2020-01-01T00:00:00Z')

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'livetree-profiles-'))
})
afterEach(() => rm(directory, { recursive: true }))

interface Nested {
  [name: string]: unknown
}

const cover = fc.constantFrom('livetree:remove', 'livetree:empty')

/** What a document has at some places of a schema: values that fit, others, and what hides lower layers. */
function objectOf({ spots }: ArbitrarySchema): fc.Arbitrary<Nested> {
  const place = fc.tuple(
    fc.constantFrom(...spots.filter(({ path }) => path.length > 0)),
    fc.option(fc.constantFrom('x', 'y', 'a', '0'), { nil: undefined, freq: 3 }),
  )
  const entry = place.chain(([{ path, texts }, below]) =>
    fc.tuple(
      fc.constant(below === undefined ? path : [...path, below]),
      fc.oneof(
        { weight: texts.length > 0 ? 8 : 0, arbitrary: fc.constantFrom(...texts, '') },
        { weight: 1, arbitrary: arbitraryText },
        { weight: 4, arbitrary: arbitraryTyped },
        { weight: 3, arbitrary: fc.constantFrom({}, null) },
        { weight: 3, arbitrary: cover },
      ),
    ),
  )
  return fc.array(entry, { maxLength: 5 }).map((entries) => {
    const root: Nested = {}
    for (const [path, value] of entries) writeInto(root, path, value)
    return root
  })
}

/** A whole document may also be empty, or hide all lower layers, or be no object. */
const documentOf = (schema: ArbitrarySchema): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 30, arbitrary: objectOf(schema) },
    { weight: 3, arbitrary: fc.constantFrom(null, {}) },
    { weight: 2, arbitrary: cover },
    { weight: 1, arbitrary: fc.constantFrom<unknown>('text', 5, ['x'], []) },
  )

/** Each place as it would be valid, so that most cases are accepted. */
function completeObject({ spots }: ArbitrarySchema): Nested {
  const root: Nested = {}
  for (const { path, texts } of spots) if (texts.length > 0) writeInto(root, path, texts[0])
  return root
}

const arbitraryCase = arbitrarySchema.chain((schema) =>
  fc.record({
    schema: fc.constant(schema),
    isComplete: fc.boolean(),
    documents: fc.array(
      fc.record({ value: documentOf(schema), profile: fc.constantFrom(undefined, undefined, 'on', 'off') }),
      { minLength: 1, maxLength: 4 },
    ),
  }),
)

/** A document as it stands in the file of all; only an object can say for which profile it counts. */
const withProfile = (value: unknown, profile: string | undefined): unknown =>
  isObject(value) && profile !== undefined ? { profile, ...value } : value

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function writeInto(root: Nested, path: readonly string[], value: unknown): void {
  const [name = '', ...rest] = path
  const put = (inner: unknown) =>
    Object.defineProperty(root, name, { value: inner, enumerable: true, writable: true, configurable: true })
  if (rest.length === 0) return void put(value)
  const below = Object.hasOwn(root, name) ? root[name] : undefined
  const inner: Nested = isObject(below) ? { ...below } : {}
  writeInto(inner, rest, value)
  put(inner)
}

/** The value in service, or what is wrong and where, whichever file and document it comes from. */
async function outcomeOf(schema: ArbitrarySchema, sources: readonly Source[]): Promise<string> {
  const definition = defineConfig({ name: 'profiles', schema: schema.schema as z.ZodType, unused: 'ignore' })
  try {
    const config = await definition.load({ sources, logger: false })
    const shown = inspect(config.current, { depth: null, breakLength: 200 })
    await config.close()
    return `accepted ${shown}`
  } catch (error) {
    if (!(error instanceof LivetreeError) || error.issues === undefined) throw error
    const issues = error.issues.map(({ pathText, code, expected, origins }) =>
      JSON.stringify({ pathText, code, expected, count: origins.length }),
    )
    return `rejected ${issues.join('\n')}`
  }
}

test(`file: documents of one YAML file and the same documents as files of their own are one value (${RUNS} cases)`, async () => {
  const seen = { accepted: 0, rejected: 0 }
  let count = 0
  const property = fc.asyncProperty(arbitraryCase, async ({ schema, isComplete, documents }) => {
    const all = documents.map(({ value, profile }) => withProfile(value, profile))
    const counting = documents.filter(({ value, profile }) => !isObject(value) || profile !== 'off')
    const write = async (text: string) => {
      const path = join(directory, `${count++}.yaml`)
      await writeFile(path, text)
      // A file that was just written is waited for, as it may still grow.
      await utimes(path, LONG_AGO, LONG_AGO)
      return path
    }
    const base = memory(isComplete ? completeObject(schema) : {})
    const together = await write(all.map((document) => JSON.stringify(document)).join('\n---\n'))
    const alone = await Promise.all(counting.map(({ value }) => write(JSON.stringify(value))))
    const options = { watch: false, pollMs: 0 }
    const ofOne = await outcomeOf(schema, [base, file(together, { ...options, profile: 'on' })])
    const ofFiles = await outcomeOf(schema, [base, ...alone.map((path) => file(path, options))])
    seen[ofFiles.startsWith('accepted') ? 'accepted' : 'rejected']++
    expect(ofOne).toBe(ofFiles)
  })
  await fc.assert(property, SAME_CASES)
  expect(Math.min(seen.accepted, seen.rejected)).toBeGreaterThan(0)
  await fc.assert(property, { numRuns: RUNS })
})
