import type { Writer } from './writer.ts'
import type { LargeNumbers, Reader } from './reader.ts'

/** Encodes and decodes one protobuf message. */
export interface MessageType<T> {
  /** The message's name in etcd's protocol, e.g. `RangeRequest`. */
  readonly name: string
  /** The fields the type was created from. */
  readonly fields: Fields
  /**
   * Encodes a message. Fields at their zero value are omitted, as in proto3.
   *
   * @throws EtcdError `invalid_argument` for numbers that do not fit their field
   */
  encode(message: Init<T>): Buffer
  /**
   * Decodes a message. Absent fields have their zero value, unknown fields are skipped, and buffers in the
   * result are views of `bytes`. `largeNumbers` defaults to `refuse`.
   *
   * @throws EtcdError `malformed_message`
   */
  decode(bytes: Uint8Array, largeNumbers?: LargeNumbers): T
  /** Appends the fields to a writer, for types that embed this message. */
  write(writer: Writer, message: Init<T>): void
  /**
   * Reads up to `end`, for types that embed this message. Merges into `into` when the field occurred before.
   */
  read(reader: Reader, end: number, into: T | undefined): T
}

/**
 * What `encode` accepts for a message: every field is optional, text is accepted for bytes, and so on for
 * nested messages.
 */
export type Init<T> = T extends Uint8Array
  ? Uint8Array | string
  : T extends Tagged<infer K, infer V>
    ? Tagged<K, Init<V>>
    : T extends readonly (infer E)[]
      ? readonly Init<E>[]
      : T extends object
        ? { readonly [K in keyof T]?: Init<T[K]> | undefined }
        : T

/** The fields of a message by name. */
export type Fields = Readonly<Record<string, Field<unknown> | OneOf<unknown>>>

/** The type a table of fields decodes to. */
export type FieldsOf<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Field<infer T> ? T : F[K] extends OneOf<infer T> ? T : never
}

/** The type a message type decodes to. */
export type Decoded<M> = M extends MessageType<infer T> ? T : never

/** How the value of a field is encoded and which JavaScript type it has. */
export type FieldKind =
  | 'bytes'
  | 'string'
  | 'bool'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'id64'
  | 'leaseId'
  | 'message'

/** One field of a message. `T` is the type it decodes to. */
export interface Field<T> {
  readonly number: number
  readonly kind: FieldKind
  readonly isRepeated: boolean
  /** The nested message. A function, so that messages can contain themselves. */
  readonly message: (() => MessageType<unknown>) | undefined
  /** The field's name in etcd's `.proto` files, where it is not the property's name in snake case. */
  readonly protoName?: string
  /** The names of an enum's values in etcd's `.proto` files, by their number. */
  readonly valueNames?: readonly string[]
  /** Only for the type checker. */
  readonly type?: T
}

/** A group of fields of which at most one is set. `T` is the type it decodes to. */
export interface OneOf<T> {
  readonly members: Readonly<Record<string, Field<unknown>>>
  /** Only for the type checker. */
  readonly type?: T
}

/** The member of a oneof that is set. */
export interface Tagged<K extends string, V> {
  readonly type: K
  readonly value: V
}
