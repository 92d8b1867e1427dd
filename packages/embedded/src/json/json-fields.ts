import type { Field, FieldKind, MessageType } from '@livetree/etcd/wire'

/** A field of a message as JSON has it. */
export interface JsonField {
  /** The property of the message's object. */
  readonly property: string
  /** The member's name, for a field of a oneof. */
  readonly member: string | undefined
  /** The name in etcd's `.proto` file, which answers have. */
  readonly protoName: string
  /** The name in lower camel case, which requests may have instead. */
  readonly jsonName: string
  readonly kind: FieldKind
  readonly isRepeated: boolean
  /** The names of an enum's values; undefined for other fields. */
  readonly valueNames: readonly string[] | undefined
  /** The type of a nested message. @throws TypeError if there is none */
  message(): MessageType<unknown>
}

/** The fields of a message, in the order of its `.proto` file and by both of their names. */
export interface JsonFields {
  readonly inOrder: readonly JsonField[]
  readonly byName: ReadonlyMap<string, JsonField>
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase())
}

function jsonField(
  property: string,
  name: string,
  field: Field<unknown>,
  member: string | undefined,
): JsonField {
  const protoName = field.protoName ?? snakeCase(name)
  return {
    property,
    member,
    protoName,
    jsonName: camelCase(protoName),
    kind: field.kind,
    isRepeated: field.isRepeated,
    valueNames: field.valueNames,
    message() {
      if (field.message === undefined) throw new TypeError(`The field ${protoName} holds no message`)
      return field.message()
    },
  }
}

/** The name of a oneof in etcd's `.proto` file. */
export function oneofName(type: MessageType<unknown>, property: string): string {
  return `etcdserverpb.${type.name}.${snakeCase(property)}`
}

const fieldsByType = new WeakMap<object, JsonFields>()

/** The fields of a message in JSON. They come from the same table as its encoding in protobuf. */
export function jsonFieldsOf(type: MessageType<unknown>): JsonFields {
  const known = fieldsByType.get(type)
  if (known !== undefined) return known
  const inOrder = Object.entries(type.fields).flatMap(([property, field]) =>
    'members' in field
      ? Object.entries(field.members).map(([name, inner]) => jsonField(property, name, inner, name))
      : [jsonField(property, property, field, undefined)],
  )
  const byName = new Map<string, JsonField>()
  for (const field of inOrder) byName.set(field.protoName, field)
  for (const field of inOrder) byName.set(field.jsonName, field)
  const fields = { inOrder, byName }
  fieldsByType.set(type, fields)
  return fields
}
