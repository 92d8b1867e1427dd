import type { Init, MessageType } from '@livetree/etcd/wire'
import { ETCD_ERROR } from '../status.ts'
import { base64Bytes } from './base64-bytes.ts'
import { JsonCursor, type JsonToken } from './json-cursor.ts'
import { type JsonField, jsonFieldsOf, oneofName } from './json-fields.ts'
import { integerOf } from './json-integer.ts'

type Loose = Record<string, unknown>

/** Only transactions nest; one nested this deep has more operations than etcd accepts. As in gRPC's messages. */
const MAX_DEPTH = 300

/** The kinds of fields in the words of the gateway's errors. */
const KIND_NAMES: Readonly<Record<string, string>> = { id64: 'uint64', leaseId: 'int64' }

/** The least and the largest value of each kind of number. */
const INT32 = [-(2n ** 31n), 2n ** 31n - 1n] as const
const INT64 = [-(2n ** 63n), 2n ** 63n - 1n] as const
const UINT64 = [0n, 2n ** 64n - 1n] as const
const LIMITS: Readonly<Record<string, readonly [bigint, bigint]>> = {
  uint32: [0n, 2n ** 32n - 1n],
  int64: INT64,
  leaseId: INT64,
  uint64: UINT64,
  id64: UINT64,
}

/**
 * Reads a message as etcd 3.5's gateway does: fields by either of their names, bytes in both alphabets of base64,
 * numbers as such or as text, enum values by name or number. Unknown fields and unknown names of enum values are
 * ignored, as is `null`.
 *
 * @throws JsonError with the gateway's text and the place in `json`, a value whose grammar was checked before
 * @throws StatusError `tooManyOperations` for transactions nested too deep, or for too many tokens
 */
export function readJson<T>(type: MessageType<T>, json: Buffer): Init<T> {
  return readMessage(type as MessageType<unknown>, new JsonCursor(json), 1) as Init<T>
}

function readMessage(type: MessageType<unknown>, cursor: JsonCursor, depth: number): Loose {
  if (depth > MAX_DEPTH) throw ETCD_ERROR.tooManyOperations()
  const isObject = cursor.peek() === '{'
  const open = cursor.next()
  if (!isObject) throw cursor.unexpected(open)
  const { byName } = jsonFieldsOf(type)
  const message: Loose = {}
  const seen = new Set<JsonField>()
  while (cursor.peek() !== '}') {
    const name = cursor.next()
    const field = byName.get(cursor.text(name))
    if (field === undefined) {
      cursor.skip()
      continue
    }
    if (seen.has(field)) throw cursor.error(name, `duplicate field ${cursor.raw(name)}`)
    seen.add(field)
    if (cursor.peek() === 'n') cursor.skip()
    else readField(type, field, name, cursor, message, depth)
  }
  cursor.next()
  return message
}

function readField(
  type: MessageType<unknown>,
  field: JsonField,
  name: JsonToken,
  cursor: JsonCursor,
  message: Loose,
  depth: number,
): void {
  if (field.isRepeated) {
    message[field.property] = readList(field, cursor, depth)
    return
  }
  const isSet = field.member !== undefined && message[field.property] !== undefined
  if (isSet) {
    const oneof = oneofName(type, field.property)
    throw cursor.error(name, `error parsing ${cursor.raw(name)}, oneof ${oneof} is already set`)
  }
  const value = readValue(field, cursor, depth)
  if (value === undefined) return
  message[field.property] = field.member === undefined ? value : { type: field.member, value }
}

function readList(field: JsonField, cursor: JsonCursor, depth: number): unknown[] {
  const isList = cursor.peek() === '['
  const open = cursor.next()
  if (!isList) throw cursor.unexpected(open)
  const list: unknown[] = []
  while (cursor.peek() !== ']') {
    const value = readValue(field, cursor, depth)
    if (value !== undefined) list.push(value)
  }
  cursor.next()
  return list
}

/** Reads a single value; undefined for an unknown name of an enum's value. */
function readValue(field: JsonField, cursor: JsonCursor, depth: number): unknown {
  if (field.kind === 'message') return readMessage(field.message(), cursor, depth + 1)
  const token = cursor.next()
  if (field.valueNames !== undefined && token.type === 'string') {
    const index = field.valueNames.indexOf(cursor.text(token))
    return index < 0 ? undefined : index
  }
  const value = scalarOf(field, token, cursor)
  if (value !== undefined) return value
  const kind = field.valueNames === undefined ? (KIND_NAMES[field.kind] ?? field.kind) : 'enum'
  throw cursor.error(token, `invalid value for ${kind} field ${field.jsonName}: ${cursor.raw(token)}`)
}

/** The value of a token; undefined if it is none of the field's kind. */
function scalarOf(field: JsonField, token: JsonToken, cursor: JsonCursor): unknown {
  switch (field.kind) {
    case 'bool':
      return token.type === 'literal' && cursor.raw(token) !== 'null'
        ? cursor.raw(token) === 'true'
        : undefined
    case 'string':
      return token.type === 'string' ? cursor.text(token) : undefined
    case 'bytes':
      return token.type === 'string' ? base64Bytes(cursor.text(token)) : undefined
    default:
      return numberOf(field, token, cursor)
  }
}

function numberOf(field: JsonField, token: JsonToken, cursor: JsonCursor): number | bigint | undefined {
  if (token.type !== 'number' && token.type !== 'string') return undefined
  const integer = integerOf(token.type === 'string' ? cursor.text(token) : cursor.raw(token))
  const [least, most] = (field.valueNames === undefined ? LIMITS[field.kind] : undefined) ?? INT32
  if (integer === undefined || integer < least || integer > most) return undefined
  if (field.kind === 'id64' || field.kind === 'leaseId') return integer
  // As in messages of gRPC, numbers that a double cannot hold exactly are those that stand for "no limit".
  const { MAX_SAFE_INTEGER: max, MIN_SAFE_INTEGER: min } = Number
  return Math.min(Math.max(Number(integer), min), max)
}
