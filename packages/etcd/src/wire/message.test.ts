import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import protobuf from 'protobufjs'
import { describe, expect, test } from 'vitest'
import { EtcdError } from '../errors.ts'
import type { Field, OneOf, MessageType } from './message-type.ts'
import * as wire from './index.ts'

const { bytes, id64, int64, leaseId, message, nested, oneof, repeated, string, uint32, uint64, bool } = wire

type Loose = Record<string, unknown>

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex')
}

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof EtcdError) return error.code
    throw error
  }
  return 'no error'
}

const Everything = message('Everything', {
  bytes: bytes(1),
  string: string(2),
  bool: bool(3),
  uint32: uint32(4),
  int64: int64(5),
  uint64: uint64(6),
  id: id64(7),
  lease: leaseId(8),
  inner: nested(9, () => Inner),
  numbers: repeated(int64(10)),
  names: repeated(string(11)),
  inners: repeated(nested(12, () => Inner)),
  one: oneof({ number: int64(13), text: string(14), inner: nested(15, () => Inner) }),
  far: uint32(2000),
})
const Inner = message('Inner', { a: int64(1), b: string(2) })

describe('message', () => {
  test.each([
    ['a small number', { int64: 1 }, '28 01'],
    ['a number of two bytes', { int64: 300 }, '28 ac02'],
    ['2^53 - 1', { int64: Number.MAX_SAFE_INTEGER }, '28 ffffffffffffff0f'],
    ['-1 in ten bytes', { int64: -1 }, '28 ffffffffffffffffff01'],
    ['the largest unsigned id', { id: 2n ** 64n - 1n }, '38 ffffffffffffffffff01'],
    ['the smallest lease id', { lease: -(2n ** 63n) }, '40 80808080808080808001'],
    ['text', { string: 'ü' }, '12 02 c3bc'],
    ['text given for bytes', { bytes: 'ab' }, '0a 02 6162'],
    ['true', { bool: true }, '18 01'],
    ['a nested message, also when empty', { inner: {} }, '4a 00'],
    ['packed numbers', { numbers: [1, 300] }, '52 03 01 ac02'],
    ['repeated text, empty ones too', { names: ['', 'a'] }, '5a 00 5a 01 61'],
    ['a oneof at its zero value', { one: { type: 'number', value: 0 } }, '68 00'],
    ['a field number of two bytes', { far: 1 }, '807d 01'],
  ] as const)('encodes and decodes %s', (_, value, expected) => {
    const encoded = Everything.encode(value)
    expect(encoded.toString('hex')).toBe(hex(expected).toString('hex'))
    expect(Everything.encode(Everything.decode(encoded)).equals(encoded)).toBe(true)
  })

  test('leaves zero values out and fills them in', () => {
    const zero = {
      bytes: Buffer.alloc(0),
      string: '',
      bool: false,
      uint32: 0,
      int64: 0,
      uint64: 0,
      id: 0n,
      lease: 0n,
      inner: undefined,
      numbers: [],
      names: [],
      inners: [],
      one: undefined,
      far: 0,
    }
    expect(Everything.encode(zero)).toHaveLength(0)
    expect(Everything.decode(Buffer.alloc(0))).toEqual(zero)
  })

  test('two decoded messages share no list', () => {
    const first = Everything.decode(Buffer.alloc(0))
    expect(Everything.decode(Buffer.alloc(0)).numbers).not.toBe(first.numbers)
  })

  test('reads repeated numbers unpacked, packed and mixed', () => {
    expect(Everything.decode(hex('50 01 52 02 02 03 50 04')).numbers).toEqual([1, 2, 3, 4])
  })

  test('the last member of a oneof wins, and messages that come in parts are merged', () => {
    expect(Everything.decode(hex('68 05 72 01 61')).one).toEqual({ type: 'text', value: 'a' })
    expect(Everything.decode(hex('4a 02 08 07 4a 03 12 01 62')).inner).toEqual({ a: 7, b: 'b' })
    expect(Everything.decode(hex('7a 02 08 07 7a 03 12 01 62')).one).toEqual({
      type: 'inner',
      value: { a: 7, b: 'b' },
    })
  })

  test('skips unknown fields of every wire type', () => {
    const unknown = ['a001 ff01', 'a101 0102030405060708', 'a201 02 ffff', 'a301 0801 a401', 'a501 01020304']
    for (const field of unknown) expect(Everything.decode(hex(`${field} 2807`)).int64).toBe(7)
  })

  test.each([
    ['a tag cut off', '80'],
    ['a number cut off', '28 80'],
    ['a number of eleven bytes', '28 8080808080808080808001'],
    ['a length beyond the end', '0a 05 61'],
    ['a nested length beyond its parent', '4a 03 12 05 61'],
    ['a length near 2^32', '0a ffffffff0f'],
    ['a length that is 1 above 2^32', '0a 8180808010 61'],
    ['a tag that is a known one above 2^32', 'a880808010 07'],
    ['field number 0', '00 01'],
    ['the wrong wire type', '0d 01020304'],
    ['an end of group without its start', 'a401'],
    ['a group without its end', 'a301 0801'],
    ['wire type 6', 'a601'],
    ['a number beyond 2^53', '28 8080808080808010'],
    ['an unknown fixed64 cut off', 'a101 01020304'],
  ])('refuses %s', (_, bad) => {
    expect(codeOf(() => Everything.decode(hex(bad)))).toBe('malformed_message')
  })

  test('refuses what does not fit when encoding', () => {
    expect(codeOf(() => Everything.encode({ int64: 0.5 }))).toBe('invalid_argument')
    expect(codeOf(() => Everything.encode({ int64: 2 ** 53 }))).toBe('invalid_argument')
    expect(codeOf(() => Everything.encode({ id: 2n ** 64n }))).toBe('invalid_argument')
    expect(Everything.encode({ int64: 1 }).toString('hex')).toBe('2801')
  })

  test('refuses nesting without end instead of overflowing the stack', () => {
    let nestedTxn = Buffer.alloc(0)
    for (let depth = 0; depth < 5000; depth += 1) {
      const op = wire.RequestOp.encode({ request: { type: 'txn', value: {} } })
      nestedTxn = Buffer.concat([op.subarray(0, 1), varint(nestedTxn.length), nestedTxn])
      nestedTxn = Buffer.concat([Buffer.from([0x12]), varint(nestedTxn.length), nestedTxn])
    }
    expect(codeOf(() => wire.TxnRequest.decode(nestedTxn))).toBe('malformed_message')
  })

  test('any bytes decode or are refused, never anything else', () => {
    const types = messageTypes()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom(...types), (input, type) => {
        expect(['no error', 'malformed_message']).toContain(codeOf(() => type.decode(input)))
      }),
      { numRuns: 3000 },
    )
  })

  test('the buffer grows for large values and is reused', () => {
    const value = Buffer.alloc(3_000_000, 7)
    const big = wire.PutRequest.encode({ key: 'k', value })
    const small = wire.PutRequest.encode({ key: 'k', value: 'v' })
    expect(wire.PutRequest.decode(big).value.equals(value)).toBe(true)
    expect(small.toString('hex')).toBe('0a016b120176')
  })
})

