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

/** A bytes field. Decodes to a view of the input; text given for encoding is sent as UTF-8. */
export function bytes(number: number): Field<Buffer> {
  return scalar(number, 'bytes')
}
/** A string field: UTF-8 text, empty when absent. */
export function string(number: number): Field<string> {
  return scalar(number, 'string')
}
/** A bool field, false when absent. */
export function bool(number: number): Field<boolean> {
  return scalar(number, 'bool')
}
/** A uint32 field. */
export function uint32(number: number): Field<number> {
  return scalar(number, 'uint32')
}
/**
 * An enum field, read as the number of its value, also of one that is not named here. `valueNames` are the names that JSON has for the values, from
 * number 0 on.
 */
export function enumeration(number: number, valueNames: readonly string[]): Field<number> {
  return { ...uint32(number), valueNames }
}
/** Gives a field the name that it has in etcd's `.proto` file, where it is not the property's in snake case. */
export function named<T>(protoName: string, field: Field<T>): Field<T> {
  return { ...field, protoName }
}
/**
 * A signed 64-bit field read as a number (revisions, counts, seconds). Values beyond 2^53 are rejected by
 * default.
 */
export function int64(number: number): Field<number> {
  return scalar(number, 'int64')
}
/** An unsigned 64-bit field read as a number, like `int64`. */
export function uint64(number: number): Field<number> {
  return scalar(number, 'uint64')
}
/** An unsigned 64-bit field read as a bigint without loss: ids of clusters and members. */
export function id64(number: number): Field<bigint> {
  return scalar(number, 'id64')
}
/** A signed 64-bit field read as a bigint without loss: lease ids. */
export function leaseId(number: number): Field<bigint> {
  return scalar(number, 'leaseId')
}

/**
 * A nested message, `undefined` when absent. The type comes from a function, so that messages can contain
 * themselves.
 */
export function nested<T>(number: number, message: () => MessageType<T>): Field<T | undefined> {
  return {
    number,
    kind: 'message',
    isRepeated: false,
    message,
  }
}

/** A repeated field. Numbers and booleans are written packed, and read packed or unpacked. */
export function repeated<T>(field: Field<T>): Field<readonly Exclude<T, undefined>[]> {
  return { ...(field as Field<never>), isRepeated: true }
}

/**
 * A oneof: at most one of the members, as `{ type, value }`. A member set to its zero value is still sent.
 */
export function oneof<M extends Members>(members: M): OneOf<TaggedOf<M> | undefined> {
  return { members }
}
