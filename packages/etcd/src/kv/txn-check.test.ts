import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EtcdError } from '../errors.ts'
import type { RequestOp, TxnRequest } from '../wire/kv.ts'
import type { Init } from '../wire/message-type.ts'
import { DeletedKeys } from './deleted-keys.ts'
import { assertTxn, isReadOnly } from './txn-check.ts'

type Op = Init<RequestOp>
type Txn = Init<TxnRequest>

function put(key: string | Uint8Array): Op {
  return { request: { type: 'put', value: { key } } }
}
function del(key: string, rangeEnd = ''): Op {
  return {
    request: { type: 'deleteRange', value: { key, rangeEnd } },
  }
}
function get(key: string): Op {
  return { request: { type: 'range', value: { key } } }
}
function nest(success: readonly Op[], failure: readonly Op[] = []): Op {
  return {
    request: { type: 'txn', value: { success, failure } },
  }
}

function verdict(txn: Txn, maxOps = 128): string {
  try {
    assertTxn(txn, maxOps)
  } catch (error) {
    if (error instanceof EtcdError) return error.code
    throw error
  }
  return 'fine'
}

describe('assertTxn', () => {
  test.each<[string, readonly Op[], string]>([
    ['two keys', [put('a'), put('b')], 'fine'],
    ['one key twice', [put('a'), put('a')], 'duplicate_key'],
    ['text and its bytes', [put('ü'), put(Buffer.from('ü'))], 'duplicate_key'],
    ['bytes that look alike as text', [put(Buffer.of(0xff)), put(Buffer.of(0xfe))], 'fine'],
    ['put and delete of the same key', [put('a'), del('a')], 'duplicate_key'],
    ['put inside a deleted range', [del('a', 'c'), put('b')], 'duplicate_key'],
    ['put at the end of a deleted range', [del('a', 'c'), put('c')], 'fine'],
    ['put after "from key", which etcd takes', [del('b', '\0'), put('c')], 'fine'],
    ['put at the very start of "from key"', [del('b', '\0'), put('b')], 'fine'],
    ['put in a range that ends before it begins', [del('c', 'a'), put('b')], 'fine'],
    ['put before "from key"', [del('b', '\0'), put('a')], 'fine'],
    ['overlapping deletes', [del('a', 'c'), del('b', 'd')], 'fine'],
    ['reads of what is written', [put('a'), get('a')], 'fine'],
    ['put outside and inside', [put('a'), nest([put('a')])], 'duplicate_key'],
    ['put inside, outside later', [nest([], [put('a')]), put('a')], 'duplicate_key'],
    ['both branches of one inner transaction', [nest([put('a')], [put('a')])], 'fine'],
    ['two inner transactions', [nest([put('a')]), nest([put('a')])], 'duplicate_key'],
    ['inner put in an outer deleted range', [del('a', 'c'), nest([put('b')])], 'duplicate_key'],
    ['outer put in an inner deleted range', [put('b'), nest([], [del('a', 'c')])], 'duplicate_key'],
  ])('%s', (_, ops, expected) => {
    expect(verdict({ success: ops })).toBe(expected)
    expect(verdict({ failure: ops })).toBe(expected)
  })

  test('the two branches may write the same key', () => {
    expect(verdict({ success: [put('a')], failure: [put('a')] })).toBe('fine')
  })

  test('counts the longest list of each level, and what is left for the levels below', () => {
    const many = (count: number): Op[] => Array.from({ length: count }, (_, index) => put(String(index)))
    const conditions = (count: number) => Array.from({ length: count }, () => ({ key: 'a' }))
    expect(verdict({ success: many(4) }, 4)).toBe('fine')
    expect(verdict({ success: many(5) }, 4)).toBe('request_too_large')
    expect(verdict({ failure: many(5) }, 4)).toBe('request_too_large')
    expect(verdict({ compare: conditions(5) }, 4)).toBe('request_too_large')
    expect(verdict({ success: [nest(many(3))] }, 4)).toBe('fine')
    expect(verdict({ success: [nest(many(4))] }, 4)).toBe('request_too_large')
  })
})

test.each<[string, Txn, boolean]>([
  ['nothing', {}, true],
  ['reads', { compare: [{ key: 'a' }], success: [get('a')], failure: [get('b')] }, true],
  ['nested reads', { success: [nest([get('a')])] }, true],
  ['a put in the other branch', { success: [get('a')], failure: [put('a')] }, false],
  ['a nested delete', { success: [nest([], [del('a')])] }, false],
])('isReadOnly: %s', (_, txn, expected) => {
  expect(isReadOnly(txn)).toBe(expected)
})

test('DeletedKeys: a key is deleted if one of its keys or ranges holds it, in any order and over each other', () => {
  const key = fc.string({ unit: fc.constantFrom('\0', 'a', 'b', '\xff'), maxLength: 3 })
  const range = fc.record({ start: key, end: fc.option(key, { nil: undefined }) })
  const property = fc.property(fc.array(range, { maxLength: 12 }), fc.array(key), (ranges, keys) => {
    const [deleted, outer] = [new DeletedKeys(), new DeletedKeys()]
    for (const { start, end } of ranges)
      if (end === undefined) deleted.addKey(start)
      else deleted.addRange(start, end)
    outer.addAll(deleted)
    const isIn = (each: string) =>
      ranges.some(({ start, end }) => (end === undefined ? each === start : start <= each && each < end))
    for (const each of keys) expect([deleted.has(each), outer.has(each)]).toEqual([isIn(each), isIn(each)])
  })
  fc.assert(property, { numRuns: 500 })
})

test('the time for puts beside ranges grows no faster than their number', () => {
  const ops = (count: number) =>
    Array.from({ length: count }, (_, at) => (at % 2 ? put(`p${at}`) : del(`d${at}a`, `d${at}b`)))
  const most = 20_000
  const begun = process.cpuUsage()
  expect(verdict({ success: ops(most) }, most)).toBe('fine')
  const { user } = process.cpuUsage(begun)
  // Each put compared with each range takes several seconds.
  expect(user).toBeLessThan(1_000_000)
})
