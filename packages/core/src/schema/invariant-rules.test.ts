import { describe, expect, onTestFinished, test, vi } from 'vitest'
import * as z from 'zod'
import * as z3 from 'zod/v3'
import { describeIssue } from '../errors.ts'
import { loadLimits } from '../load-limits.test.kit.ts'
import { collectUnhandled } from '../unhandled-rejections.test.kit.ts'
import { type Complain, invariant } from './invariant.ts'
import { restart } from './restart.ts'
import { sealed } from './sealed.ts'
import { secret } from './secret.ts'

const unhandled = collectUnhandled()

async function load(schema: z.ZodType, tree: object) {
  const loaded = await loadLimits(schema, tree)
  const issues = () => loaded.config.status.rejected?.issues ?? []
  return {
    ...loaded,
    /** What is wrong with the newest tree, with its place. */
    rejected: () => issues().map(describeIssue),
    told: () => issues().map(({ message }) => message),
  }
}

const pair = z.object({ least: z.number(), most: z.number() })

/** Complains of a pair, or fails otherwise, in every way but one that a caller sees at once. */
const UNSEEN: Readonly<Record<string, (isWrong: boolean, complain: () => void) => unknown>> = {
  'a promise that complains later': (isWrong, complain) =>
    Promise.resolve().then(() => isWrong && complain()),
  'a promise that rejects': (isWrong) => (isWrong ? Promise.reject(new Error('wrong')) : Promise.resolve()),
  'a thenable': () => Object.fromEntries([['then', (resolve: () => void) => resolve()]]),
  'promises in a list': (isWrong) => [0].map(async () => (isWrong ? Promise.reject(new Error('wrong')) : 0)),
  'a generator, which has not run': function* (isWrong, complain) {
    yield isWrong && complain()
  },
}

describe('invariant: what a rule returns', () => {
  test.each(Object.entries(UNSEEN))('%s is refused, and nothing is served', async (_, unseen) => {
    let isLoaded = false
    const ruled = invariant(pair, ((value: z.output<typeof pair>, complain: Complain) =>
      isLoaded
        ? unseen(value.least > value.most, () => complain(['least'], 'wrong'))
        : undefined) as () => void)
    await using loaded = await load(ruled, { least: 1, most: 2 })
    isLoaded = true
    loaded.source.patch(2, { 'limits/least': '3' })
    await expect.poll(() => loaded.rejected()).toHaveLength(1)
    expect(loaded.rejected()[0]).toMatch(
      /^limits: (The schema needs await here|A rule of invariant\(\) returned)/,
    )
    expect(loaded.config.current).toEqual({ limits: { least: 1, most: 2 } })
    await new Promise((resolve) => setImmediate(resolve))
    expect(unhandled).toEqual([])
  })

  test.each<[string, (value: z.output<typeof pair>) => unknown]>([
    ['true and false, as a refinement does', ({ least, most }) => least <= most],
    ['a list of what is wrong', ({ least, most }) => (least > most ? ['wrong'] : [])],
    ['null', () => null],
  ])('a rule that cannot complain, and returns %s, is refused', async (_, rule) => {
    let isLoaded = false
    const ruled = invariant(pair, ((value: z.output<typeof pair>) =>
      isLoaded ? rule(value) : undefined) as () => void)
    await using loaded = await load(ruled, { least: 1, most: 2 })
    isLoaded = true
    loaded.source.patch(2, { 'limits/least': '3' })
    await expect.poll(() => loaded.rejected()).toHaveLength(1)
    expect(loaded.rejected()[0]).toMatch(/^limits: A rule of invariant\(\) returned .*, which nobody reads/)
  })

  test('what a rule returns that complains by itself is not looked at', async () => {
    const ruled = invariant(
      pair,
      ({ least, most }, complain) => least <= most || complain(['least'], 'Expected at most `most`'),
    )
    await using loaded = await load(ruled, { least: 1, most: 2 })
    loaded.source.patch(2, { 'limits/least': '3' })
    await expect.poll(() => loaded.rejected()).toHaveLength(1)
    expect(loaded.rejected()[0]).toMatch(/^limits.least: Expected at most `most`/)
  })

  test('an async rule is refused where it is given', () => {
    expect(() => invariant(pair, async () => {})).toThrow(
      expect.objectContaining({ code: 'invalid_schema', message: expect.stringContaining('async rule') }),
    )
  })

  test('a complaint after the rule has returned is a warning, once for each rule', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockReturnValue(undefined)
    onTestFinished(() => warn.mockRestore())
    const kept: Complain[] = []
    const ruled = invariant(pair, (_, complain) => {
      kept.push(complain)
    })
    await using _loaded = await load(ruled, { least: 1, most: 2 })
    expect(warn).not.toHaveBeenCalled()
    for (const complain of [...kept, ...kept]) complain(['least'], 'secret words')
    expect(warn.mock.calls).toEqual([
      [
        expect.stringContaining('A rule of invariant() complained after it had returned'),
        expect.objectContaining({ code: 'LIVETREE_LATE_COMPLAINT' }),
      ],
    ])
    expect(JSON.stringify(warn.mock.calls)).not.toContain('secret words')
  })
})

