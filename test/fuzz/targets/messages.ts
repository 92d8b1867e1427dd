import assert from 'node:assert/strict'
import fc from 'fast-check'
import protobuf from 'protobufjs'
import { EtcdError } from '../../../packages/etcd/src/errors.ts'
import type { Field, FieldKind } from '../../../packages/etcd/src/wire/message-type.ts'
import * as wire from '../../../packages/etcd/src/wire/index.ts'
import { type FuzzTarget, fuzzTarget } from '../fuzz-target.ts'
import { arbitraryMessage, fieldsOf, messageTypes, type NamedMessage } from '../arbitrary-message.ts'
import { mutatedBytes } from '../mutated-bytes.ts'

type Loose = Record<string, unknown>

const anyType = fc.constantFrom(...messageTypes)

const encoded = (type: NamedMessage) =>
  arbitraryMessage(type).map((message) => type.encode(message as object))

/** The decoded message, or undefined where it is refused as it should be. */
function decode(type: NamedMessage, bytes: Buffer): Loose | undefined {
  try {
    return type.decode(bytes) as Loose
  } catch (error) {
    if (error instanceof EtcdError && error.code === 'malformed_message') return undefined
    throw error
  }
}

/** What was taken can be written, and reads the same again. */
function assertStable(type: NamedMessage, bytes: Buffer): void {
  const first = decode(type, bytes)
  if (first === undefined) return
  // what is longer than its bytes, or of another wire type, nobody reads
  reference.lookupType(type.name).decode(bytes)
  const written = type.encode(first)
  assert.deepEqual(type.decode(written), first)
  assert.ok(type.encode(type.decode(written)).equals(written))
}

const PROTO_TYPES: Record<FieldKind, string> = {
  bytes: 'bytes',
  string: 'string',
  bool: 'bool',
  uint32: 'uint32',
  int64: 'int64',
  uint64: 'uint64',
  id64: 'uint64',
  leaseId: 'int64',
  message: '',
}

/** The same tables for the reference implementation. */
// The reference stops at 100 levels by itself; ours reads 300, for etcd takes transactions nested 128 deep.
const DEEPER = { recursionLimit: 400 }
Object.assign(protobuf.Reader, DEEPER)
Object.assign(protobuf.util, DEEPER)

/** The largest number that a field may have. */
const LARGEST_NUMBER = 2 ** 29 - 1

const reference = new protobuf.Root()
for (const type of messageTypes) {
  const described = new protobuf.Type(type.name)
  for (const [name, field] of fieldsOf(type)) {
    described.add(
      new protobuf.Field(name, field.number, protoType(field), field.isRepeated ? 'repeated' : undefined),
    )
  }
  // For a message without fields, protobufjs 8.8 compares the end of an unknown group with the wrong number.
  if (fieldsOf(type).length === 0) described.add(new protobuf.Field('unused', LARGEST_NUMBER, 'bytes'))
  reference.add(described)
}
reference.resolveAll()

function protoType(field: Field<unknown>): string {
  return field.kind === 'message' ? field.message!().name : PROTO_TYPES[field.kind]
}

/**
 * A transaction is two messages a level, and the reader refuses more than 300: what etcd takes, 128 levels,
 * is read.
 */
const LEAST_REFUSED = 149

const wrapped = (times: number, kind: 'txn' | 'failure') => {
  let bytes: Buffer = wire.TxnRequest.encode({ success: [{ request: { type: 'put', value: { key: 'k' } } }] })
  for (let depth = 0; depth < times; depth++) {
    const op = Buffer.concat([Buffer.of(0x22), varint(bytes.length), bytes])
    bytes = Buffer.concat([Buffer.of(kind === 'txn' ? 0x12 : 0x1a), varint(op.length), op])
  }
  return bytes
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest])
    bytes.push((rest & 0x7f) | 0x80)
  }
}

const groups = (times: number) => Buffer.concat([Buffer.alloc(times, 0x5b), Buffer.alloc(times, 0x5c)])

export const messages: readonly FuzzTarget[] = [
  fuzzTarget({
    name: 'messages-valid',
    what: 'every message type with values up to the ends of 64 bits: decoding returns what was encoded, and protobufjs decodes and encodes the same bytes',
    shortCases: 500,
    weight: 4,
    input: anyType.chain((type) => fc.record({ type: fc.constant(type), message: arbitraryMessage(type) })),
    check({ type, message }) {
      const bytes = type.encode(message as object)
      assert.ok(
        type.encode(type.decode(bytes) as object).equals(bytes),
        `${type.name} is not written as it was read`,
      )
      const other = reference.lookupType(type.name)
      const again = Buffer.from(other.encode(other.decode(bytes)).finish())
      assert.deepEqual(type.decode(again), type.decode(bytes))
    },
  }),
  fuzzTarget({
    name: 'messages-broken',
    what: 'every message type from broken and random bytes: `malformed_message`, or a message that is encoded and decoded without a difference',
    shortCases: 1_000,
    weight: 10,
    input: anyType.chain((type) =>
      fc.record({ type: fc.constant(type), bytes: mutatedBytes(encoded(type)) }),
    ),
    check: ({ type, bytes }) => assertStable(type, bytes),
  }),
  fuzzTarget({
    name: 'messages-confused',
    what: 'a message of one type read as another: unknown fields are skipped, wrong wire types refused',
    shortCases: 335,
    weight: 3,
    input: fc
      .tuple(anyType, anyType)
      .chain(([type, other]) => fc.record({ type: fc.constant(type), bytes: encoded(other) })),
    check: ({ type, bytes }) => assertStable(type, bytes),
  }),
  fuzzTarget({
    name: 'messages-deep',
    what: 'transactions in transactions and groups in groups, up to 20,000 deep, whole and broken: refused without exhausting the stack',
    shortCases: 35,
    weight: 0.2,
    mostCases: 5_000,
    input: fc.oneof<fc.Arbitrary<{ bytes: Buffer; isTooDeep?: boolean }>[]>(
      fc.record({
        bytes: mutatedBytes(
          fc
            .tuple(fc.nat(400), fc.constantFrom('txn' as const, 'failure' as const))
            .map(([times, kind]) => wrapped(times, kind)),
        ),
      }),
      fc.record({ bytes: fc.nat(20_000).map(groups) }),
      fc
        .tuple(
          fc.integer({ min: LEAST_REFUSED, max: 400 }),
          fc.constantFrom('txn' as const, 'failure' as const),
        )
        .map(([times, kind]) => ({ bytes: wrapped(times, kind), isTooDeep: true })),
    ),
    check({ bytes, isTooDeep }) {
      const type = wire.TxnRequest as NamedMessage
      if (isTooDeep) assert.equal(decode(type, bytes), undefined, 'read, however deep')
      else assertStable(type, bytes)
    },
  }),
]
