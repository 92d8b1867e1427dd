import { FlagdCore } from '@openfeature/flagd-core'
import type { Logger } from '@openfeature/server-sdk'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { flagSetSchema } from '../schema/index.ts'
import type { FlagSet } from '../schema/index.ts'
import { FlagdFormat } from './flagd-flags.ts'

const silent: Logger = { error() {}, warn() {}, info() {}, debug() {} }
const variant = fc.constantFrom('a', 'b')
const name = fc.constantFrom('x', 'y', 'z')
const variable = fc.record({ var: fc.constantFrom('p', 'q', 'targetingKey', '$flagd.flagKey') })
const reference = fc.record({ $ref: name })
const test2 = fc.oneof(
  fc.tuple(variable, fc.constantFrom<unknown>('1', 'u', 1, null)).map((pair) => ({ '==': pair })),
  fc.tuple(variable, fc.constantFrom('u', '')).map((pair) => ({ starts_with: pair })),
  variable.map((each) => ({ '!': [each] })),
)
const result = fc.oneof(
  variant,
  fc.constant(null),
  fc
    .array(fc.tuple(variant, fc.nat({ max: 3 })), { minLength: 1, maxLength: 3 })
    .map((all) => ({ fractional: all })),
)
const targeting = fc.oneof(
  { depthSize: 'small' },
  fc.constant({}),
  fc.tuple(fc.oneof(test2, reference), result, result).map((parts) => ({ if: parts })),
  result.filter((each) => typeof each === 'object' && each !== null).map((each) => each as object),
)
const flag = fc.record({
  state: fc.constantFrom('ENABLED', 'ENABLED', 'DISABLED'),
  variants: fc.constantFrom({ a: true, b: false }, { a: 'A', b: '' }, { a: 1, b: 0 }, { a: {}, b: { c: 1 } }),
  defaultVariant: fc.constantFrom('a', 'b', null),
  targeting,
  metadata: fc.dictionary(name, fc.constantFrom('m', 1, true), { maxKeys: 1 }),
})
const flagSet = fc.record({
  flags: fc.dictionary(fc.constantFrom('f', 'g', 'h'), flag),
  // Flagd-core puts evaluators in by text, in their order: none refers to another here.
  $evaluators: fc.record({ x: test2, y: test2, z: test2 }),
  metadata: fc.dictionary(name, fc.constantFrom('n', 2, false), { maxKeys: 1 }),
})
const context = fc.record(
  {
    targetingKey: fc.constantFrom('u1', 'u2', '1'),
    p: fc.constantFrom('u', '1', ''),
    q: fc.constantFrom(1, 0),
  },
  { requiredKeys: [] },
)
const KEYS = ['f', 'g', 'h']
const TYPES = ['boolean', 'string', 'number', 'object'] as const

/** All answers of a set, by the keys of the flags. */
function answersOf(
  set: FlagSet,
  contexts: readonly object[],
  format = new FlagdFormat({ requireTargetingKey: false }),
) {
  const flags = format.open(set)
  const ask = (key: string, type: (typeof TYPES)[number], each: object) =>
    flags.resolve({ type, key, defaultValue: 'mine', context: each as never, logger: silent })
  return Object.fromEntries(
    KEYS.map((key) => [key, contexts.flatMap((each) => TYPES.map((type) => ask(key, type, each)))]),
  )
}

test('FlagdFormat: answers as flagd-core does with the same document', () => {
  fc.assert(
    fc.property(flagSet, fc.array(context, { minLength: 1, maxLength: 3 }), (given, contexts) => {
      const set = flagSetSchema.parse(given)
      const core = new FlagdCore(undefined, silent)
      core.setConfigurations(JSON.stringify(given))
      const theirs = Object.fromEntries(
        KEYS.map((key) => [
          key,
          contexts.flatMap((each) =>
            TYPES.map((type) => core.resolve(type, key, 'mine', each as never, silent)),
          ),
        ]),
      )
      expect(answersOf(set, contexts)).toEqual(theirs)
    }),
    { numRuns: 100 },
  )
})

test('FlagdFormat: whatever answers differently after a change is named, and unchanged flags are not', () => {
  fc.assert(
    fc.property(
      flagSet,
      flagSet,
      fc.uniqueArray(fc.constantFrom('flags', '$evaluators', 'metadata')),
      fc.array(context),
      (one, other, parts, contexts) => {
        const format = new FlagdFormat({ requireTargetingKey: false })
        const before = flagSetSchema.parse(one)
        const after = { ...before }
        for (const part of parts)
          Object.assign(after, { [part]: flagSetSchema.parse(other)[part as 'flags'] })
        const changed = format.changedBetween(before, after)
        const [old, now] = [answersOf(before, contexts, format), answersOf(after, contexts, format)]
        // What is asked again is as what is asked first.
        expect(now).toEqual(answersOf(after, contexts))
        for (const key of KEYS.filter((each) => each in before.flags || each in after.flags))
          if (JSON.stringify(old[key]) !== JSON.stringify(now[key])) expect(changed).toContain(key)
        if (parts.length === 0) expect(changed).toEqual([])
      },
    ),
    { numRuns: 100 },
  )
})

test('FlagdFormat: a flag is built once, whatever else changes', () => {
  const f = {
    state: 'ENABLED',
    variants: { a: 1 },
    defaultVariant: 'a',
    targeting: { if: [{ $ref: 'x' }, 'a'] },
  } satisfies FlagSet['flags'][string]
  let reads = 0
  const counted = new Proxy(f, {
    get(target, key) {
      if (key === 'variants') reads++
      return Reflect.get(target, key)
    },
  })
  const format = new FlagdFormat({ requireTargetingKey: false })
  const shared = { $evaluators: { x: { '!': [1] } }, metadata: {} }
  for (let n = 0; n < 3; n++)
    answersOf({ ...shared, flags: { f: counted as never, g: { ...f, defaultVariant: null } } }, [{}], format)
  expect(reads).toBe(1)
  answersOf({ ...shared, $evaluators: { x: { '!': [0] } }, flags: { f: counted as never } }, [{}], format)
  expect(reads).toBe(2)
})
