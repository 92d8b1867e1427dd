import { defineConfig, LivetreeError } from '@livetree/core'
import { type LayerInfo, validateTree, writeValue, type WrittenForm } from '@livetree/core/tools'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type * as z from 'zod'
import { arbitrarySchema } from './arbitrary-schema.ts'
import { arbitraryValuedSchema } from './arbitrary-value.ts'
import { completeTree } from './differential-oracle.ts'
import { propertyRuns } from './property-runs.ts'
import { expectShare } from '../support/expect-share.ts'

const RUNS = propertyRuns(1, 0.35)
/** Each case writes every part of a tree. */
const PART_RUNS = propertyRuns(1 / 4, 0.5)

const LAYER: LayerInfo = { name: 'etcd:/x', keyPrefix: '/x/', separator: '/', naming: 'stored' }

const arbitraryCase = arbitraryValuedSchema.chain((valued) =>
  fc.record({
    valued: fc.constant(valued),
    value: valued.value,
    naming: fc.constantFrom('exact', 'kebab-case' as const),
    form: fc.constantFrom<WrittenForm | undefined>(undefined, undefined, 'children', 'document'),
  }),
)

/** Values that other text than their own stands for, where nothing around them can be a document. */
const AMBIGUOUS =
  /is read as null|another option of the union|no key can have the segment|no object can have the name|a missing part has neither/

test(`writeValue: a tree of what it writes is read as the same value (${RUNS} cases)`, () => {
  let written = 0
  fc.assert(
    fc.property(arbitraryCase, ({ valued, value, naming, form }) => {
      const definition = defineConfig({ name: 'x', schema: valued.schema as z.ZodType, naming })
      let leaves: ReturnType<typeof writeValue>
      try {
        leaves = writeValue(definition, '', value, { form })
      } catch (error) {
        if (!(error instanceof LivetreeError)) throw error
        if (AMBIGUOUS.test(error.message)) return
        // among numbered items, a record's key "max-size" is read as the property of another item
        const mayClash = naming === 'kebab-case' && form === 'children'
        if (mayClash && /reads its text as another value/.test(error.message)) return
        throw error
      }
      written++
      expectRead(definition, leaves, value)
    }),
    { numRuns: RUNS },
  )
  // refusals are for the few values that have no text of their own
  expectShare('written', written, { of: RUNS, typical: 1 })
})

/** What the schema's own code, or a fallback, made and nobody can take back. */
const MADE = /one-way transform|puts another value in its place|does not say what is in it/

test(`writeValue: writes every part of what was read from a tree, or says why not (${PART_RUNS} cases)`, () => {
  let written = 0
  let refused = 0
  fc.assert(
    fc.property(arbitrarySchema, (schema) => {
      const definition = defineConfig({ name: 'x', schema: schema.schema as z.ZodType })
      const leaves = completeTree(schema).map(({ path, value }) => ({ path, value, revision: 1 }))
      const read = validateTree(definition, [{ name: 'etcd', layers: [LAYER], leaves: [leaves] }])
      if (read.type === 'invalid') return
      for (const { path } of schema.spots) {
        const value = partAt(read.value, path)
        if (value === undefined) continue
        try {
          const own = writeValue(definition, path, value)
          written++
          expect(own.every((leaf) => path.every((segment, index) => leaf.path[index] === segment))).toBe(true)
        } catch (error) {
          refused++
          const isKnown = error instanceof LivetreeError && /^(invalid|unwritable)_value$/.test(error.code)
          const isMade = /transform|→|catch|default|preprocess|unknown/.test(schema.text)
          if (!isKnown || !(isMade || AMBIGUOUS.test(error.message) || MADE.test(error.message))) throw error
        }
      }
    }),
    { numRuns: PART_RUNS },
  )
  expectShare('written', written, { of: written + refused, typical: 0.88 })
})

function expectRead(
  definition: ReturnType<typeof defineConfig<z.ZodType>>,
  leaves: ReturnType<typeof writeValue>,
  value: unknown,
): void {
  const stored = leaves.map(({ key, text }) => ({ path: key, value: text, revision: 1 }))
  const read = validateTree(definition, [{ name: 'etcd', layers: [LAYER], leaves: [stored] }])
  if (read.type === 'invalid')
    expect.fail(`${JSON.stringify(leaves)} is refused: ${JSON.stringify(read.issues)}`)
  expect(read.unused).toEqual([])
  expect(read.value).toEqual(value)
}

function partAt(value: unknown, path: readonly string[]): unknown {
  let part = value
  for (const name of path) {
    if (part instanceof Map) part = part.get(name)
    else if (part instanceof Set) part = [...part][Number(name)]
    else if (typeof part !== 'object' || part === null || !Object.hasOwn(part, name)) return undefined
    else part = Reflect.get(part, name)
  }
  return part
}
