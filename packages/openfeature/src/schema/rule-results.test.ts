import type { Logger } from '@openfeature/server-sdk'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FlagdFormat } from '../flags/flagd-flags.ts'
import { type FlagSet, flagSetSchema } from './index.ts'

const variants = { on: 1, off: 0, true: 2, false: 3 }
const flag = (targeting: unknown) => ({ state: 'ENABLED', variants, defaultVariant: 'off', targeting })

/** The places and messages of what is wrong with a flag of that targeting. */
function issuesOf(targeting: unknown, $evaluators: Record<string, unknown> = {}) {
  const { error } = flagSetSchema.safeParse({ flags: { f: flag(targeting) }, $evaluators })
  return (error?.issues ?? []).map(
    ({ path, message }) => `${path.slice(3).join('.')}: ${message.split(';')[0]}`,
  )
}

const IS_STAFF = { '==': [{ var: 'a' }, 1] }
const NONE_OF = 'There is no variant "of"'

test.each<[string, unknown, string]>([
  ['an "if" without a result', { if: ['of'] }, `if.0: ${NONE_OF}`],
  ['one as the last branch', { if: [IS_STAFF, 'on', { if: ['of'] }] }, `if.2.if.0: ${NONE_OF}`],
  ['the last of an "or"', { or: [IS_STAFF, 'of'] }, `or.1: ${NONE_OF}`],
  ['a truthy one of an "or"', { or: ['of', IS_STAFF] }, `or.0: ${NONE_OF}`],
  ['the last of an "and"', { and: [true, 'of'] }, `and.1: ${NONE_OF}`],
  ['a falsy one of an "and"', { and: [0, 'on'] }, 'and.0: There is no variant "0"'],
  [
    'one that ends an "or" in an "and"',
    { and: [IS_STAFF, { or: [IS_STAFF, 'of'] }] },
    `and.1.or.1: ${NONE_OF}`,
  ],
])('a literal result that names no variant is refused: %s', (_, targeting, issue) => {
  expect(issuesOf(targeting)).toEqual([issue])
})

test.each<[string, unknown]>([
  ['an "or" passes over a falsy one', { or: [0, 'on'] }],
  ['an "and" passes over a truthy one', { and: ['of', 'on'] }],
  ['a falsy one of an "and" in an "or"', { or: [{ and: [0, IS_STAFF] }, 'on'] }],
  ['a condition', { if: [{ or: ['of', IS_STAFF] }, 'on'] }],
])('a literal that is never the result is taken: %s', (_, targeting) => {
  expect(issuesOf(targeting)).toEqual([])
})

test.each<[string, unknown, string]>([
  ['a whole targeting', { starts_with: [{ var: 'email' }, 'a'] }, 'targeting.starts_with'],
  ['one without a list', { '!': { var: 'a' } }, 'targeting.!'],
  ['one of a list', { some: [{ var: 'l' }, IS_STAFF] }, 'targeting.some'],
  ['a branch', { if: [IS_STAFF, 'on', { in: ['a', { var: 'l' }] }] }, 'targeting.if.2.in'],
  ['the last of an "and"', { and: [IS_STAFF, IS_STAFF] }, 'targeting.and.1.=='],
  ['an evaluator', { $ref: 'staff' }, 'targeting.$ref'],
  ['an evaluator of an evaluator', { or: [IS_STAFF, { $ref: 'others' }] }, 'targeting.or.1.$ref'],
])(
  'a condition as a result is refused where no variant is named true or false: %s',
  (_, targeting, place) => {
    const $evaluators = { staff: IS_STAFF, others: { or: [{ var: 'b' }, { $ref: 'staff' }] } }
    const given = (names: object) => ({ ...flag(targeting), variants: names })
    const parse = (names: object) => flagSetSchema.safeParse({ flags: { f: given(names) }, $evaluators })
    const [issue, ...others] = parse({ on: 1, off: 0 }).error?.issues ?? []
    expect(others).toEqual([])
    expect(issue?.path.join('.')).toBe(`flags.f.${place}`)
    expect(issue?.message).toContain('{ "if": [condition, "on", "off"] }')
    for (const names of [
      { true: 1, false: 0, on: 1, off: 0 },
      { true: 1, on: 1, off: 0 },
      { false: 1, on: 1, off: 0 },
    ])
      expect(parse(names).success).toBe(true)
  },
)

