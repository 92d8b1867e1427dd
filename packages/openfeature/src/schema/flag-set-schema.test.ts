import { defineConfig, describeIssue, LivetreeError } from '@livetree/core'
import { createManualSource } from '@livetree/core/testing'
import { MemoryStorage } from '@openfeature/flagd-core'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { flagSetSchema } from './index.ts'

const shop = defineConfig({ name: 'shop', schema: z.object({ features: flagSetSchema }) })

/** The issues of a stored tree, each as one line; none if it is valid. */
async function issuesOf(tree: object): Promise<string[]> {
  const source = createManualSource({ name: 'tree' })
  const loading = shop.load({ sources: [source], logger: false })
  loading.catch(() => undefined)
  await expect.poll(() => source.isOpen).toBe(true)
  source.replace(7, { features: tree })
  try {
    await (await loading).close()
    return []
  } catch (error) {
    if (!(error instanceof LivetreeError)) throw error
    return error.issues.map(describeIssue)
  }
}

/** The issues of one flag, as a document of its own, without their places in the tree. */
async function flagIssuesOf(flag: object, more: object = {}): Promise<string[]> {
  const issues = await issuesOf({ flags: { f: JSON.stringify(flag) }, ...more })
  return issues.map((issue) =>
    issue.replace(/^features\.flags\.f\.?/, '').replace(/(, received .*)? \(tree: .*\)$/s, ''),
  )
}

const ON_OFF = { state: 'ENABLED', variants: { on: true, off: false }, defaultVariant: 'on' }

describe('flagSetSchema takes', () => {
  test('one document, a document for each flag, and a key for each part, as the same value', async () => {
    const targeting = { if: [{ $ref: 'staff' }, 'on', null] }
    const staff = { ends_with: [{ var: 'email' }, '@example.com'] }
    const set = { flags: { f: { ...ON_OFF, targeting } }, $evaluators: { staff } }
    const forms = [
      JSON.stringify(set),
      { flags: { f: JSON.stringify(set.flags.f) }, $evaluators: { staff: JSON.stringify(staff) } },
      {
        flags: {
          f: {
            state: 'ENABLED',
            variants: { on: 'true', off: 'false' },
            defaultVariant: 'on',
            targeting: JSON.stringify(targeting),
          },
        },
        $evaluators: { staff: JSON.stringify(staff) },
      },
    ]
    for (const form of forms) {
      const source = createManualSource()
      const loading = shop.load({ sources: [source], logger: false })
      await expect.poll(() => source.isOpen).toBe(true)
      source.replace(1, { features: form })
      await using config = await loading
      expect(config.current.features).toEqual(set)
    }
  })

  test.each<[string, object]>([
    ['no default variant', { state: 'ENABLED', variants: { a: 1 } }],
    ['null for one', { ...ON_OFF, defaultVariant: null }],
    ['texts', { ...ON_OFF, variants: { on: 'a', off: '' } }],
    ['numbers', { ...ON_OFF, variants: { on: 0.5, off: 9_007_199_254_740_991 } }],
    ['objects', { ...ON_OFF, variants: { on: {}, off: { a: [1, null] } } }],
    ['a disabled flag', { ...ON_OFF, state: 'DISABLED' }],
    ['an empty targeting', { ...ON_OFF, targeting: {} }],
    ['metadata', { ...ON_OFF, metadata: { owner: 'shop', since: 3, isOld: true } }],
    [
      'variants named true and false',
      {
        ...ON_OFF,
        variants: { true: 1, false: 2 },
        defaultVariant: 'true',
        targeting: { if: [{ var: 'a' }, true, false] },
      },
    ],
    [
      'a rollout to nobody',
      {
        ...ON_OFF,
        targeting: {
          fractional: [
            ['on', 0],
            ['off', 100],
          ],
        },
      },
    ],
    [
      'weights from the context',
      { ...ON_OFF, targeting: { fractional: [{ var: 'email' }, ['on', { var: 'w' }], ['off']] } },
    ],
    [
      'a chain of conditions',
      { ...ON_OFF, targeting: { if: [{ '!': { var: 'a' } }, 'on', { in: ['x', ['x', 'y']] }, 'off', null] } },
    ],
    [
      'versions',
      { ...ON_OFF, targeting: { if: [{ sem_ver: [{ var: 'v' }, '>=', '1.2.3-rc.1'] }, 'on', 'off'] } },
    ],
  ])('%s', async (_, flag) => {
    expect(await flagIssuesOf(flag)).toEqual([])
    const storage = new MemoryStorage({ error() {}, warn() {}, info() {}, debug() {} })
    storage.setConfigurations(JSON.stringify({ flags: { f: flag } }), true)
    expect(storage.getFlag('f')).toBeDefined()
  })
})

