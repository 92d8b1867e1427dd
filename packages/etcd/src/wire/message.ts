import type { Init, Fields, FieldsOf, MessageType, Field, FieldKind, OneOf, Tagged } from './message-type.ts'
import { EtcdError } from '../errors.ts'
import { Reader } from './reader.ts'
import { Writer } from './writer.ts'

/** A field of the table, prepared for encoding and decoding. */
interface FieldCodec {
  readonly name: string
  readonly number: number
  readonly kind: FieldKind
  readonly isRepeated: boolean
  readonly isPacked: boolean
  /** The tag's number with the wire type in its low three bits. */
  readonly tag: number
  /** The oneof member's name. */
  readonly member: string | undefined
  readonly message: () => MessageType<unknown>
}

type Loose = Record<string, unknown>

const EMPTY_BYTES = Buffer.alloc(0)
function noMessage(): never {
  throw new TypeError('The field holds no message')
}

function isDelimited(kind: FieldKind): boolean {
  return kind === 'bytes' || kind === 'string' || kind === 'message'
}

function plan(name: string, field: Field<unknown>, member: string | undefined): FieldCodec {
  const isPacked = field.isRepeated && !isDelimited(field.kind)
  return {
    name,
    number: field.number,
    kind: field.kind,
    isRepeated: field.isRepeated,
    isPacked,
    tag: field.number * 8 + (isPacked || isDelimited(field.kind) ? 2 : 0),
    member,
    message: field.message ?? noMessage,
  }
}

function plansOf(fields: Fields): FieldCodec[] {
  return Object.entries(fields).flatMap(([name, field]) =>
    'members' in field
      ? Object.entries(field.members).map(([member, inner]) => plan(name, inner, member))
      : [plan(name, field, undefined)],
  )
}

function zeroOf(field: Field<unknown> | OneOf<unknown>): unknown {
  if ('members' in field || field.isRepeated) return undefined
  switch (field.kind) {
    case 'bytes':
      return EMPTY_BYTES
    case 'string':
      return ''
    case 'bool':
      return false
    case 'id64':
    case 'leaseId':
      return 0n
    case 'message':
      return undefined
    default:
      return 0
  }
}

function isZero(value: unknown): boolean {
  return value === 0 || value === false || value === 0n || value === '' || (value as Uint8Array).length === 0
}

function readValue(plan: FieldCodec, reader: Reader, end: number, before: unknown): unknown {
  switch (plan.kind) {
    case 'bytes':
      return reader.bytes(end)
    case 'string':
      return reader.string(end)
    case 'int64':
      return reader.int64(end, true)
    case 'uint64':
      return reader.int64(end, false)
    case 'leaseId':
      return reader.bigint(end, true)
    case 'id64':
      return reader.bigint(end, false)
    case 'uint32':
      return reader.uint32(end)
    case 'bool':
      return reader.uint32(end) !== 0
    case 'message': {
      const length = reader.length(end)
      return plan.message().read(reader, reader.at + length, before)
    }
  }
}

function readRepeated(plan: FieldCodec, reader: Reader, end: number, tag: number, list: unknown[]): void {
  if (!plan.isPacked || (tag & 7) === 0) {
    list.push(readValue(plan, reader, end, undefined))
    return
  }
  const length = reader.length(end)
  const last = reader.at + length
  while (reader.at < last) list.push(readValue(plan, reader, last, undefined))
}

function readField(plan: FieldCodec, reader: Reader, end: number, tag: number, into: Loose): void {
  if (plan.isRepeated) {
    readRepeated(plan, reader, end, tag, into[plan.name] as unknown[])
  } else if (plan.member === undefined) {
    into[plan.name] = readValue(plan, reader, end, into[plan.name])
  } else {
    const before = into[plan.name] as Tagged<string, unknown> | undefined
    const isSame = before?.type === plan.member
    into[plan.name] = {
      type: plan.member,
      value: readValue(plan, reader, end, isSame ? before.value : undefined),
    }
  }
}

