import { FeatureFlag } from '@openfeature/flagd-core'
import type { Logger } from '@openfeature/server-sdk'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { flagSetSchema } from '../schema/index.ts'
import { BoundedFlag, type GivenFlag, INTERPRETED } from './bounded-flag.ts'
import { FlagdFormat } from './flagd-flags.ts'

const silent: Logger = { error() {}, warn() {}, info() {}, debug() {} }

function flag(targeting: unknown) {
  return { state: 'ENABLED', variants: { on: true, off: false }, defaultVariant: 'off', targeting } as const
}

/** The answer for a flag that the schema accepts, by a rule that it may have from an evaluator. */
function answerOf(targeting: unknown, context: object = {}, $evaluators: Record<string, unknown> = {}) {
  const set = flagSetSchema.parse({ flags: { f: flag(targeting) }, $evaluators })
  const flags = new FlagdFormat({ requireTargetingKey: false }).open(set)
  return flags.resolve({
    type: 'boolean',
    key: 'f',
    defaultValue: true,
    context: context as never,
    logger: silent,
  })
}

const numbers = (length: number) => Array.from({ length }, (_, index) => index)
const repeated = (length: number, rule: unknown) => Array.from({ length }, () => rule)
const on = (condition: unknown) => ({ if: [condition, 'on', 'off'] })
const doubled = (operator: string) => ({ [operator]: [{ var: 'accumulator' }, { var: 'accumulator' }] })
const LARGE_LIST = { l: numbers(100_000) }
const LARGE_OBJECT = Object.fromEntries(numbers(100_000).map((index) => [`k${index}`, index]))
const DIGITS = '9'.repeat(200_000)

/** An operator over a list, with three more of "some" inside, none of which ends early. */
function nested(operator: string): unknown {
  const list = { merge: [{ var: 'none' }, numbers(40)] }
  const inner = [1, 2, 3].reduce<unknown>((rule) => ({ some: [list, rule] }), { '===': [{ var: '' }, 'x'] })
  return { [operator]: [list, inner] }
}

// Sizes for which an evaluation without a limit ends, in seconds.
test.each<[string, unknown, object?]>([
  ['a list that is doubled', on({ reduce: [numbers(21), doubled('merge'), [1]] })],
  ['a text that is doubled', on({ in: ['y', { reduce: [numbers(24), doubled('cat'), 'xx'] }] })],
  ...['map', 'filter', 'some', 'none'].map((each): [string, unknown] => [
    `"some" in "${each}"`,
    on(nested(each)),
  ]),
  ['"all" in "all"', on({ all: [numbers(1_500), { all: [numbers(1_500), { '<': [{ var: '' }, 5_000] }] }] })],
  [
    'an accumulator that is looked through',
    on({ reduce: [{ var: 'l' }, { var: 'accumulator' }, { var: 'l' }] }),
    { l: numbers(10_000) },
  ],
  [
    'an accumulated text that is read',
    on({
      reduce: [
        { var: 'l' },
        { if: [{ in: ['x', { var: 'accumulator' }] }, 1, { var: 'accumulator' }] },
        DIGITS,
      ],
    }),
    { l: numbers(10_000) },
  ],
  ['a result with shared lists', { map: [{ var: 'l' }, { var: '../../l' }] }, { l: numbers(3_000) }],
  [
    'a text of shared lists',
    on({ cat: [{ map: [{ var: 'l' }, { var: '../../l' }] }, 'x'] }),
    { l: numbers(3_000) },
  ],
  [
    'a text of shared lists of the rule',
    on({ cat: [{ map: [numbers(500), { map: [numbers(50), numbers(100)] }] }, 'x'] }),
  ],
  [
    'a large rule for each item',
    on({ some: [{ var: 'l' }, { or: repeated(500, { '<': [{ var: '' }, 0] }) }] }),
    LARGE_LIST,
  ],
  [
    'a large list for each part',
    { or: [...repeated(1_400, { in: ['a', { var: 'l' }] }), 'off'] },
    LARGE_LIST,
  ],
  [
    'a large list that is added up for each part',
    { or: [...repeated(1_000, { '<': [{ '+': [{ var: 'l' }] }, 0] }), 'off'] },
    LARGE_LIST,
  ],
  ['a large object for each part', { and: [...repeated(100, { var: 'o' }), 'off'] }, { o: LARGE_OBJECT }],
  [
    'a long text for each item',
    on({ some: [{ var: 'l' }, { '<': [{ var: '../../deep.t' }, 5] }] }),
    { l: numbers(5_000), deep: { t: DIGITS } },
  ],
  [
    'a long text for each part',
    { or: [...repeated(1_600, { '<': [{ var: 't' }, 5] }), 'off'] },
    { t: DIGITS },
  ],
  [
    'a long text of the rule for each item',
    on({
      some: [
        [DIGITS],
        { some: [{ merge: [{ var: 'none' }, numbers(5_000)] }, { '<': [{ var: '../../' }, 5] }] },
      ],
    }),
  ],
])('an evaluation ends after so many steps: %s', (_, targeting, context) => {
  const refused = {
    value: true,
    reason: 'ERROR',
    errorCode: 'GENERAL',
    errorMessage: 'The targeting of the flag "f" takes more than 250000 steps',
  }
  expect(answerOf(targeting, context)).toMatchObject(refused)
  // By an evaluator, too.
  expect(answerOf({ if: [true, { $ref: 'e' }] }, context, { e: targeting })).toMatchObject(refused)
})

