import * as wire from '@livetree/etcd/wire'
import {
  Compare,
  type Init,
  KV,
  LeaseGrantRequest,
  type MessageType,
  WatchRequest,
} from '@livetree/etcd/wire'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_JSON_TOKENS } from './json-cursor.ts'
import { integerOf } from './json-integer.ts'
import { jsonFieldsOf } from './json-fields.ts'
import { readJson } from './read-json.ts'
import { jsonOf } from './write-json.ts'

const range = KV.range.request

function read<T>(type: MessageType<T>, json: string): unknown {
  try {
    return readJson(type, Buffer.from(json))
  } catch (error) {
    return (error as Error).message
  }
}

test.each([
  ['{"key":"Zm9v","range_end":"Zm9w"}', { key: Buffer.from('foo'), rangeEnd: Buffer.from('fop') }],
  ['{"rangeEnd":"Zm9w"}', { rangeEnd: Buffer.from('fop') }],
  ['{"key":"Zm8"}', { key: Buffer.from('fo') }],
  ['{"key":"_-8="}', { key: Buffer.of(0xff, 0xef) }],
  ['{"key":"Zm\\u0039v"}', { key: Buffer.from('foo') }],
  ['{"key":null,"nope":[{"a":"}"}],"limit":1}', { limit: 1 }],
  ['{"limit":"5","revision":5.0,"min_mod_revision":1e2}', { limit: 5, revision: 5, minModRevision: 100 }],
  ['{"limit":9223372036854775807}', { limit: Number.MAX_SAFE_INTEGER }],
  ['{"sort_order":"DESCEND","sort_target":3}', { sortOrder: 2, sortTarget: 3 }],
  ['{"sort_order":"descend"}', {}],
  ['{"__proto__":{"limit":1},"serializable":true}', { serializable: true }],
])('readJson reads %s', (json, message) => {
  expect(read(range, json)).toEqual(message)
})

test.each([
  ['{"key":5}', '(line 1:8): invalid value for bytes field key: 5'],
  ['{"key":"a"}', '(line 1:8): invalid value for bytes field key: "a"'],
  ['{"key":"_+8="}', '(line 1:8): invalid value for bytes field key: "_+8="'],
  ['{"range_end":[1]}', '(line 1:14): invalid value for bytes field rangeEnd: ['],
  ['{"limit":5.5}', '(line 1:10): invalid value for int64 field limit: 5.5'],
  ['{"limit":" 5"}', '(line 1:10): invalid value for int64 field limit: " 5"'],
  ['{"limit":9223372036854775808}', '(line 1:10): invalid value for int64 field limit: 9223372036854775808'],
  ['{"sort_order":1.5}', '(line 1:15): invalid value for enum field sortOrder: 1.5'],
  ['{"serializable":"true"}', '(line 1:17): invalid value for bool field serializable: "true"'],
  ['{"rangeEnd":"","range_end":""}', '(line 1:16): duplicate field "range_end"'],
  ['{\n "é":1, "key":5}', '(line 2:15): invalid value for bytes field key: 5'],
  ['[]', 'syntax error (line 1:1): unexpected token ['],
  ['null', 'syntax error (line 1:1): unexpected token null'],
])('readJson refuses %s', (json, words) => {
  expect(read(range, json)).toBe(`proto: ${words}`)
})

test('readJson refuses text that is not Unicode', () => {
  const bytes = Buffer.concat([Buffer.from('{"x":"'), Buffer.of(0xff), Buffer.from('"}')])
  expect(() => readJson(range, bytes)).toThrow('proto: syntax error (line 1:6): invalid UTF-8 in string')
  expect(read(range, '{"x":"\\ud800"}')).toMatch(/^proto: syntax error .*invalid escape code/)
})

test('readJson sets one member of a oneof', () => {
  expect(read(WatchRequest, '{"cancel_request":null,"create_request":{"key":"YQ=="}}')).toEqual({
    request: { type: 'create', value: { key: Buffer.from('a') } },
  })
  expect(read(Compare, '{"version":1,"mod_revision":2}')).toBe(
    'proto: (line 1:14): error parsing "mod_revision", oneof etcdserverpb.Compare.target_union is already set',
  )
  expect(read(LeaseGrantRequest, '{"ID":"-9223372036854775808","TTL":5}')).toEqual({
    id: -(2n ** 63n),
    ttl: 5,
  })
})