function varint(value: number): Buffer {
  const out: number[] = []
  let rest = value
  for (; rest >= 0x80; rest >>>= 7) out.push((rest & 0x7f) | 0x80)
  return Buffer.from([...out, rest])
}

function messageTypes(): MessageType<unknown>[] {
  return Object.values(wire).filter(
    (value): value is MessageType<never> => typeof value === 'object' && 'decode' in value,
  ) as MessageType<unknown>[]
}

/** The files `v3lock.proto` and `v3election.proto` of etcd, which npm etcd3 does not ship. */
const RECIPES = [
  `syntax = "proto3"; package v3lockpb;
  message LockRequest { bytes name = 1; int64 lease = 2; }
  message LockResponse { etcdserverpb.ResponseHeader header = 1; bytes key = 2; }
  message UnlockRequest { bytes key = 1; }
  message UnlockResponse { etcdserverpb.ResponseHeader header = 1; }`,
  `syntax = "proto3"; package v3electionpb;
  message CampaignRequest { bytes name = 1; int64 lease = 2; bytes value = 3; }
  message CampaignResponse { etcdserverpb.ResponseHeader header = 1; LeaderKey leader = 2; }
  message LeaderKey { bytes name = 1; bytes key = 2; int64 rev = 3; int64 lease = 4; }
  message LeaderRequest { bytes name = 1; }
  message LeaderResponse { etcdserverpb.ResponseHeader header = 1; mvccpb.KeyValue kv = 2; }
  message ResignRequest { LeaderKey leader = 1; }
  message ResignResponse { etcdserverpb.ResponseHeader header = 1; }
  message ProclaimRequest { LeaderKey leader = 1; bytes value = 2; }
  message ProclaimResponse { etcdserverpb.ResponseHeader header = 1; }`,
]

