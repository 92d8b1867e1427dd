import { coreOf, type ObjectNode, type SchemaNode, type UnionNode } from '../schema/schema-node.ts'
import { isPlainObject } from './document.ts'
import { validate } from './validate.ts'
import { sortedNames } from './name-order.ts'
import {
  documentIn,
  inputFrom,
  itemSchemaNode,
  optionByTag,
  propertyIn,
  UnreadableText,
} from './typed-input.ts'

/** A name inside a list, a map or a document that no schema knows. */
export interface UnusedName {
  /** From the value that was looked into. */
  readonly path: readonly string[]
  /** What the schema knows around it. */
  readonly known: readonly string[]
}

/** Names in a value of one key that the schema has no place for: what zod would leave out in silence. */
export function unusedInside(schemaNode: SchemaNode, value: unknown): readonly UnusedName[] {
  const core = coreOf(schemaNode)
  switch (core.type) {
    case 'leaf':
    case 'raw':
      return NONE
    case 'union':
      return insideUnion(core, value)
    case 'intersection':
      return inAll([unusedInside(core.left, value), unusedInside(core.right, value)])
    default:
      return typeof value === 'string' ? insideText(core, value) : insideComposite(core, value)
  }
}

const NONE: readonly UnusedName[] = []

function insideText(schemaNode: SchemaNode, text: string): readonly UnusedName[] {
  try {
    const parsed = documentIn(text)
    return parsed === undefined ? NONE : unusedInside(schemaNode, parsed.value)
  } catch (error) {
    if (error instanceof UnreadableText) return NONE
    throw error
  }
}

function insideComposite(schemaNode: SchemaNode, value: unknown): readonly UnusedName[] {
  if (Array.isArray(value)) {
    if (schemaNode.type === 'list')
      return value.flatMap((item, index) => under(String(index), itemSchemaNode(schemaNode, index), item))
    if (schemaNode.type !== 'map') return NONE
    const pairs = value.filter((pair): pair is unknown[] => Array.isArray(pair))
    return pairs.flatMap(([key, inner]) => under(String(key), schemaNode.value, inner))
  }
  if (!isPlainObject(value)) return NONE
  if (schemaNode.type === 'object') return insideObject(schemaNode, value)
  if (schemaNode.type !== 'record' && schemaNode.type !== 'map') return NONE
  return sortedNames(value).flatMap((name) => under(name, schemaNode.value, value[name]))
}

function insideObject(schemaNode: ObjectNode, value: Record<string, unknown>): readonly UnusedName[] {
  return sortedNames(value).flatMap((name) => {
    const property = propertyIn(schemaNode, value, name)
    const below = property?.schemaNode ?? (schemaNode.properties.has(name) ? undefined : schemaNode.catchall)
    if (below === undefined) return [{ path: [name], known: [...schemaNode.properties.keys()] }]
    return under(name, below, value[name])
  })
}

/** As in a directory, a name is known when any option that could be meant knows it. */
function insideUnion(schemaNode: UnionNode, value: unknown): readonly UnusedName[] {
  if (schemaNode.isJson) return NONE
  const tag =
    schemaNode.discriminator !== undefined && isPlainObject(value)
      ? value[schemaNode.discriminator]
      : undefined
  const option = tag === undefined ? undefined : optionByTag(schemaNode, tag)
  if (option !== undefined) return unusedInside(option, value)
  if (typeof value === 'string') {
    const taker = schemaNode.options.find((candidate) => takes(candidate, value))
    return taker === undefined ? NONE : unusedInside(taker, value)
  }
  return inAll(
    schemaNode.options.filter((each) => fits(each, value)).map((each) => unusedInside(each, value)),
  )
}

function takes(schemaNode: SchemaNode, value: unknown): boolean {
  try {
    return validate(schemaNode.schema, inputFrom(schemaNode, value)).isValid
  } catch (error) {
    if (error instanceof UnreadableText) return false
    throw error
  }
}

/** Whether a value could be meant by a plan, going by what it is. */
function fits(schemaNode: SchemaNode, value: unknown): boolean {
  const { type } = coreOf(schemaNode)
  if (type === 'leaf') return false
  if (type === 'list') return Array.isArray(value)
  return type === 'object' || type === 'record' ? isPlainObject(value) : true
}

function under(name: string, schemaNode: SchemaNode | undefined, value: unknown): readonly UnusedName[] {
  if (schemaNode === undefined) return NONE
  return unusedInside(schemaNode, value).map(({ path, known }) => ({ path: [name, ...path], known }))
}

/** What none of several readings has a place for. */
function inAll(readings: readonly (readonly UnusedName[])[]): readonly UnusedName[] {
  const [first = NONE, ...others] = readings
  const texts = others.map((names) => new Map(names.map((name) => [JSON.stringify(name.path), name])))
  return first.flatMap(({ path, known }) => {
    const same = texts.map((names) => names.get(JSON.stringify(path)))
    if (same.includes(undefined)) return []
    return [{ path, known: [...known, ...same.flatMap((name) => name!.known)] }]
  })
}
