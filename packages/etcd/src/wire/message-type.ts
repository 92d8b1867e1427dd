import type { Writer } from './writer.ts'
import type { LargeNumbers, Reader } from './reader.ts'

/** One protobuf message, in both directions. */
export interface MessageType<T> {
  /** As in etcd's protocol: `RangeRequest`. */
  readonly name: string
  /** The table it was made from. */
  readonly fields: Fields
  /**
   * Fields at their zero value are left out, as proto3 does.
   *
   * @throws EtcdError `invalid_argument` for numbers that do not fit
   */
  encode(message: Init<T>): Buffer
  /** Absent fields come with their zero value, unknown ones are skipped. Throws `malformed_message`. Buffers in the result are views of `bytes`. */
  decode(bytes: Uint8Array, largeNumbers?: LargeNumbers): T
  /** For codecs that embed the message: appends its fields. */
  write(writer: Writer, message: Init<T>): void
  /** For codecs that embed the message: reads up to `end`, onto `into` when the field came before. */
  read(reader: Reader, end: number, into: T | undefined): T
}

/** What may be given for a message: every field optional, text for bytes (as UTF-8), nested alike. */
export type Init<T> = T extends Uint8Array
  ? Uint8Array | string
  : T extends Tagged<infer K, infer V>
    ? Tagged<K, Init<V>>
    : T extends readonly (infer E)[]
      ? readonly Init<E>[]
      : T extends object
        ? { readonly [K in keyof T]?: Init<T[K]> | undefined }
        : T

/** The table of a message: names and their lines. */
export type Fields = Readonly<Record<string, Field<unknown> | OneOf<unknown>>>

/** What a table decodes to. */
export type FieldsOf<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Field<infer T> ? T : F[K] extends OneOf<infer T> ? T : never
}

/** What a message type decodes to. */
export type Decoded<M> = M extends MessageType<infer T> ? T : never

/** How a field's value is read and written. */
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

/** One line of a message's table. `T` is what decoding gives. */
export interface Field<T> {
  readonly number: number
  readonly kind: FieldKind
  readonly isRepeated: boolean
  /** The nested message, looked up when first needed so that messages may contain themselves. */
  readonly message: (() => MessageType<unknown>) | undefined
  /** Only for the type checker. */
  readonly type?: T
}

/** One of several fields, at most one of which is set. */
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