test('a condition that only chooses, and the default of a variable', () => {
  const onOff = (targeting: unknown) => ({ ...flag(targeting), variants: { on: 1, off: 0 } })
  const issues = (targeting: unknown) =>
    flagSetSchema
      .safeParse({ flags: { f: onOff(targeting) } })
      .error?.issues.map(({ path }) => path.join('.'))
  expect(issues({ and: [IS_STAFF, 'on'] })).toBeUndefined()
  expect(issues({ or: [{ '!': [IS_STAFF] }, 'on'] })).toBeUndefined()
  expect(issues({ if: [IS_STAFF, 'on', { var: ['tier', 'off'] }] })).toBeUndefined()
  expect(issues({ if: [IS_STAFF, 'on', { var: ['tier', null] }] })).toBeUndefined()
  expect(issues({ if: [IS_STAFF, 'on', { var: ['tier', 'of'] }] })).toEqual(['flags.f.targeting.if.2.var.1'])
})

test.each<[string, unknown, string]>([
  ['itself', { $ref: 'r' }, '$ref'],
  ['as a branch', { if: [IS_STAFF, { $ref: 'r' }, 'on'] }, 'if.1.$ref'],
  ['through another', { or: [IS_STAFF, { $ref: 'outer' }] }, 'or.1.$ref'],
  [
    'as a bucket',
    {
      fractional: [
        [{ $ref: 'r' }, 50],
        ['on', 50],
      ],
    },
    'fractional.0.0.$ref',
  ],
])(
  'a literal result of an evaluator that names no variant of the flag is refused: %s',
  (_, targeting, place) => {
    const evaluators = {
      r: { if: [IS_STAFF, 'of', 'off'] },
      outer: { if: [IS_STAFF, { $ref: 'r' }, 'on'] },
    }
    const name = place.startsWith('or') ? 'outer' : 'r'
    expect(issuesOf(targeting, evaluators)).toEqual([
      `${place}: The evaluator "${name}" gives "of". ${NONE_OF}`,
    ])
    expect(issuesOf({ if: [targeting, 'on', 'off'] }, evaluators), 'as a condition').toEqual([])
  },
)

const literal = fc.constantFrom('on', 'off', 'of', true, false, null, 0)
const rules = fc.letrec<{ rule: unknown; value: unknown }>((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, literal, tie('rule')),
  rule: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(0, 1, 2).map((a) => ({ '==': [{ var: 'a' }, a] })),
    fc.constantFrom('x', 'y').map((name) => ({ $ref: name })),
    fc.array(tie('value'), { minLength: 1, maxLength: 4 }).map((given) => ({ if: given })),
    fc.array(tie('value'), { minLength: 1, maxLength: 3 }).map((given) => ({ or: given })),
    fc.array(tie('value'), { minLength: 1, maxLength: 3 }).map((given) => ({ and: given })),
    fc
      .array(tie('value'), { minLength: 1, maxLength: 3 })
      .map((given) => ({ fractional: given.map((each) => [each, 1]) })),
  ),
}))

test('a flag that is accepted never gives a result that names no variant', () => {
  const silent: Logger = { error() {}, warn() {}, info() {}, debug() {} }
  const format = new FlagdFormat({ requireTargetingKey: false })
  const ask = (set: FlagSet, context: object) =>
    format
      .open(set)
      .resolve({ type: 'number', key: 'f', defaultValue: 9, context: context as never, logger: silent })
  let accepted = 0
  fc.assert(
    fc.property(rules.rule, rules.rule, rules.rule, (targeting, x, y) => {
      const parsed = flagSetSchema.safeParse({ flags: { f: flag(targeting) }, $evaluators: { x, y } })
      if (!parsed.success) return
      accepted++
      for (const a of [0, 1, 2])
        for (const targetingKey of ['u', 'v', 'w'])
          expect(ask(parsed.data, { a, targetingKey })).not.toHaveProperty('errorCode')
    }),
    { numRuns: 1_000 },
  )
  expect(accepted).toBeGreaterThan(100)
})