test('no message repeats what is in the context', () => {
  const v = { var: 'v' }
  const rules = [
    v,
    { cat: ['x', v] },
    { or: [v, 'off'] },
    {
      fractional: [
        [v, 50],
        [{ cat: [v, 'y'] }, 50],
      ],
    },
    on({ '+': [v, 1] }),
    on({ in: [v, v] }),
    on({ map: [v, { var: '' }] }),
    { map: [[1], v] },
    on({ substr: [v, 0] }),
    on({ sem_ver: [v, '>=', '1.2.3'] }),
  ]
  const messages: string[] = []
  for (const given of ['ann@example.com', ['ann@example.com'], { toString: () => 'ann@example.com' }, 5])
    for (const targeting of rules) {
      const { errorMessage } = answerOf(targeting, { v: given, targetingKey: 'ann@example.com' })
      if (errorMessage !== undefined) messages.push(errorMessage)
    }
  expect(new Set(messages)).toEqual(
    new Set([
      'The targeting of the flag "f" gives no variant of it',
      "Error evaluating targeting rule for flag 'f'",
    ]),
  )
})

test('a refused evaluation leaves those after it as they were', () => {
  const rule = on({ some: [{ var: 'l' }, { some: [{ var: '../../l' }, { '===': [{ var: '' }, 'x'] }] }] })
  const bounded = new BoundedFlag('f', flag(rule) as unknown as GivenFlag, silent)
  const ask = (l: unknown[]) => bounded.evaluate({ l } as never)
  expect(ask(numbers(2_000)).errorCode).toBe('GENERAL')
  expect(ask(['x']).variant).toBe('on')
  expect(ask(numbers(2_000)).errorCode).toBe('GENERAL')
  expect(ask(numbers(200)).variant).toBe('off')
})

test('ordinary rules over large lists are answered', () => {
  const groups = { g: numbers(20_000).map((index) => `group-${index}`) }
  expect(
    answerOf(on({ some: [{ var: 'g' }, { '==': [{ var: '' }, 'group-19999'] }] }), groups),
  ).toMatchObject({
    value: true,
    variant: 'on',
  })
  expect(answerOf(on({ in: ['none', { var: 'g' }] }), groups)).toMatchObject({ variant: 'off' })
})

const { rule } = fc.letrec<{ rule: unknown; list: unknown; value: unknown }>((tie) => {
  const of = (operator: string, ...args: fc.Arbitrary<unknown>[]) =>
    fc.tuple(...args).map((given) => ({ [operator]: given }))
  const [any, list, value] = [tie('rule'), tie('list'), tie('value')]
  const variable = fc.constantFrom(
    '',
    'p',
    'l',
    'o',
    'o.x',
    '../',
    '../../p',
    '../../l',
    'accumulator',
    'current',
  )
  return {
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom<unknown>('a', 'on', '', 0, 1, 2.5, true, false, null),
      variable.map((name) => ({ var: name })),
      variable.map((name) => ({ var: [name, 'a'] })),
      any,
    ),
    list: fc.oneof(
      { depthSize: 'small' },
      fc.array(value, { maxLength: 3 }),
      variable.map((name) => ({ var: name })),
      ...['map', 'filter'].map((operator) => of(operator, list, value)),
      of('merge', list, value),
    ),
    rule: fc.oneof(
      { depthSize: 'small' },
      ...['some', 'all', 'none', 'map', 'filter'].map((operator) => of(operator, list, value)),
      of('reduce', list, value, value),
      of('reduce', list, fc.constantFrom(doubled('+'), doubled('cat'), doubled('merge')), value),
      ...['==', '===', '<', '!='].map((operator) => of(operator, value, value)),
      ...['cat', 'merge', '+', 'max', 'or', 'and'].map((operator) => of(operator, value, value)),
      ...['!', '!!', 'cat', '+', '-'].map((operator) => of(operator, value)),
      of('in', value, list),
      of('if', value, value, value),
      of('if', value, value, value, value, value),
      of('substr', value, fc.constantFrom(0, 1), fc.constantFrom(1, 2)),
      fc.constantFrom({ missing: ['p', 'q'] }, { missing_some: [1, ['p', 'q']] }),
      of('starts_with', fc.constantFrom('a', { var: 'p' }), fc.constantFrom('a', { var: '../../p' })),
      fc.constant({ fractional: [{ cat: [{ var: 'p' }, 'x'] }, ['on', 1], ['off', 1]] }),
    ),
  }
})
/** Long enough for the steps of a short rule to be counted. */
const LONG = 'a'.repeat(10_100)
const context = fc.record(
  {
    p: fc.constantFrom<unknown>('a', 'on', 1, null, '', LONG),
    l: fc.array(fc.constantFrom<unknown>('a', 0, 1, { p: 'a' }, ['a']), { maxLength: 3 }),
    o: fc.constantFrom<unknown>({}, { x: 1 }, { x: ['a'] }),
    targetingKey: fc.constantFrom('u', 'v'),
  },
  { requiredKeys: [] },
)

test('what ends in time is answered as by flagd-core', () => {
  fc.assert(
    fc.property(rule, fc.array(context, { minLength: 1, maxLength: 3 }), (targeting, contexts) => {
      const given = flag({ if: [targeting, targeting, 'off'] }) as unknown as GivenFlag
      const theirs = new FeatureFlag('f', given, silent, INTERPRETED)
      const ours = new BoundedFlag('f', given, silent)
      for (const each of contexts) {
        const { errorMessage, ...details } = theirs.evaluate(each as never)
        const answer = ours.evaluate(each as never)
        const isRefused = answer.errorMessage?.endsWith('steps') === true
        if (!(isRefused && each.p === LONG)) expect(answer).toMatchObject(details)
      }
    }),
    { numRuns: 500 },
  )
})
