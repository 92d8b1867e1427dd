import type {
  IntersectionNode,
  LeafNode,
  ListNode,
  ObjectNode,
  SchemaNode,
  PropertyNode,
  UnionNode,
} from '../schema/schema-node.ts'
import { coreOf, isMadeWhenAbsent, isPureDirectory } from '../schema/schema-node.ts'
import { Unreadable } from '../source/source.ts'
import { textOfScalar, valueOfScalar, WrittenScalar } from '../format/written-scalar.ts'
import { bareObject, isNullText, isPlainObject, readJson } from './document.ts'
import { partsOfIntersection } from './intersection-input.ts'
import { validate } from './validate.ts'
import { isSorted, sortedNames } from './name-order.ts'

/** Text that is a document and cannot be taken as one: not put into words by zod, which would only see text. */
export class UnreadableText extends Error {
  readonly unreadable: Unreadable

  constructor(unreadable: Unreadable) {
    super(unreadable.reason)
    this.unreadable = unreadable
  }
}

/**
 * What zod is given for a text, or for a typed value out of a document.
 *
 * @param isPlain true inside a document, which says plainly what is text and what is not
 * @throws UnreadableText
 */
export function inputFrom(schemaNode: SchemaNode, value: unknown, isPlain = false): unknown {
  switch (schemaNode.type) {
    case 'wrapper':
      return schemaNode.wrapper === 'nullable' && meansNull(schemaNode.inner, value, isPlain)
        ? null
        : inputFrom(schemaNode.inner, value, isPlain)
    case 'union':
      return inputOfUnion(schemaNode, value, isPlain)
    case 'intersection':
      return inputOfIntersection(schemaNode, value, isPlain)
    case 'leaf':
      return inputOfLeaf(schemaNode, value)
    case 'raw':
      return plainValue(value)
    default:
      return inputOfComposite(schemaNode, value)
  }
}

/** Whether a nullable value is null. Quoted text of a document is null only where what is inside takes no such text. */
export function meansNull(inner: SchemaNode, value: unknown, isPlain: boolean): boolean {
  if (!isNullText(value)) return false
  return value === null || !isPlain || !validate(inner.schema, inputFrom(inner, value, true)).isValid
}

function inputOfIntersection(schemaNode: IntersectionNode, value: unknown, isPlain: boolean): unknown {
  const { left, right } = schemaNode
  const isDocument = typeof value === 'string' && isComposite(left) && isComposite(right)
  const parsed = isDocument ? documentIn(value) : undefined
  if (parsed !== undefined) return inputOfIntersection(schemaNode, parsed.value, true)
  const read = (part: SchemaNode, inner: unknown) => inputFrom(part, inner, true)
  const parts = partsOfIntersection(schemaNode, value, read, chosenOption)
  if (parts !== undefined) return parts
  if (coreOf(left).type === 'raw') return inputFrom(right, value, isPlain)
  if (coreOf(right).type === 'raw') return inputFrom(left, value, isPlain)
  return mergeInputs(inputFrom(left, value, isPlain), inputFrom(right, value, isPlain))
}

/** Whether text can only be a document here. */
function isComposite(schemaNode: SchemaNode): boolean {
  const core = coreOf(schemaNode)
  return core.type === 'list' || isPureDirectory(core)
}

function chosenOption(schemaNode: UnionNode, value: unknown): SchemaNode | undefined {
  if (schemaNode.isJson) return undefined
  const tagged = taggedOption(schemaNode, value)
  return (
    tagged ??
    schemaNode.options.find(({ schema }) => validate(schema, value).isValid) ??
    schemaNode.options.find((option) => validate(option.schema, inputFrom(option, value, true)).isValid)
  )
}

function taggedOption(schemaNode: UnionNode, value: unknown): SchemaNode | undefined {
  const tag =
    schemaNode.discriminator !== undefined && isPlainObject(value)
      ? value[schemaNode.discriminator]
      : undefined
  return tag === undefined ? undefined : optionByTag(schemaNode, tag)
}

