import assert from 'node:assert/strict'
import { describeIssue, type Issue, type UnusedKey } from '../../packages/core/src/index.ts'

/** Throws when an issue is not what its interface says. */
export function assertIssue(issue: Issue): void {
  assert.ok(Array.isArray(issue.path), 'the path is no list')
  for (const segment of issue.path) assert.ok(['string', 'number'].includes(typeof segment))
  assert.equal(typeof issue.pathText, 'string')
  assert.match(issue.code, /^[a-z_]+$/)
  assert.notEqual(issue.code, 'internal', issue.message)
  assert.ok(issue.message.length > 0, 'there is no message')
  assert.ok(issue.expected === undefined || typeof issue.expected === 'string')
  assert.ok(issue.received === undefined || issue.received.length <= 81, 'what was received is not cut')
  for (const origin of issue.origins) {
    assert.deepEqual(
      Object.values(origin).map((part) => typeof part),
      ['string', 'string', 'string', 'number'],
    )
  }
  assert.ok(describeIssue(issue).length > 0)
  assert.ok(Object.isFrozen(issue), 'the issue is not frozen')
}

/** Throws when an unused key is not what its interface says. */
export function assertUnused({ origin, pathText }: UnusedKey): void {
  assert.equal(typeof origin.key, 'string')
  assert.equal(typeof pathText, 'string')
}
