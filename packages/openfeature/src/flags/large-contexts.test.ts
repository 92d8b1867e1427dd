import type { Logger } from '@openfeature/server-sdk'
import { expect, test } from 'vitest'
import { flagSetSchema } from '../schema/index.ts'
import { FlagdFormat } from './flagd-flags.ts'

const silent: Logger = { error() {}, warn() {}, info() {}, debug() {} }
const REFUSED = {
  value: true,
  reason: 'ERROR',
  errorCode: 'GENERAL',
  errorMessage: 'The targeting of the flag "f" takes more than 250000 steps',
}

/** Asks a flag of a set that the schema accepts. */
function asking(targeting: unknown) {
  const variants = { on: true, off: false }
  const f = { state: 'ENABLED', variants, defaultVariant: 'off', targeting } as const
  const flags = new FlagdFormat({ requireTargetingKey: false }).open(flagSetSchema.parse({ flags: { f } }))
  return (context: object) =>
    flags.resolve({
      type: 'boolean',
      key: 'f',
      defaultValue: true,
      context: context as never,
      logger: silent,
    })
}

/** Out of a request's JSON: a text in so many lists, each of two items. */
function nested(depth: number, length: number): unknown {
  return JSON.parse(`${'['.repeat(depth)}"${'a'.repeat(length)}"${',1]'.repeat(depth)}`)
}

const v = { var: 'v' }
const on = (condition: unknown) => ({ if: [condition, 'on', 'off'] })
const half = [
  ['on', 50],
  ['off', 50],
]

// Each has the text in its lists copied once for each list around it: a second and more, for 270 KB.
test.each<[string, unknown, string]>([
  ['what a "fractional" buckets by', { fractional: [{ cat: [{ var: '$flagd.flagKey' }, v] }, ...half] }, 'v'],
  ['a targetingKey', { fractional: half }, 'targetingKey'],
  ['a result', v, 'v'],
  ['a text that is built', on({ starts_with: [{ cat: [v] }, 'b'] }), 'v'],
  ['what is looked for in a text', on({ in: [v, 'abc'] }), 'v'],
  ['a version', on({ sem_ver: [v, '=', '1.0.0'] }), 'v'],
  ['a variant of a "fractional"', { fractional: [[{ cat: [v, 'x'] }, 1]] }, 'v'],
  ['one of many operators', on({ or: [{ all: [[1], false] }, { '===': [{ cat: [v] }, 'b'] }] }), 'v'],
  [
    'what is built for an item',
    on({ some: [[1], { in: [{ cat: ['x', { var: '../../v' }] }, 'abc'] }] }),
    'v',
  ],
])('lists in lists end an evaluation: %s', (_, targeting, name) => {
  const ask = asking(targeting)
  const context = { targetingKey: 'u', [name]: nested(3_000, 270_000) }
  expect(ask(context)).toMatchObject(REFUSED)
  // By short texts as well, and not for those after it.
  expect(ask({ targetingKey: 'u', [name]: nested(3_000, 10) })).toMatchObject(REFUSED)
  expect(ask({ targetingKey: 'u', [name]: 'on' })).not.toMatchObject(REFUSED)
})

test('lists in lists of a rule end an evaluation', () => {
  let list: unknown = ['a'.repeat(200_000)]
  for (let depth = 0; depth < 300; depth++) list = [list, 1]
  expect(asking(on({ in: [{ cat: [list, v] }, 'abc'] }))({ v: 'x' })).toMatchObject(REFUSED)
})

const names = Array.from({ length: 60_000 }, (_, index) => [`k${index}`, index] as const)
const LARGE: Readonly<Record<string, unknown>> = {
  'a text in lists': nested(2_000, 100_000),
  'lists in lists': nested(40_000, 1),
  'a list of texts': Array.from({ length: 40_000 }, () => 'a'.repeat(20)),
  'a list of lists': Array.from({ length: 20_000 }, () => ['a', ['b']]),
  'a list of objects': Array.from({ length: 10_000 }, (_, a) => ({ a, b: ['b'] })),
  digits: '9'.repeat(1_000_000),
  dots: '1.'.repeat(500_000),
  'an object of many names': Object.fromEntries(names),
  'objects in objects': JSON.parse(`${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`),
}
const twice = (operator: string, ...others: unknown[]) => ({ [operator]: [v, ...others, v] })
const many = (operator: string, given: unknown) => ({ [operator]: Array.from({ length: 17 }, () => given) })
const CONDITIONS: readonly unknown[] = [
  ...['==', '===', '!=', '<', '<=', '+', '-', '*', '/', '%', 'max', 'min', 'in', 'cat', 'merge'].map((each) =>
    twice(each),
  ),
  ...['+', '-', 'max', 'cat', 'merge', 'and', 'or'].map((each) => ({ [each]: [v] })),
  ...['and', 'or', 'cat', 'merge'].map((each) => many(each, v)),
  ...[many('and', { '!!': [v] }), many('or', { '!': [{ '!': [v] }] }), many('and', { '<=': [v, v] })],
  ...[many('or', { '<': [v, 1] }), many('or', { in: [v, 'x'] }), many('or', { in: ['x', v] })],
  ...['starts_with', 'ends_with'].map((each) => twice(each)),
  ...[{ sem_ver: [v, '=', v] }, { substr: [v, 1] }, { cat: [[v, [v, [v]]], v] }],
  ...['map', 'filter', 'some', 'all', 'none'].flatMap((each) => [
    { [each]: [v, v] },
    { [each]: [v, { '==': [{ var: '' }, 'x'] }] },
  ]),
  { reduce: [v, { cat: [{ var: 'accumulator' }, { var: 'current' }] }, ''] },
]

// What a person waits for is this: the time of the processor, however busy the machine is.
test.each(Object.keys(LARGE))('no short rule takes long, whatever it reads: %s', (name) => {
  const slow: string[] = []
  for (const condition of CONDITIONS) {
    const ask = asking(on(condition))
    const before = process.cpuUsage()
    ask({ targetingKey: 'u', v: LARGE[name] })
    const { user, system } = process.cpuUsage(before)
    if (user + system > 300_000) slow.push(`${JSON.stringify(condition)}: ${(user + system) / 1000} ms`)
  }
  expect(slow).toEqual([])
})

test('large attributes that a rule does not read make nothing of it', () => {
  const ask = asking(on({ '==': [{ var: 'user.plan' }, 'pro'] }))
  const user: Record<string, unknown> = { plan: 'pro', friends: nested(3_000, 100_000) }
  user['self'] = user
  expect(ask({ user, groups: LARGE['a list of lists'] })).toMatchObject({
    variant: 'on',
    reason: 'TARGETING_MATCH',
  })
})

test('an attribute that leads back to itself is answered', () => {
  const user: Record<string, unknown> = { plan: 'pro' }
  user['self'] = user
  expect(asking(on({ '!!': [{ var: 'user' }] }))({ user })).toMatchObject({ variant: 'on' })
})

test('a list of many objects is gone through', () => {
  const l = Array.from({ length: 20_000 }, (_, id) => ({ id, role: 'guest', name: `user ${id}` }))
  const ask = asking(on({ some: [{ var: 'l' }, { '===': [{ var: 'id' }, 19_999] }] }))
  expect(ask({ l })).toMatchObject({ variant: 'on' })
})