function inputOfComposite(schemaNode: SchemaNode, value: unknown): unknown {
  if (typeof value === 'string') {
    const parsed = documentIn(value)
    return parsed === undefined ? value : inputFrom(schemaNode, parsed.value, true)
  }
  if (schemaNode.type === 'list')
    return Array.isArray(value) ? inputOfList(schemaNode, value) : plainValue(value)
  if (schemaNode.type === 'map' && isListOfPairs(value))
    return new Map(
      value.map(([key, inner]) => [
        inputFrom(schemaNode.key, key, true),
        inputFrom(schemaNode.value, inner, true),
      ]),
    )
  if (!isPlainObject(value)) return plainValue(value)
  if (schemaNode.type === 'object') return inputOfObject(schemaNode, value)
  if (schemaNode.type !== 'record' && schemaNode.type !== 'map') return plainValue(value)
  const input = bareObject()
  for (const name of sortedNames(value)) {
    if (name !== '__proto__') input[name] = inputFrom(schemaNode.value, value[name], true)
  }
  return schemaNode.type === 'record' ? input : mapOf(schemaNode, input)
}

/** What a text says that is a list or an object in JSON; undefined for any other text. */
export function documentIn(text: string): { readonly value: unknown } | undefined {
  const parsed = /^\s*[[{]/.test(text) ? readJson(text) : undefined
  if (parsed instanceof Unreadable) throw new UnreadableText(parsed)
  return parsed
}

/** A map of what was read by name; its keys are read from the names. */
export function mapOf(
  schemaNode: SchemaNode & { type: 'map' },
  read: Record<string, unknown>,
): Map<unknown, unknown> {
  return new Map(sortedNames(read).map((name) => [inputFrom(schemaNode.key, name), read[name]]))
}

function inputOfList(schemaNode: ListNode, value: readonly unknown[]): unknown {
  const items = value.map((item, index) => {
    const inner = itemSchemaNode(schemaNode, index)
    return inner === undefined ? plainValue(item) : inputFrom(inner, item, true)
  })
  return schemaNode.as === 'set' ? new Set(items) : items
}

function isListOfPairs(value: unknown): value is readonly (readonly [unknown, unknown])[] {
  // a list with holes has no pairs there, and `every` passes over them
  return (
    Array.isArray(value) &&
    Array.from(value as unknown[]).every((pair) => Array.isArray(pair) && pair.length === 2)
  )
}

function inputOfLeaf(schemaNode: LeafNode, value: unknown): unknown {
  if (typeof value === 'string') return schemaNode.read(value)
  const text = textOfScalar(value)
  const typed = valueOfScalar(value)
  return text === undefined
    ? plainValue(value)
    : schemaNode.readTyped(typed as number | bigint | boolean, text)
}

function inputOfUnion(schemaNode: UnionNode, value: unknown, isPlain: boolean): unknown {
  if (schemaNode.isJson) return typeof value === 'string' && !isPlain ? jsonOrText(value) : plainValue(value)
  const option = taggedOption(schemaNode, value)
  if (option !== undefined) return inputFrom(option, value, isPlain)
  // quoted text of a document is text before it is anything else
  if (
    isPlain &&
    typeof value === 'string' &&
    schemaNode.options.some(({ schema }) => validate(schema, value).isValid)
  )
    return value
  // a number or boolean is meant as one, unless there is more in its text
  const typed = valueOfScalar(value)
  const isWhole = typeof typed === 'boolean' || typeof value === 'number'
  if (isWhole && schemaNode.options.some(({ schema }) => validate(schema, typed).isValid)) return typed
  for (const candidate of schemaNode.options) {
    const input = inputFrom(candidate, value, isPlain)
    if (validate(candidate.schema, input).isValid) return input
  }
  return plainValue(value)
}

/** JSON text stands for what it says, any other text for itself. */
function jsonOrText(text: string): unknown {
  const parsed = readJson(text)
  if (parsed instanceof Unreadable) throw new UnreadableText(parsed)
  return parsed === undefined ? text : plainValue(parsed.value)
}

function inputOfObject(schemaNode: ObjectNode, value: Record<string, unknown>): Record<string, unknown> {
  const input = bareObject()
  for (const name of sortedNames(value)) {
    if (name === '__proto__') continue
    const property = propertyIn(schemaNode, value, name)
    const below = property?.schemaNode ?? schemaNode.catchall
    if (property === undefined && schemaNode.properties.has(name)) continue
    const inner = value[name]
    input[property?.name ?? name] = below === undefined ? plainValue(inner) : inputFrom(below, inner, true)
  }
  for (const property of schemaNode.properties.values()) {
    if (Object.hasOwn(input, property.name) || !isMadeWhenAbsent(property.schemaNode)) continue
    input[property.name] = inputFrom(property.schemaNode, {}, true)
  }
  return input
}

/**
 * The property that a name in a document stands for: by its own name or as `naming` writes it. Where a document has
 * both, the latter counts.
 */
export function propertyIn(schemaNode: ObjectNode, value: object, name: string): PropertyNode | undefined {
  const stored = schemaNode.byStored.get(name)
  if (stored !== undefined) return stored
  const exact = schemaNode.properties.get(name)
  return exact !== undefined && Object.hasOwn(value, exact.stored) ? undefined : exact
}

/** A value that no schema reads: as it is, names in order, scalars without the text they were written with. */
export function plainValue(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  // one that no number holds exactly is text, as it is in JSON
  if (value instanceof WrittenScalar)
    return typeof value.value === 'bigint' ? String(value.value) : value.value
  if (Array.isArray(value)) {
    const items = value.map(plainValue)
    return items.every((item, index) => Object.is(item, value[index])) ? value : items
  }
  if (!isPlainObject(value)) return value
  const names = Object.keys(value)
  const parts = new Map(names.map((name) => [name, plainValue(value[name])]))
  if (isSorted(names) && names.every((name) => Object.is(parts.get(name), value[name]))) return value
  return Object.fromEntries(sortedNames(value).map((name) => [name, parts.get(name)]))
}

/** Both sides of an intersection read the same tree; where they differ, the side that made more than text of it is right. */
export function mergeInputs(left: unknown, right: unknown): unknown {
  if (left === right) return left
  if (isPlainObject(left) && isPlainObject(right)) {
    const merged = Object.assign(bareObject(), left)
    for (const [name, value] of Object.entries(right)) {
      if (name === '__proto__') continue
      merged[name] = Object.hasOwn(left, name) ? mergeInputs(left[name], value) : value
    }
    return merged
  }
  if (left === undefined) return right
  return typeof left === 'string' && right !== undefined ? right : left
}

/** The plan of a list's item by its place. */
export function itemSchemaNode(schemaNode: ListNode, index: number): SchemaNode | undefined {
  return schemaNode.as === 'tuple' ? (schemaNode.items[index] ?? schemaNode.rest) : schemaNode.items[0]
}

/** The option of a discriminated union for a tag, as it stands in the tree. */
export function optionByTag(schemaNode: UnionNode, tag: unknown): SchemaNode | undefined {
  const typed = valueOfScalar(tag)
  // names no option, and may be nothing that can be made into text
  if (typeof typed === 'object' && typed !== null) return undefined
  const text = (textOfScalar(tag) ?? String(typed)).replace(/\r?\n$/, '')
  for (const option of schemaNode.options) {
    for (const value of option.schema._zod.propValues?.[schemaNode.discriminator!] ?? []) {
      if (value !== undefined && (value === typed || String(value) === text)) return option
    }
  }
  return undefined
}
