import type { FieldKind, Field, OneOf, Tagged, MessageType } from './message-type.ts'

type Members = Readonly<Record<string, Field<unknown>>>
type TaggedOf<M extends Members> = {
  [K in keyof M & string]: M[K] extends Field<infer V> ? Tagged<K, Exclude<V, undefined>> : never
}[keyof M & string]

function scalar<T>(number: number, kind: FieldKind): Field<T> {
  return {
    number,
    kind,
    isRepeated: false,
    message: undefined,
  }
}

/** Bytes; decoded as a view of the input. When encoding, text is taken as UTF-8. */
export function bytes(number: number): Field<Buffer> {
  return scalar(number, 'bytes')
}
export function string(number: number): Field<string> {
  return scalar(number, 'string')
}
export function bool(number: number): Field<boolean> {
  return scalar(number, 'bool')
}
/** Also for enums: values this version does not know come through as numbers. */
export function uint32(number: number): Field<number> {
  return scalar(number, 'uint32')
}
/** Revisions, counts, seconds: a number, refused beyond 2^53. */
export function int64(number: number): Field<number> {
  return scalar(number, 'int64')
}
/** As `int64`, for fields that are unsigned on the wire. */
export function uint64(number: number): Field<number> {
  return scalar(number, 'uint64')
}
/** Cluster and member ids: exact, unsigned. */
export function id64(number: number): Field<bigint> {
  return scalar(number, 'id64')
}
/** Lease ids: exact, signed on the wire. */
export function leaseId(number: number): Field<bigint> {
  return scalar(number, 'leaseId')
}

/** A nested message; `undefined` when absent. */
export function nested<T>(number: number, message: () => MessageType<T>): Field<T | undefined> {
  return {
    number,
    kind: 'message',
    isRepeated: false,
    message,
  }
}

/** Any number of the field's values. Numbers and booleans are written packed and read either way. */
export function repeated<T>(field: Field<T>): Field<readonly Exclude<T, undefined>[]> {
  return {
    number: field.number,
    kind: field.kind,
    isRepeated: true,
    message: field.message,
  }
}

/** At most one of the members, as `{ type, value }`; a member set to its zero value is still sent. */
export function oneof<M extends Members>(members: M): OneOf<TaggedOf<M> | undefined> {
  return { members }
}
