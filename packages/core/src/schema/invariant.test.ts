import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { describeIssue } from '../errors.ts'
import { loadLimits } from '../load-limits.test.kit.ts'
import { createTestConfig } from '../testing/create-test-config.ts'
import { invariant } from './invariant.ts'
import { secret } from './secret.ts'

const part = z.object({ least: z.number(), tags: z.array(z.string()).default([]) })

/** A record of limits, none of which may be above `most`. */
function limits(seen: (value: object) => void = () => {}) {
  return invariant(z.object({ most: z.number(), parts: z.record(z.string(), part) }), (value, complain) => {
    seen(value)
    for (const [name, { least }] of Object.entries(value.parts))
      if (least > value.most) complain(['parts', name, 'least'], `Expected at most ${value.most}`)
  })
}

async function load(schema: z.ZodType, tree: object) {
  const loaded = await loadLimits(schema, tree)
  const rejected: string[] = []
  loaded.config.on('rejected', ({ issues }) => rejected.push(...issues.map(describeIssue)))
  return { ...loaded, rejected }
}

const TREE = { most: '5', parts: { a: { least: '1' }, b: { least: '2' } } }

describe('invariant', () => {
  test.each<[string, z.ZodType]>([
    ['an object', limits()],
    ['one that may be missing', limits().optional()],
    ['one with a default', limits().default({ most: 1, parts: {} })],
    ['a readonly one', limits().readonly()],
    ['one inside an object with a refinement, which zod judges whole', limits().refine(() => true)],
    ['an extended one', limits().strict()],
  ])(
    'refuses %s where the rule does not hold, with the key of the part, and takes it again',
    async (_, schema) => {
      await using loaded = await load(schema, TREE)
      loaded.source.patch(2, { 'limits/parts/b/least': '6' })
      await expect
        .poll(() => loaded.rejected)
        .toEqual([
          'limits.parts.b.least: Expected at most 5, received "6" (manual: limits/parts/b/least, revision 2)',
        ])
      expect(loaded.config.current).toMatchObject({ limits: { parts: { b: { least: 2 } } } })
      loaded.source.patch(3, { 'limits/most': '7' })
      await expect.poll(() => loaded.config.current).toMatchObject({ limits: { parts: { b: { least: 6 } } } })
      expect(loaded.config.status.rejected).toBeUndefined()
    },
  )

  test('refuses a record where the rule does not hold', async () => {
    const few = invariant(z.record(z.string(), z.number()), (value, complain) => {
      if (Object.keys(value).length > 2) complain([], 'Expected at most two')
    })
    await using loaded = await load(few, { a: '1', b: '2' })
    loaded.source.patch(2, { 'limits/c': '3' })
    await expect.poll(() => loaded.rejected).toHaveLength(1)
    expect(loaded.rejected[0]).toMatch(/^limits: Expected at most two/)
  })

  test('asks the rule with the value that is served, whose other parts are as they were', async () => {
    const seen: object[] = []
    const definition = defineConfig({
      name: 'shop',
      schema: z.object({ limits: limits((value) => seen.push(value)) }),
    })
    await using config = await createTestConfig(definition, {
      limits: { most: 5, parts: { a: { least: 1 }, b: { least: 2 } } },
    })
    const before = config.current.limits
    seen.length = 0
    config.set({ limits: { parts: { a: { least: 3 } } } })
    expect(seen).toEqual([config.current.limits])
    expect(seen[0]).toBe(config.current.limits)
    expect(Object.isFrozen(seen[0])).toBe(true)
    expect(config.current.limits.parts['b']).toBe(before.parts['b'])
  })

  test('is asked only where all parts are valid, and what it throws is an issue', async () => {
    let isBroken = false
    const broken = limits(() => {
      if (isBroken) throw new Error('in the rule')
    })
    await using loaded = await load(broken, TREE)
    isBroken = true
    loaded.source.patch(2, { 'limits/most': 'five' })
    await expect.poll(() => loaded.rejected).toHaveLength(1)
    expect(loaded.rejected[0]).toContain('limits.most: Invalid input: expected number')
    loaded.source.patch(3, { 'limits/most': '6' })
    await expect.poll(() => loaded.rejected).toHaveLength(2)
    expect(loaded.rejected[1]).toContain("limits: The schema's own code threw: in the rule")
  })

  test('never shows a secret that it puts into its words', async () => {
    const login = invariant(
      z.object({ name: z.string(), password: secret(z.string()) }),
      (value, complain) => {
        if (value.password === value.name) complain(['password'], `Not as the name: ${value.password}`)
      },
    )
    await using loaded = await load(login, { name: 'ann', password: 'bob-1' })
    loaded.source.patch(2, { 'limits/name': 'bob-1' })
    await expect.poll(() => loaded.rejected).toHaveLength(1)
    expect(loaded.rejected[0]).not.toContain('bob-1')
  })
})
