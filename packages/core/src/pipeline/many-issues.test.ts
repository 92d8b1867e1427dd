import { expect, test } from 'vitest'
import * as z from 'zod'
import { issuesOf, staged } from './staged.test.kit.ts'
import { validate } from './validate.ts'

const COUNT = 50_000
const bad = (count: number) => JSON.stringify(Array(count).fill('x'))

test('validate: finds words for no more issues than are listed, and counts the others', () => {
  const result = validate(z.array(z.number()), Array(COUNT).fill('x'))
  expect(result).toMatchObject({ isValid: false, unlisted: COUNT - 10_000 })
  expect(result.isValid ? [] : result.issues).toHaveLength(10_000)
})

test.each([
  ['numbers', z.array(z.number()), bad(COUNT), COUNT],
  ['unions', z.array(z.union([z.number(), z.boolean()])), bad(COUNT), COUNT],
  ['an intersection', z.array(z.number()).and(z.array(z.number())), bad(COUNT), COUNT],
])('the first 10,000 of many wrong items are listed, and how many more there are: %s', (...given) => {
  const [, schema, text, count] = given
  const issues = issuesOf(staged(z.object({ v: schema })).patch(0, { v: text }))
  expect(issues).toHaveLength(10_001)
  expect(issues.at(-1)?.message).toBe(`${count - 10_000} more are wrong, and not listed`)
})

test('what is wrong in several lists is counted together', () => {
  const schema = z.object({ a: z.array(z.number()), b: z.array(z.number()), c: z.array(z.number()) })
  const issues = issuesOf(staged(schema).patch(0, { a: bad(15_000), b: bad(8_000), c: bad(3) }))
  expect(issues.at(-1)?.message).toBe('13003 more are wrong, and not listed')
})

test('what is wrong with many items of a set, which have no place of their own, is said once', () => {
  const items = JSON.stringify(Array.from({ length: COUNT }, (_, index) => `x${index}`))
  const issues = issuesOf(staged(z.object({ v: z.set(z.number()) })).patch(0, { v: items }))
  expect(issues).toMatchObject([{ pathText: 'v', code: 'invalid_type' }])
})

test('an issue that a refinement raises twice is listed once', () => {
  const twice = z.array(z.number()).superRefine((_, context) => {
    context.addIssue('too odd')
    context.addIssue('too odd')
  })
  expect(issuesOf(staged(z.object({ v: twice })).patch(0, { v: '[1]' }))).toHaveLength(1)
})
