import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { acceptedValue, staged } from '../../packages/core/src/pipeline/staged.test.kit.ts'
import { propertyRuns } from './property-runs.ts'
import { expectShare } from '../support/expect-share.ts'

const RUNS = propertyRuns(0.5, 0.1)

class Own {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** What nobody can compare but by identity. */
const MAKERS: readonly ((text: string) => unknown)[] = [
  (text) => new Own(text),
  (text) => new RegExp(text),
  (text) => () => text,
  (text) => new Headers([['name', text]]),
  (text) => ({ held: new Own(text) }),
  (text) => [new Own(text)],
]

/** A random part of a schema, and the paths of its keys. */
interface Part {
  readonly schema: z.ZodType
  readonly text: string
  /** Where a transform makes an instance. */
  readonly made: readonly string[]
  readonly numbers: readonly string[]
}

const leaf: fc.Arbitrary<Part> = fc.oneof(
  fc.nat(MAKERS.length - 1).map((kind) => {
    const schema = z.string().default('x').transform(MAKERS[kind]!)
    return { schema, text: `made ${kind}`, made: [''], numbers: [] }
  }),
  fc.constant({ schema: z.number().default(0), text: 'number', made: [], numbers: [''] }),
)

const below = (name: string, paths: readonly string[]) =>
  paths.map((path) => (path === '' ? name : `${name}/${path}`))

const WRAPPERS: readonly [string, (schema: z.ZodType) => z.ZodType][] = [
  ['', (schema) => schema],
  ['readonly', (schema) => schema.readonly()],
  ['prefault', (schema) => schema.prefault({})],
  ['prefault.readonly', (schema) => schema.prefault({}).readonly()],
  ['optional.prefault', (schema) => schema.optional().prefault({})],
  ['nullable.prefault', (schema) => schema.nullable().prefault({})],
  ['prefault of n', (schema) => schema.prefault({ n: 7 })],
]

const NAMES = ['a', 'b', 'c'] as const

/** Inside an object with a `prefault`, all objects have one: zod refuses what an empty object lacks. */
const partOf = (depth: number, firstWrapper: number): fc.Arbitrary<Part> =>
  depth === 0
    ? leaf
    : fc.oneof(
        leaf,
        fc.integer({ min: firstWrapper, max: WRAPPERS.length - 1 }).chain((kind) => {
          const [text, wrap] = WRAPPERS[kind]!
          const inner = partOf(depth - 1, text.includes('prefault') ? 2 : firstWrapper)
          return fc.tuple(inner, inner, inner).map((parts): Part => {
            const shape = Object.fromEntries(parts.map((part, index) => [NAMES[index]!, part.schema]))
            return {
              schema: wrap(z.object({ ...shape, n: z.number().default(0) })),
              text: `${text}{${parts.map((part) => part.text).join(', ')}}`,
              made: parts.flatMap((part, index) => below(NAMES[index]!, part.made)),
              numbers: [...parts.flatMap((part, index) => below(NAMES[index]!, part.numbers)), 'n'],
            }
          })
        }),
      )

const root = fc.tuple(partOf(3, 0), partOf(2, 0)).map(([it, entry]): Part => {
  const schema = z.object({
    it: it.schema,
    r: z.record(z.string(), z.object({ e: entry.schema, k: z.string() })),
  })
  return {
    schema,
    text: `${it.text}, record ${entry.text}`,
    made: [...below('it', it.made), ...below('r/one/e', entry.made)],
    numbers: [...below('it', it.numbers), ...below('r/one/e', entry.numbers), 'stranger'],
  }
})

/** One key put or deleted; again and again the same one, so that directories fill and empty. */
const arbitraryCase = root.chain((part) =>
  fc.record({
    part: fc.constant(Object.defineProperty(part, fc.toStringMethod, { value: () => part.text })),
    edits: fc.array(
      fc.record({
        path: fc.oneof(
          { weight: 3, arbitrary: fc.constantFrom(...part.numbers) },
          { weight: 1, arbitrary: fc.constantFrom('r/one/k', ...part.made) },
        ),
        value: fc.option(fc.constantFrom('1', '2'), { nil: undefined }),
        isReplace: fc.nat(4).map((n) => n === 0),
      }),
      { minLength: 4, maxLength: 12 },
    ),
  }),
)

function at(value: unknown, path: string): unknown {
  return path
    .split('/')
    .reduce((inner, name) => (inner as Record<string, unknown> | undefined)?.[name], value)
}

test(`what a transform makes is made anew only where its own text changes (${RUNS} cases)`, () => {
  let compared = 0
  fc.assert(
    fc.property(arbitraryCase, ({ part, edits }) => {
      const { patch, replace, pipeline } = staged(part.schema, { guard: false })
      const held = new Map<string, string>()
      let accepted: unknown
      // A text that changes and comes back while the tree is rejected is read again.
      const changed = new Set<string>()
      for (const { path, value, isReplace } of [
        { path: 'it', value: undefined, isReplace: false },
        ...edits,
      ]) {
        if (value === undefined) held.delete(path)
        else held.set(path, value)
        changed.add(path)
        const outcome = isReplace ? replace(0, Object.fromEntries(held)) : patch(0, { [path]: value })
        if (outcome.type === 'rejected') continue
        const before = accepted
        accepted = acceptedValue(outcome)
        const told = before === undefined ? [] : pipeline.diff(before, accepted)
        for (const made of part.made.filter((each) => !changed.has(each))) {
          const [one, other] = [at(before, made), at(accepted, made)]
          if (one === undefined || other === undefined) continue
          compared++
          if (one !== other) expect.fail(`${made} is made anew by ${path} = ${value}`)
          expect(told.filter((change) => `${change.path.join('/')}/`.startsWith(`${made}/`))).toEqual([])
        }
        changed.clear()
      }
    }),
    { numRuns: RUNS },
  )
  expectShare('compared', compared, { of: RUNS, typical: 14 })
})
