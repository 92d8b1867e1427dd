import { expect, test } from 'vitest'
import * as z from 'zod'
import { describeIssues } from '../errors.ts'
import { secret } from '../schema/secret.ts'
import { acceptedValue, issuesOf, staged } from './staged.test.kit.ts'

const LONG = 'k '.repeat(350_000)
const MANY = 100_000
const wrongItems = JSON.stringify(Array.from({ length: MANY }, () => ''))
const wrongNames = JSON.stringify(
  Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`n${at}`, ''])),
)

test('listed items: zeros before what is no number after all take time in proportion', () => {
  const { patch } = staged(z.object({ list: z.array(z.string()) }))
  const startedAt = performance.now()
  const value = acceptedValue(patch(0, { 'list/0': 'a', [`list/${'0'.repeat(200_000)}x`]: 'b' }))
  expect(value).toEqual({ list: ['a', 'b'] })
  // by squares it would be minutes
  expect(performance.now() - startedAt).toBeLessThan(5_000)
})

test('listed items: zeros before a number do not count', () => {
  const { patch } = staged(z.object({ list: z.array(z.string()) }))
  const names = { 'list/10': 'd', 'list/0002': 'c', 'list/00': 'a', 'list/1': 'b', 'list/x': 'e' }
  expect(acceptedValue(patch(0, names))).toEqual({ list: ['a', 'b', 'c', 'd', 'e'] })
})

test.each<[string, z.ZodType, string]>([
  ['a list', z.record(z.string(), z.array(z.number())), wrongItems],
  ['a record', z.record(z.string(), z.record(z.string(), z.number())), wrongNames],
  ['a union', z.record(z.string(), z.union([z.array(z.number()), z.object({ a: z.number() })])), wrongItems],
  ['a union above the name', z.union([z.record(z.string(), z.array(z.number())), z.number()]), wrongItems],
  [
    'a list beside a secret',
    z
      .object({ pin: secret(z.string()).optional() })
      .catchall(z.array(z.number()))
      .refine(() => true),
    wrongItems,
  ],
  ['unknown names', z.record(z.string(), z.strictObject({})), wrongNames],
])('a long name above much that is wrong is listed as far as it is read: %s', (_what, schema, text) => {
  const { patch } = staged(z.object({ a: schema }), { unused: 'reject' })
  const issues = issuesOf(patch(0, { [`a/${LONG}`]: text }))
  // all that anybody may print of it
  expect(JSON.stringify(issues).length).toBeLessThan(12_000_000)
  expect(describeIssues('wrong', issues).length).toBeLessThan(1_000_000)
  expect(issues[0]!.pathText.length).toBeLessThan(1_100)
})

test('what is not listed is counted', () => {
  const { patch } = staged(z.object({ a: z.record(z.string(), z.array(z.number())) }))
  const issues = issuesOf(patch(0, { [`a/${LONG}`]: wrongItems }))
  const more = issues.at(-1)!
  expect(more).toMatchObject({ code: 'more', path: [], pathText: '' })
  expect(more.message).toBe(`${MANY - issues.length + 1} more are wrong, and not listed`)
})

test.each(['warn', 'reject'] as const)('unused keys inside a long name, unused: %s', (unused) => {
  const { patch } = staged(z.object({ a: z.record(z.string(), z.array(z.object({}))) }), { unused })
  const outcome = patch(0, { [`a/${LONG}`]: JSON.stringify([JSON.parse(wrongNames)]) })
  expect(outcome.type).toBe(unused === 'reject' ? 'rejected' : 'accepted')
  expect(JSON.stringify(outcome.unused).length).toBeLessThan(12_000_000)
  if (unused === 'reject') {
    const issues = issuesOf(outcome)
    expect(issues[0]).toMatchObject({ code: 'unused', path: ['a', LONG, '0', 'n0'] })
    expect(issues.at(-1)!.message).toBe(`${10_000 - issues.length + 1} more are wrong, and not listed`)
  }
})

test('many unused keys are listed to a limit, and rejected keys as well', () => {
  const names = Object.fromEntries(Array.from({ length: 15_000 }, (_, at) => [`x${at}`, '1']))
  const { patch } = staged(z.object({}), { unused: 'reject' })
  const issues = issuesOf(patch(0, names))
  expect(issues).toHaveLength(10_001)
  expect(issues.at(-1)!.message).toBe('5000 more are wrong, and not listed')
})
