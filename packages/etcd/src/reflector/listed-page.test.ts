import { expect, test } from 'vitest'
import { ownKeyValue } from './listed-page.ts'

test('ownKeyValue: a kept key-value holds its own bytes alone, not the answer and no slab of the pool', () => {
  const answer = Buffer.alloc(1_000_000, 'x')
  const numbers = { createRevision: 1, modRevision: 2, version: 3, lease: 4n }
  const view = { key: answer.subarray(10, 20), value: answer.subarray(100, 150), ...numbers }
  const kv = ownKeyValue(view, 4)
  expect(kv).toEqual({ key: Buffer.alloc(6, 'x'), value: Buffer.alloc(50, 'x'), ...numbers })
  expect([kv.key.buffer.byteLength, kv.value.buffer]).toEqual([56, kv.key.buffer])
  answer.fill('y')
  expect(kv.value.toString()).toBe('x'.repeat(50))
})