const rule = (targeting: unknown) => ({ ...ON_OFF, targeting })
const condition = (test: unknown) => rule({ if: [test, 'on', 'off'] })

describe('flagSetSchema refuses', () => {
  test.each<[string, object, ...string[]]>([
    [
      'an unknown default',
      { ...ON_OFF, defaultVariant: 'blue' },
      'defaultVariant: There is no variant "blue"; there are "off", "on"',
    ],
    [
      'a wrong state',
      { ...ON_OFF, state: 'enabled' },
      'state: Invalid option: expected one of "ENABLED"|"DISABLED"',
    ],
    [
      'no state',
      { variants: { on: true } },
      'state: Invalid option: expected one of "ENABLED"|"DISABLED". Nothing is set',
    ],
    [
      'no variants',
      { ...ON_OFF, variants: {}, defaultVariant: null },
      'variants: Expected at least one variant',
    ],
    [
      'variants of two types',
      { ...ON_OFF, variants: { on: true, off: 'no' } },
      'variants.on: All variants have one type; "off" is a string, and this is a boolean',
    ],
    [
      'null for a variant',
      { ...ON_OFF, variants: { on: null, off: false } },
      'variants.on: Expected a boolean, a text, a number or an object',
    ],
    [
      'a list for a variant',
      { ...ON_OFF, variants: { on: [1], off: {} } },
      'variants.on: Expected a boolean, a text, a number or an object',
    ],
    [
      'a targeting that is no rule',
      rule(['if']),
      'targeting: Expected a rule: an object with one operator, such as "if"',
    ],
    [
      'a text for a targeting',
      rule('on'),
      'targeting: Expected a rule: an object with one operator, such as "if"',
    ],
    [
      'two operators',
      rule({ if: [true, 'on'], and: [1] }),
      'targeting: Expected one operator, found "and", "if"',
    ],
    [
      'an operator that is not there',
      condition({ vra: 'a' }),
      'targeting.if.0.vra: There is no operator "vra"; did you mean "var"?',
    ],
    [
      'an operator of the engine that flagd has not',
      condition({ throw: 'a' }),
      'targeting.if.0.throw: There is no operator "throw"',
    ],
    [
      'the name of a method of every object',
      condition({ toString: ['a'] }),
      'targeting.if.0.toString: There is no operator "toString"',
    ],
    ['too few arguments', condition({ '==': [1] }), 'targeting.if.0.==: "==" takes 2 arguments, found 1'],
    [
      'too many arguments',
      condition({ '<': [1, 2, 3, 4] }),
      'targeting.if.0.<: "<" takes 2 to 3 arguments, found 4',
    ],
    [
      'no list of arguments',
      condition({ and: { var: 'a' } }),
      'targeting.if.0.and: "and" takes a list of arguments',
    ],
    [
      'an unknown variable of flagd',
      condition({ var: '$flagd.user' }),
      'targeting.if.0.var: There is no "$flagd.user"; there are $flagd.flagKey and $flagd.timestamp',
    ],
    [
      'a variable without a name',
      condition({ var: [{ var: 'a' }] }),
      'targeting.if.0.var: "var" takes a name, or a list of a name and a default',
    ],
    [
      'an unknown operator of versions',
      condition({ sem_ver: [{ var: 'v' }, '==', '1.0.0'] }),
      'targeting.if.0.sem_ver.1: Expected one of = != > < >= <= ~ ^',
    ],
    [
      'a version that is none',
      condition({ sem_ver: [{ var: 'v' }, '=', '1.x'] }),
      'targeting.if.0.sem_ver.2: Expected a version such as "1.2.3", or a "var"',
    ],
    [
      'a comparison with a number',
      condition({ starts_with: [{ var: 'a' }, 5] }),
      'targeting.if.0.starts_with: "starts_with" takes two texts, or rules that give texts',
    ],
    [
      'a negative weight',
      rule({
        fractional: [
          ['on', -1],
          ['off', 2],
        ],
      }),
      'targeting.fractional.0.1: Expected a weight: a whole number, 0 or more',
    ],
    [
      'half a weight',
      rule({ fractional: [['on', 0.5]] }),
      'targeting.fractional.0.1: Expected a weight: a whole number, 0 or more',
    ],
    [
      'a weight without a variant',
      rule({ fractional: [{ var: 'a' }, 50] }),
      'targeting.fractional.1: Expected a list of a variant and a weight, such as ["on", 25]',
    ],
    [
      'a variant without brackets',
      rule({ fractional: ['on', 'off'] }),
      'targeting.fractional.1: Expected a list of a variant and a weight, such as ["on", 25]',
    ],
    [
      'weights beyond the hash',
      rule({
        fractional: [
          ['on', 2_147_483_647],
          ['off', 1],
        ],
      }),
      'targeting.fractional: The weights together may be 2147483647, not more',
    ],
    [
      'a result that is no variant',
      rule({
        if: [
          { var: 'a' },
          'on',
          {
            fractional: [
              ['off', 1],
              ['blue', 1],
            ],
          },
        ],
      }),
      'targeting.if.2.fractional.1.0: There is no variant "blue"; there are "off", "on"',
    ],
    [
      'an evaluator that is not there',
      condition({ $ref: 'staf' }),
      'targeting.if.0.$ref: There is no evaluator "staf"; did you mean "staff"?',
    ],
    [
      'two mistakes',
      { ...ON_OFF, defaultVariant: 'x', targeting: { if: [] } },
      'defaultVariant: There is no variant "x"; there are "off", "on"',
      'targeting.if: "if" takes at least 1 argument, found 0',
    ],
  ])('%s', async (_, flag, ...issues) => {
    const staff = { ends_with: [{ var: 'email' }, '@example.com'] }
    expect(await flagIssuesOf(flag, { $evaluators: { staff: JSON.stringify(staff) } })).toEqual(issues)
  })

  test.each<[string, Record<string, object>, string]>([
    ['one that is no rule', { a: { '==': [1] } }, 'a.==: "==" takes 2 arguments, found 1'],
    ['one that refers to nothing', { a: { '!': [{ $ref: 'b' }] } }, 'a.!.0.$ref: There is no evaluator "b"'],
    [
      'one that refers to itself',
      { a: { '!': [{ $ref: 'a' }] } },
      'a: An evaluator refers to itself, or to others in more than 10 steps',
    ],
    [
      'ones that refer to each other',
      { a: { '!': [{ $ref: 'b' }] }, b: { '!': [{ $ref: 'a' }] } },
      'a: An evaluator refers to itself, or to others in more than 10 steps',
    ],
    [
      'few that stand for very many',
      Object.fromEntries(
        Array.from({ length: 9 }, (_, n) => [
          `e${n}`,
          n === 0 ? { '!': [1] } : { and: Array(9).fill({ $ref: `e${n - 1}` }) },
        ]),
      ),
      'e4: With its evaluators in place, the rule may have 10000 parts, not more',
    ],
  ])('of evaluators: %s', async (_, evaluators, first) => {
    const texts = Object.fromEntries(
      Object.entries(evaluators).map(([name, each]) => [name, JSON.stringify(each)]),
    )
    const [issue] = await issuesOf({ flags: {}, $evaluators: texts })
    expect(issue?.replace(/(, received .*)? \(tree: .*\)$/s, '')).toBe(`features.$evaluators.${first}`)
  })

  test('with the key and the revision that has the mistake', async () => {
    const [issue] = await issuesOf({
      flags: { f: { ...ON_OFF, variants: { on: 'true' }, defaultVariant: 'off' } },
    })
    expect(issue).toBe(
      'features.flags.f.defaultVariant: There is no variant "off"; there is "on", received "off" (tree: features/flags/f/defaultVariant, revision 7)',
    )
  })
})