/** The protocol's own files, as npm etcd3 ships them, read by protobufjs: nothing of ours is in it. */
function protocol(): protobuf.Root {
  const folder = fileURLToPath(new URL('../../../../node_modules/etcd3/proto/', import.meta.url))
  const root = new protobuf.Root()
  root.resolvePath = (_, target) => (target.startsWith('/') ? target : folder + target.replace(/^.*\//, ''))
  root.loadSync(`${folder}rpc.proto`)
  for (const file of RECIPES) protobuf.parse(file, root)
  root.resolveAll()
  return root
}

/** Fields of etcd 3.6, which the files do not know yet. */
const NEWER = new Set([
  'StatusResponse.storageVersion',
  'StatusResponse.dbSizeQuota',
  'HashKVResponse.hashRevision',
])

const SCALAR_OF: Record<string, fc.Arbitrary<unknown>> = {
  bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }).map((value) => Buffer.from(value)),
  string: fc.string({ minLength: 1, unit: 'grapheme' }),
  bool: fc.constant(true),
  uint32: fc.integer({ min: 1, max: 2 }),
  int64: fc.maxSafeInteger().filter((value) => value !== 0),
  uint64: fc.maxSafeNat().map((value) => value || 1),
  id64: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
  leaseId: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).filter((value) => value !== 0n),
}

function randomOf(field: Field<unknown>, depth: number): fc.Arbitrary<unknown> {
  const one = field.message === undefined ? SCALAR_OF[field.kind]! : recordOf(field.message(), depth - 1)
  return field.isRepeated ? fc.array(one, { maxLength: 3 }) : one
}

/** Random messages in our own form; fields are left out at random. */
function recordOf(type: MessageType<unknown>, depth = 3): fc.Arbitrary<Loose> {
  return fc.record(
    Object.fromEntries(
      Object.entries(type.fields)
        .filter(([name]) => !NEWER.has(`${type.name}.${name}`))
        .map(([name, field]) => [
          name,
          depth <= 0 && !isScalar(field) ? fc.constant(undefined) : fieldOf(field, depth),
        ]),
    ),
    { requiredKeys: [] },
  )
}

function isScalar(field: Field<unknown> | OneOf<unknown>): boolean {
  return 'kind' in field && field.kind !== 'message'
}

function fieldOf(field: Field<unknown> | OneOf<unknown>, depth: number): fc.Arbitrary<unknown> {
  return 'members' in field
    ? fc.oneof(
        ...Object.entries(field.members).map(([type, member]) =>
          randomOf(member, depth).map((value) => ({ type, value })),
        ),
      )
    : randomOf(field, depth)
}

function toTheirs(field: Field<unknown>, value: unknown, theirs: protobuf.Field): unknown {
  if (Array.isArray(value)) return value.map((each) => toTheirs(field, each, theirs))
  if (field.message !== undefined) {
    return theirForm(field.message(), value as Loose, theirs.resolvedType as protobuf.Type)
  }
  return typeof value === 'bigint' || field.kind === 'int64' || field.kind === 'uint64'
    ? String(value)
    : value
}