describe('invariant: how a rule complains', () => {
  test.each<[string, unknown, unknown, string]>([
    ['a text for the path', 'least.most', 'wrong', 'a text for the path'],
    ['no path', undefined, 'wrong', 'nothing for the path'],
    ['a number for the path', 5, 'wrong', 'a number for the path'],
    ['a path with no name', ['least', undefined], 'wrong', 'nothing in the path'],
    ['a path with a symbol', [Symbol('least')], 'wrong', 'a symbol in the path'],
    ['an error for the words', ['least'], new Error('hunter2'), 'an object for what is wrong'],
    ['a function for the words', ['least'], () => 'hunter2', 'a function for what is wrong'],
    ['no words', ['least'], undefined, 'nothing for what is wrong'],
  ])('%s is refused, and says what was meant', async (_, path, words, message) => {
    const ruled = invariant(pair, ({ least, most }, complain) => {
      if (least > most) complain(path as [], words as string)
    })
    await using loaded = await load(ruled, { least: 1, most: 2 })
    loaded.source.patch(2, { 'limits/least': '3' })
    await expect.poll(() => loaded.rejected()).toHaveLength(1)
    expect(loaded.rejected()[0]).toContain(`limits: A rule of invariant() complained with ${message}`)
    expect(loaded.rejected()[0]).not.toContain('hunter2')
    expect(loaded.config.current).toEqual({ limits: { least: 1, most: 2 } })
  })

  test('a function of an earlier judgement complains of the one that runs', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockReturnValue(undefined)
    onTestFinished(() => warn.mockRestore())
    let kept: Complain | undefined
    const ruled = invariant(pair, ({ least, most }, complain) => {
      kept ??= complain
      if (least > most) kept(['least'], 'Expected at most `most`')
    })
    await using loaded = await load(ruled, { least: 1, most: 2 })
    for (const revision of [2, 3]) {
      loaded.source.patch(revision, { 'limits/least': String(revision + 1) })
      await expect.poll(() => loaded.told().join()).toContain('Expected at most')
      expect(loaded.config.current).toEqual({ limits: { least: 1, most: 2 } })
    }
    expect(warn).not.toHaveBeenCalled()
  })

  test('a rule that throws complains in time the next time, and too late afterwards', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockReturnValue(undefined)
    onTestFinished(() => warn.mockRestore())
    let kept: Complain | undefined
    const ruled = invariant(pair, ({ least, most }, complain) => {
      kept = complain
      if (least > most) throw new Error('in the rule')
    })
    await using loaded = await load(ruled, { least: 1, most: 2 })
    loaded.source.patch(2, { 'limits/least': '3' })
    await expect.poll(() => loaded.rejected()).toHaveLength(1)
    kept?.(['least'], 'wrong')
    expect(warn).toHaveBeenCalledTimes(1)
  })
})

test.each<[string, (schema: never) => unknown]>([
  ['invariant()', (schema) => invariant(schema, () => {})],
  ['secret()', (schema) => secret(schema)],
  ['sealed()', (schema) => sealed(schema)],
  ['restart()', (schema) => restart(schema)],
])('%s refuses what is no schema where it is given', (call, make) => {
  for (const given of [undefined, null, {}, 'x', () => z.string(), z3.object({})])
    expect(() => make(given as never)).toThrow(
      expect.objectContaining({ code: 'invalid_schema', message: expect.stringContaining(`${call} got`) }),
    )
})

test('invariant refuses what is no rule where it is given', () => {
  for (const given of [undefined, null, {}, 'x'])
    expect(() => invariant(pair, given as never)).toThrow(
      expect.objectContaining({
        code: 'invalid_options',
        message: expect.stringContaining('invariant() got'),
      }),
    )
})

describe('several rules of one schema', () => {
  const ordered = invariant(pair, ({ least, most }, complain) => {
    if (least > most) complain(['least'], 'above the most')
  })
  const small = ({ most }: { readonly most: number }, complain: Complain) => {
    if (most > 9) complain(['most'], 'above 9')
  }
  test.each<[string, z.ZodType]>([
    ['as it is', invariant(ordered, small)],
    ['strict', invariant(ordered.strict(), small)],
    ['described', invariant(ordered.describe('x'), small)],
    ['extended', invariant(ordered.safeExtend({ more: z.number().optional() }), small)],
    ['restart', invariant(restart(restart(ordered)), small)],
    ['readonly', invariant(ordered, small).readonly()],
    ['with a third', invariant(invariant(ordered, small), () => {})],
    ['with a refinement above', invariant(ordered, small).refine(() => true)],
  ])('each holds, and all are asked: %s', async (_, schema) => {
    await using loaded = await load(schema, { least: '1', most: '2' })
    loaded.source.patch(2, { 'limits/least': '3' })
    await expect.poll(() => loaded.told()).toEqual(['above the most'])
    loaded.source.patch(3, { 'limits/most': '10' })
    await expect.poll(() => loaded.told()).toEqual(['above 9'])
    loaded.source.patch(4, { 'limits/least': '11' })
    await expect.poll(() => loaded.told()).toEqual(['above the most', 'above 9'])
    loaded.source.patch(5, { 'limits/least': '3', 'limits/most': '9' })
    await expect.poll(() => loaded.config.current).toEqual({ limits: { least: 3, most: 9 } })
  })

  test.each<[string, z.ZodType]>([
    [
      'a refinement',
      invariant(
        ordered.refine(() => true),
        small,
      ),
    ],
    ['a wrapper', invariant(ordered.readonly(), small)],
    ['a secret', invariant(secret(ordered), small)],
  ])('each holds with %s between', (_, schema) => {
    expect(schema.safeParse({ least: 1, most: 2 }).success).toBe(true)
    for (const broken of [
      { least: 3, most: 2 },
      { least: 1, most: 10 },
    ])
      expect(schema.safeParse(broken).success).toBe(false)
  })
})
