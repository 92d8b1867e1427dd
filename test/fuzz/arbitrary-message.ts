import fc from 'fast-check'
import type { Field, OneOf, MessageType } from '../../packages/etcd/src/wire/message-type.ts'
import * as wire from '../../packages/etcd/src/wire/index.ts'

/** A message type of which only the table is known. */
export type NamedMessage = MessageType<unknown>

const isMessage = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'encode' in value && 'fields' in value

/** Every message of etcd's protocol that there is a table for. */
export const messageTypes = Object.values(wire as Record<string, unknown>).filter(isMessage) as NamedMessage[]

/** All fields of a table, those of a oneof one by one. */
export function fieldsOf(type: NamedMessage): [string, Field<unknown>][] {
  return Object.entries(type.fields).flatMap(([name, field]) =>
    'members' in field ? Object.entries(field.members) : [[name, field] as [string, Field<unknown>]],
  )
}

const int64 = fc.oneof(
  fc.nat(300),
  fc.maxSafeInteger(),
  fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, -1, 2 ** 28, 2 ** 31, 2 ** 32, 2 ** 49),
)
const scalars = {
  bytes: fc.uint8Array({ maxLength: 12 }),
  string: fc.oneof(fc.string({ maxLength: 6 }), fc.string({ unit: 'grapheme', maxLength: 4 })),
  bool: fc.boolean(),
  uint32: fc.oneof(fc.nat(5), fc.constantFrom(2 ** 31, 2 ** 32 - 1)),
  int64,
  uint64: int64.map(Math.abs),
  id64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  leaseId: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
}

const known = new Map<string, fc.Arbitrary<unknown>>()

/** What may be given to a type's `encode`: any of its fields, nested ones down to a few levels. */
export function arbitraryMessage(type: NamedMessage, depth = 0): fc.Arbitrary<unknown> {
  const key = `${type.name} ${depth}`
  const made = known.get(key)
  if (made !== undefined) return made
  const entries = Object.entries(type.fields).flatMap(([name, field]) => {
    const values = arbitraryField(field, depth)
    return values === undefined ? [] : [[name, values] as const]
  })
  const result = fc.record(Object.fromEntries(entries), { requiredKeys: [] })
  known.set(key, result)
  return result
}

function arbitraryField(
  field: Field<unknown> | OneOf<unknown>,
  depth: number,
): fc.Arbitrary<unknown> | undefined {
  if ('members' in field) {
    const members = Object.entries(field.members).flatMap(([type, inner]) => {
      const value = arbitraryField(inner, depth)
      return value === undefined ? [] : [fc.record({ type: fc.constant(type), value })]
    })
    return members.length === 0 ? undefined : fc.oneof(...members)
  }
  const one = field.kind === 'message' ? arbitraryNested(field, depth) : scalars[field.kind]
  if (one === undefined) return undefined
  return field.isRepeated ? fc.array(one as fc.Arbitrary<unknown>, { maxLength: 3 }) : one
}

function arbitraryNested(field: Field<unknown>, depth: number): fc.Arbitrary<unknown> | undefined {
  return depth >= 3 ? undefined : arbitraryMessage(field.message!(), depth + 1)
}