/** Our form of a message in protobufjs' words, matched by field number. */
function theirForm(type: MessageType<unknown>, value: Loose, theirs: protobuf.Type): Loose {
  const result: Loose = {}
  for (const [name, field] of Object.entries(type.fields)) {
    const given = value[name]
    if (NEWER.has(`${type.name}.${name}`)) continue
    if (given === undefined || (Array.isArray(given) && given.length === 0)) continue
    const tagged = given as { type: string; value: unknown }
    const single = 'members' in field ? field.members[tagged.type]! : field
    const their = theirs.fieldsById[single.number]!
    result[their.name] = toTheirs(single, 'members' in field ? tagged.value : given, their)
  }
  return result
}

describe('the tables agree with the protocol files', () => {
  const root = protocol()
  const lookup = (name: string): protobuf.Type => root.lookupType(name)
  const asObject = { longs: String, enums: Number, bytes: Buffer } as const
  const kinds: Record<string, readonly string[]> = {
    bytes: ['bytes'],
    string: ['string'],
    bool: ['bool'],
    uint32: ['uint32'],
    int64: ['int64'],
    uint64: ['uint64'],
    id64: ['uint64'],
    leaseId: ['int64'],
  }

  test.each(messageTypes().map((type) => [type.name, type] as const))('%s', (name, type) => {
    const theirs = lookup(name)
    const ours = Object.entries(type.fields)
      .filter(([field]) => !NEWER.has(`${name}.${field}`))
      .flatMap(([, field]) => ('members' in field ? Object.values(field.members) : [field]))
    expect(ours.map((field) => field.number).sort()).toEqual(
      theirs.fieldsArray.map((field) => field.id).sort(),
    )
    for (const field of ours) {
      const their = theirs.fieldsById[field.number]!.resolve()
      expect(field.isRepeated).toBe(their.repeated)
      if (field.message !== undefined) expect(field.message().name).toBe(their.resolvedType?.name)
      else if (their.resolvedType === null) expect(kinds[field.kind]).toContain(their.type)
      else expect(field.kind).toBe('uint32')
    }
    fc.assert(
      fc.property(recordOf(type), (value) => {
        const encoded = type.encode(value)
        const decodedByThem = theirs.toObject(theirs.decode(encoded), asObject)
        expect(decodedByThem).toEqual(theirForm(type, value, theirs))
        const encodedByThem = Buffer.from(theirs.encode(theirs.fromObject(decodedByThem)).finish())
        expect(type.decode(encodedByThem)).toEqual(type.decode(encoded))
        expect(theirForm(type, type.decode(encodedByThem) as Loose, theirs)).toMatchObject(decodedByThem)
      }),
      { numRuns: 40 },
    )
  })

  test('every message of the protocol has a table, but for the ones left out', () => {
    const known = new Set(messageTypes().map((type) => type.name))
    const all = ['etcdserverpb', 'mvccpb', 'authpb'].flatMap((name) =>
      (root.lookup(name) as protobuf.Namespace).nestedArray
        .filter((each): each is protobuf.Type => each instanceof protobuf.Type)
        .map((each) => each.name),
    )
    const left = ['DowngradeRequest', 'DowngradeResponse', 'Role', 'User']
    const checkpoints = ['LeaseCheckpoint', 'LeaseCheckpointRequest', 'LeaseCheckpointResponse']
    expect(all.filter((name) => !known.has(name)).sort()).toEqual([...left, ...checkpoints].sort())
  })

  test('every method has its path and messages', () => {
    const groups = { KV: wire.KV, Watch: wire.Watch, Lease: wire.Lease, Cluster: wire.Cluster }
    const all = { ...groups, Maintenance: wire.Maintenance, Auth: wire.Auth }
    for (const [service, methods] of Object.entries(all)) {
      const theirs = root.lookupService(`etcdserverpb.${service}`)
      const expected = theirs.methodsArray
        .filter((each) => each.name !== 'Downgrade')
        .map((each) => `/etcdserverpb.${service}/${each.name} ${each.requestType} ${each.responseType}`)
      const ours = Object.values(methods as Record<string, wire.Method<unknown, unknown>>).map(
        (each) => `${each.path} ${each.request.name} ${each.response.name}`,
      )
      expect(ours.sort()).toEqual(expected.sort())
    }
  })
})
