import { expect, test } from 'vitest'
import { readInstance, shownIssues } from './instance-record.ts'

const issue = (message: string, index = 0) => ({
  path: ['a', index],
  pathText: `a[${index}]`,
  message,
  code: 'invalid_type',
  expected: 'number',
  received: '"shown elsewhere"',
  origins: [{ source: 'etcd', layer: 'etcd:/app', key: `/app/a/${index}`, revision: 7 }],
})

test('shownIssues: at most 20 issues', () => {
  const shown = shownIssues(Array.from({ length: 30 }, (_, index) => issue('wrong', index)))
  expect(shown.issues).toHaveLength(20)
  expect(shown.moreIssues).toBe(10)
  expect(shown.issues?.[0]).toEqual({
    path: 'a[0]',
    message: 'wrong',
    code: 'invalid_type',
    keys: ['/app/a/0'],
  })
  expect(shownIssues([issue('one')])).not.toHaveProperty('moreIssues')
})

test.each([
  'x'.repeat(100_000),
  '€'.repeat(100_000),
  '\u{1F600}'.repeat(100_000),
  '"\\\u0000'.repeat(50_000),
])('shownIssues: at most 4 KiB, however long the texts are', (message) => {
  const shown = shownIssues(Array.from({ length: 20 }, (_, index) => issue(message, index)))
  expect(Buffer.byteLength(JSON.stringify(shown.issues))).toBeLessThanOrEqual(4_096)
  expect(shown.issues?.length).toBeGreaterThan(0)
  expect((shown.issues?.length ?? 0) + (shown.moreIssues ?? 0)).toBe(20)
  expect(JSON.stringify(shown).isWellFormed()).toBe(true)
})

const record = {
  ...{ version: 1, name: 'shop', id: 'a', schema: 'x', layers: [], host: 'h', pid: 1, startedAt: 0, at: 0 },
  ...{ verdict: 'applied', revision: 1, applied: 1, epoch: 0, state: 'live', servedFrom: 'sources' },
}

test.each(['startedAt', 'at'])('readInstance: %s is a time, or the record is none', (name) => {
  expect(readInstance(JSON.stringify({ ...record, [name]: 1_796_000_000_000.5 })).type).toBe('instance')
  for (const wrong of [null, 8.64e15 + 1, 1e300, -1e17, '1', {}, [1]])
    expect(readInstance(JSON.stringify({ ...record, [name]: wrong })), `${wrong}`).toEqual({
      type: 'unreadable',
    })
})

test.each(['revision', 'applied', 'epoch', 'moreIssues'])(
  'readInstance: %s is a count, or the record is none',
  (name) => {
    expect(readInstance(JSON.stringify({ ...record, [name]: 3 })).type).toBe('instance')
    for (const wrong of [null, -3, 1.5, 1e300, '1', {}, [1]])
      expect(readInstance(JSON.stringify({ ...record, [name]: wrong })), `${wrong}`).toEqual({
        type: 'unreadable',
      })
  },
)
