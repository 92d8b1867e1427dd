import { expect, test } from 'vitest'
import { expectLinear } from '../../../../test/support/expect-linear.ts'
import { type FlagIssue, tellIssues } from './flag-issue.ts'
import { flagIssues } from './flag-issues.ts'
import { referenceIssues } from './reference-issues.ts'

const COUNT = 16_000

const many = <T>(count: number, item: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => item(index))
const named = <T>(count: number, item: (index: number) => [string, T]) =>
  Object.fromEntries(many(count, item))

test.each<[string, (count: number) => readonly FlagIssue[]]>([
  [
    'references to evaluators that are not there, beside those that are',
    (count) =>
      referenceIssues(
        { f: { targeting: { and: many(count, (index) => ({ $ref: `isStaff${index}` })) } } },
        named(count, (index) => [`isGuest${index}`, { '!': [1] }]),
      ),
  ],
  [
    'operators that are not there',
    (count) =>
      flagIssues({
        variants: { a: 1 },
        targeting: { and: many(count, (index) => ({ [`op${index}`]: [] })) },
      }),
  ],
  [
    'variants, each a result',
    (count) =>
      flagIssues({
        variants: named(count, (index) => [`v${index}`, 1]),
        targeting: { if: many(count, (index) => `v${index}`) },
      }),
  ],
  [
    'flags that use one evaluator',
    (count) =>
      referenceIssues(
        named(count, (index) => [`f${index}`, { targeting: { '!': [{ $ref: 'large' }] } }]),
        { large: { and: many(count, (index) => index) } },
      ),
  ],
])('the work grows as the number of %s', async (what, check) => {
  await expectLinear(what, (part) => () => {
    const issues = check(part === 'whole' ? COUNT : COUNT / 4)
    tellIssues(issues, (path) => expect(path.length).toBeGreaterThan(0))
  })
})