test('readJson refuses transactions that are nested too deep, in time', () => {
  const deep = `${'{"success":[{"request_txn":'.repeat(3000)}{}${'}]}'.repeat(3000)}`
  expect(read(KV.txn.request, deep)).toBe('etcdserver: too many operations in txn request')
})

test.each([
  ['read', 0, (list: string) => `{"compare":[${list}]}`],
  ['nested', 8, (list: string) => `{"success":[{"request_txn":{"failure":[${list}]}}]}`],
  ['skipped', 0, (list: string) => `{"nobody":[${list}]}`],
])('readJson refuses more tokens than its limit: %s', (_, around, json) => {
  // The outermost object, the name of the list and its brackets are five, an empty object is two.
  const most = Math.floor((MAX_JSON_TOKENS - 5 - around) / 2)
  const listOf = (count: number): string => Array.from({ length: count }, () => '{}').join()
  expect(read(KV.txn.request, json(listOf(most)))).toBeTypeOf('object')
  expect(read(KV.txn.request, json(listOf(most + 1)))).toMatch(`at most ${MAX_JSON_TOKENS} tokens`)
})

test.each([
  ['0', 0n],
  ['-0', 0n],
  ['0.000', 0n],
  ['1200e-2', 12n],
  ['1.20e1', 12n],
  ['1e19', 10n ** 19n],
  ['1e400', undefined],
  ['1e99999999999', undefined],
  ['12e-2', undefined],
  ['', undefined],
  ['01', undefined],
  ['5 ', undefined],
])('integerOf(%j) is %s', (text, integer) => {
  expect(integerOf(text)).toBe(integer)
})

/** Every message of etcd's services. */
const MESSAGES = [wire.KV, wire.Watch, wire.Lease, wire.Cluster, wire.Maintenance, wire.Auth].flatMap(
  (service) =>
    Object.values(service).flatMap(({ request, response }) => [request, response] as MessageType<unknown>[]),
)

/** Random values of a field's kind. */
function anyValue(kind: string, count: number, message: () => MessageType<unknown>, depth: number) {
  const big = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })
  switch (kind) {
    case 'bytes':
      return fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes))
    case 'string':
      return fc.string({ unit: 'grapheme', maxLength: 9 })
    case 'bool':
      return fc.boolean()
    case 'id64':
    case 'leaseId':
      return big
    case 'message':
      return depth === 0 ? undefined : messageOf(message(), depth - 1)
    case 'uint32':
      return fc.integer({ min: 0, max: count })
    default:
      return fc.maxSafeNat()
  }
}

function messageOf(type: MessageType<unknown>, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const parts: Record<string, fc.Arbitrary<unknown>> = {}
  for (const field of jsonFieldsOf(type).inOrder) {
    const value = anyValue(field.kind, field.valueNames?.length ?? 2 ** 32 - 1, () => field.message(), depth)
    if (value === undefined) continue
    const { member } = field
    const whole: fc.Arbitrary<unknown> = field.isRepeated
      ? fc.array(value as fc.Arbitrary<unknown>, { maxLength: 3 })
      : member === undefined
        ? value
        : (value as fc.Arbitrary<unknown>).map((inner) => ({ type: member, value: inner }))
    const other = parts[field.property]
    parts[field.property] = other === undefined ? whole : fc.oneof(other, whole)
  }
  return fc.record(parts, { requiredKeys: [] })
}

test('every message is the same in JSON and in protobuf', () => {
  for (const type of MESSAGES) {
    fc.assert(
      fc.property(messageOf(type, 3), (message) => {
        const json = jsonOf(type, message as Init<unknown>)
        JSON.parse(json)
        const back = type.encode(readJson(type, Buffer.from(json)))
        expect(type.decode(back)).toEqual(type.decode(type.encode(message as Init<unknown>)))
      }),
      { numRuns: 20 },
    )
  }
})
