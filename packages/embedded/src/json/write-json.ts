import type { Init, MessageType, Tagged } from '@livetree/etcd/wire'
import { type JsonField, jsonFieldsOf } from './json-fields.ts'

function isZero(value: unknown): boolean {
  return value === 0 || value === false || value === 0n || value === '' || (value as Uint8Array).length === 0
}

function base64(bytes: Uint8Array | string): string {
  const buffer =
    typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return buffer.toString('base64')
}

function jsonOfValue(field: JsonField, value: unknown): string {
  switch (field.kind) {
    case 'bytes':
      return `"${base64(value as Uint8Array | string)}"`
    case 'string':
      return JSON.stringify(value)
    case 'bool':
      return String(value)
    case 'message':
      return jsonOf(field.message(), value as Init<unknown>)
    case 'uint32': {
      const name = field.valueNames?.[value as number]
      return name === undefined ? String(value) : `"${name}"`
    }
    default:
      return `"${value}"`
  }
}

/** The value of a field in JSON; undefined if it is omitted. */
function jsonOfField(field: JsonField, value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (field.isRepeated) {
    const list = value as readonly unknown[]
    return list.length === 0 ? undefined : `[${list.map((each) => jsonOfValue(field, each)).join(',')}]`
  }
  if (field.member !== undefined) {
    const tagged = value as Tagged<string, unknown>
    return tagged.type === field.member ? jsonOfValue(field, tagged.value) : undefined
  }
  return field.kind !== 'message' && isZero(value) ? undefined : jsonOfValue(field, value)
}

/**
 * Writes a message as etcd's gateway does: names of the `.proto` file, bytes as base64, numbers of 64 bits as text,
 * enum values by name, and no field that has its zero value.
 */
export function jsonOf<T>(type: MessageType<T>, message: Init<T>): string {
  const source = message as Readonly<Record<string, unknown>>
  const written: string[] = []
  for (const field of jsonFieldsOf(type as MessageType<unknown>).inOrder) {
    const value = jsonOfField(field, source[field.property])
    if (value !== undefined) written.push(`"${field.protoName}":${value}`)
  }
  return `{${written.join(',')}}`
}
