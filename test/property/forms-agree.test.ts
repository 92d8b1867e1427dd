import { inspect } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Issue } from '../../packages/core/src/issue.ts'
import { createPipeline } from '../../packages/core/src/pipeline/create-pipeline.ts'
import { compileSchema } from '../../packages/core/src/schema/compile-schema.ts'
import { flatten } from '../../packages/core/src/source/flatten.ts'
import type { LayerInfo, Leaf } from '../../packages/core/src/source/source.ts'
import { type ArbitrarySchema, arbitrarySchema, arbitraryText, arbitraryTyped } from './arbitrary-schema.ts'
import { propertyRuns } from './property-runs.ts'
import { expectShare } from '../support/expect-share.ts'

const RUNS = propertyRuns(1, 0.35)

interface Nested {
  [name: string]: unknown
}

const name = fc.constantFrom('a', 'b', 'port', 'x', '0', '1', 'value', 'size', 'kind', 'stranger', 'p/q')

/** Values that fit the schema's places, and some that do not, as a person nests them. */
const objectOf = (schema: ArbitrarySchema): fc.Arbitrary<Nested> =>
  fc
    .tuple(
      fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
      fc.array(
        fc.tuple(fc.array(name, { minLength: 1, maxLength: 4 }), fc.oneof(arbitraryText, arbitraryTyped)),
        {
          maxLength: 3,
        },
      ),
      fc.array(
        fc.tuple(
          fc.constantFrom(...schema.spots),
          fc.array(name, { maxLength: 2 }),
          fc.oneof(arbitraryText, arbitraryTyped),
        ),
        {
          maxLength: 3,
        },
      ),
    )
    .map(([kept, strange, near]) => {
      const root: Nested = {}
      for (const [index, { path, texts }] of schema.spots.entries())
        if (texts.length > 0 && kept[index % kept.length]) writeInto(root, path, texts[0])
      for (const [path, value] of strange) writeInto(root, path, value)
      for (const [{ path }, more, value] of near) writeInto(root, [...path, ...more], value)
      return root
    })

function writeInto(root: Nested, path: readonly string[], value: unknown): void {
  const [first, ...rest] = path
  if (first === undefined) return
  const put = (inner: unknown) =>
    Object.defineProperty(root, first, { value: inner, enumerable: true, writable: true, configurable: true })
  if (rest.length === 0) return void put(value)
  const below = Object.hasOwn(root, first) ? root[first] : undefined
  const isObject = typeof below === 'object' && below !== null && !Array.isArray(below)
  const inner: Nested = isObject ? { ...below } : {}
  writeInto(inner, rest, value)
  put(inner)
}

const layer = (isNested: boolean, index: number): LayerInfo => ({
  name: `layer ${index}`,
  keyPrefix: `/${index}/`,
  separator: '/',
  naming: 'stored',
  isNested,
})

type Layers = readonly (readonly Leaf[])[]

function shown(schema: ArbitrarySchema, isNested: boolean, layers: Layers): string {
  const source = { name: 'source', layers: layers.map((_, index) => layer(isNested, index)) }
  const pipeline = createPipeline<unknown>(compileSchema(schema.schema), [source], { guard: false })
  pipeline.stage(0, { type: 'replace', update: { revision: 1, epoch: 0, layers } })
  const outcome = pipeline.evaluate()
  const unused = outcome.unused.map(({ pathText }) => pathText).sort()
  const what =
    outcome.type === 'rejected'
      ? withoutEchoes(outcome.issues).map(({ pathText, code, message }) => [
          pathText,
          code,
          code === 'unreadable'
            ? ''
            : message.replace(/\. (Set|Nothing is set|A list is written here).*/, ''),
        ])
      : outcome.value
  return inspect([outcome.type, what, outcome.type === 'rejected' ? [] : [...new Set(unused)]], {
    depth: null,
    breakLength: 200,
  })
}

/** Without what is said of a place beside its text that cannot be read: that depends on what the form takes for missing. */
function withoutEchoes(issues: readonly Issue[]): readonly Issue[] {
  const unreadable = issues.filter(({ code }) => code === 'unreadable').map(({ pathText }) => pathText)
  return issues.filter(
    ({ code, pathText }) =>
      code === 'unreadable' || !unreadable.some((at) => pathText === at || pathText.startsWith(`${at}.`)),
  )
}

const leaf = (path: string, value: unknown): Leaf => ({ path, value, revision: 1 })

test(`an object means the same in a file, in a program and in a document, over layers too (${RUNS} cases)`, () => {
  const seen = { accepted: 0, rejected: 0 }
  const cases = arbitrarySchema.chain((schema) =>
    fc.tuple(fc.constant(schema), fc.array(objectOf(schema), { minLength: 1, maxLength: 3 })),
  )
  fc.assert(
    fc.property(cases, ([schema, objects]) => {
      const nested = shown(schema, true, objects.map(flatten))
      const typed = shown(
        schema,
        false,
        objects.map((object) => [leaf('', object)]),
      )
      const text = shown(
        schema,
        false,
        objects.map((object) => [leaf('', JSON.stringify(object))]),
      )
      seen[nested.startsWith("[ 'rejected'") ? 'rejected' : 'accepted']++
      expect(typed).toBe(nested)
      expect(text).toBe(nested)
    }),
    { numRuns: RUNS },
  )
  expectShare('accepted', seen.accepted, { of: RUNS, typical: 0.8 })
  expectShare('rejected', seen.rejected, { of: RUNS, typical: 0.2 })
})