/** Writes a value without its tag. */
function writeValue(plan: FieldCodec, writer: Writer, value: unknown): void {
  switch (plan.kind) {
    case 'bytes':
    case 'string':
      writer.varint(writer.bytes(value as string | Uint8Array))
      return
    case 'bool':
      writer.varint(value === true ? 1 : 0)
      return
    case 'id64':
    case 'leaseId':
      writer.bigint(value as bigint)
      return
    case 'message': {
      const before = writer.length
      plan.message().write(writer, value as Init<unknown>)
      writer.varint(writer.length - before)
      return
    }
    default:
      writer.int64(value as number)
  }
}

function writeRepeated(plan: FieldCodec, writer: Writer, list: readonly unknown[]): void {
  if (list.length === 0) return
  const before = writer.length
  for (let index = list.length - 1; index >= 0; index -= 1) {
    writeValue(plan, writer, list[index])
    if (!plan.isPacked) writer.varint(plan.tag)
  }
  if (!plan.isPacked) return
  writer.varint(writer.length - before)
  writer.varint(plan.tag)
}

function writeField(plan: FieldCodec, writer: Writer, value: unknown): void {
  if (plan.isRepeated) {
    writeRepeated(plan, writer, value as readonly unknown[])
  } else if (plan.member !== undefined) {
    const tagged = value as Tagged<string, unknown>
    if (tagged.type !== plan.member) return
    writeValue(plan, writer, tagged.value)
    writer.varint(plan.tag)
  } else if (!isZero(value)) {
    writeValue(plan, writer, value)
    writer.varint(plan.tag)
  }
}

/** The error for a wire type that does not fit the field. */
function mismatch(name: string, plan: FieldCodec, tag: number): EtcdError {
  return new EtcdError('malformed_message', {
    what: `field ${plan.name} of ${name} has wire type ${tag & 7}`,
  })
}

function accepts(plan: FieldCodec, tag: number): boolean {
  return tag === plan.tag || (plan.isPacked && (tag & 7) === 0)
}

const SCRATCH = new Writer()

/** Empties and returns the shared writer. Callers must not keep it: the next call empties it again. */
export function freshWriter(): Writer {
  SCRATCH.reset()
  return SCRATCH
}

/**
 * Creates a message type from its fields, e.g. `message('PutRequest', { key: bytes(1), value: bytes(2) })`.
 * Encoding is one backward pass over the fields, decoding one forward pass over the bytes.
 */
export function message<F extends Fields>(name: string, fields: F): MessageType<FieldsOf<F>> {
  type T = FieldsOf<F>
  const plans = plansOf(fields)
  const backwards = plans.toReversed()
  const byNumber: (FieldCodec | undefined)[] = []
  for (const each of plans) byNumber[each.number] = each
  const zero = Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, zeroOf(field)]))
  const lists = plans.filter((each) => each.isRepeated).map((each) => each.name)

  const create = (): Loose => {
    const created: Loose = { ...zero }
    for (const list of lists) created[list] = []
    return created
  }

  const read = (reader: Reader, end: number, into: T | undefined): T => {
    const result = (into as Loose | undefined) ?? create()
    reader.enter()
    while (reader.at < end) {
      const tag = reader.exact32(end)
      const found = byNumber[tag >>> 3]
      if (found === undefined) {
        if (tag >>> 3 === 0)
          throw new EtcdError('malformed_message', { what: `${name} has a field numbered 0` })
        reader.skip(tag, end)
      } else {
        if (!accepts(found, tag)) throw mismatch(name, found, tag)
        readField(found, reader, end, tag, result)
      }
    }
    reader.leave()
    return result as T
  }

  const write = (writer: Writer, value: Init<T>): void => {
    const source = value as Loose
    for (const each of backwards) {
      const given = source[each.name]
      if (given !== undefined) writeField(each, writer, given)
    }
  }

  return {
    name,
    fields,
    write,
    read,
    encode(value) {
      const writer = freshWriter()
      write(writer, value)
      return writer.take()
    },
    decode(input, largeNumbers) {
      const buffer = Buffer.isBuffer(input)
        ? input
        : Buffer.from(input.buffer, input.byteOffset, input.byteLength)
      return read(new Reader(buffer, largeNumbers), buffer.length, undefined)
    },
  }
}
