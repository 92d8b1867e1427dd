import { recordPart } from '../schema/loose-record.ts'
import type { ObjectNode, SchemaNode, UnionNode } from '../schema/schema-node.ts'
import { isHeldName, PROTO } from '../format/held-name.ts'
import { isEmptyObject, isPlainObject } from './document.ts'
import { documentIn, UnreadableText } from './document-text.ts'
import { sortedNames } from './name-order.ts'
import { itemSchemaNode, propertyIn } from './part-node.ts'
import { type Reader, readersOf } from './readers-of.ts'
import { inputFrom, TypedReader } from './typed-input.ts'
import { isValid } from './validate.ts'

/** A name inside a list, a map or a document that no schema knows. */
export interface UnusedName {
  /** From the value that was looked into. */
  readonly path: readonly string[]
  /** What the schema knows around it. */
  readonly known: readonly string[]
  /** Set where no schema can have the name. */
  readonly reason?: string
}

/**
 * Names in a value of one key that the schema has no place for: what zod would leave out without a word.
 *
 * @param schemaNodes all that read the value; what one of them knows is known
 * @param isPlain true inside a document, which says plainly what is text and what is not
 */
export function unusedInside(
  schemaNodes: readonly SchemaNode[],
  value: unknown,
  isPlain: boolean,
): readonly UnusedName[] {
  const search = new Search()
  search.inside(schemaNodes, value, [], isPlain)
  return search.found
}

const NO_NAMES: readonly string[] = []

/** One walk over a value; each part of it is met once. */
class Search {
  readonly found: UnusedName[] = []
  readonly #reader = new TypedReader()

  inside(schemaNodes: readonly SchemaNode[], value: unknown, path: readonly string[], isPlain = true): void {
    const readers = readersOf(schemaNodes, (union) => this.#optionsOf(union, value, isPlain))
    if (readers.some(({ type }) => type === 'raw')) {
      this.#insideUnread(value, path)
      return
    }
    const composite = readers.filter(({ type }) => type !== 'leaf')
    if (composite.length === 0) return
    if (typeof value === 'string') this.#insideText(composite, value, path)
    else if (Array.isArray(value) || value instanceof Set)
      this.#insideList(composite, Array.from(value as Iterable<unknown>), path)
    else if (isPlainObject(value)) this.#insideObject(composite, value, path)
  }

  /** Where everything is known, but for the names that no object can hold. */
  #insideUnread(value: unknown, path: readonly string[]): void {
    if (Array.isArray(value))
      for (const [index, item] of value.entries()) this.#insideUnread(item, [...path, String(index)])
    else if (isPlainObject(value))
      for (const name of sortedNames(value))
        if (isHeldName(name)) this.#insideUnread(value[name], [...path, name])
        else this.#addUnheld([...path, name])
  }

  #addUnheld(path: readonly string[]): void {
    this.found.push({ path, known: NO_NAMES, reason: PROTO })
  }

  #insideText(readers: readonly Reader[], text: string, path: readonly string[]): void {
    try {
      const parsed = documentIn(text)
      if (parsed !== undefined) this.inside(readers, parsed.value, path)
    } catch (error) {
      if (!(error instanceof UnreadableText)) throw error
    }
  }

  #insideList(readers: readonly Reader[], items: readonly unknown[], path: readonly string[]): void {
    for (const [index, item] of items.entries()) {
      const lists = readers.flatMap((reader) =>
        reader.type === 'list' ? (itemSchemaNode(reader, index) ?? []) : [],
      )
      this.inside(lists, item, [...path, String(index)])
      if (!Array.isArray(item)) continue
      const maps = readers.flatMap((reader) => (reader.type === 'map' ? [reader.value] : []))
      this.inside(maps, item[1], [...path, String(item[0])])
    }
  }

  #insideObject(readers: readonly Reader[], value: Record<string, unknown>, path: readonly string[]): void {
    const named = readers.filter(({ type }) => type !== 'list')
    if (named.length === 0) return
    for (const name of sortedNames(value)) {
      if (!isHeldName(name)) {
        this.#addUnheld([...path, name])
        continue
      }
      const below = named.flatMap((reader) => schemaNodeOf(reader, value, name) ?? [])
      if (below.length > 0) this.inside(below, value[name], [...path, name])
      else this.#addBelow(value[name], [...path, name], knownNames(named))
    }
  }

  /** As for keys of their own, each value below an unknown name is reported. */
  #addBelow(value: unknown, path: readonly string[], known: readonly string[]): void {
    if (!isPlainObject(value) || isEmptyObject(value)) {
      this.found.push({ path, known })
      return
    }
    for (const name of sortedNames(value)) this.#addBelow(value[name], [...path, name], NO_NAMES)
  }

  /** The option that takes the value; where none does, all that could be meant, going by what the value is. */
  #optionsOf(union: UnionNode, value: unknown, isPlain: boolean): readonly SchemaNode[] {
    if (union.isJson) return isPlain && typeof value === 'string' ? [] : union.options
    if (typeof value === 'string') {
      const taker = union.options.find((option) => takes(option, value))
      return taker === undefined ? [] : [taker]
    }
    if (typeof value !== 'object' || value === null) return []
    const option = this.#reader.optionOf(union, value)
    return option === undefined ? union.options : [option]
  }
}

/** The schema node of a name in an object, as far as the reader knows it. */
function schemaNodeOf(reader: Reader, value: Record<string, unknown>, name: string): SchemaNode | undefined {
  switch (reader.type) {
    case 'record':
      return recordPart(reader, name)
    case 'map':
      return reader.value
    case 'object': {
      const property = propertyIn(reader, value, name)
      return property?.schemaNode ?? (reader.properties.has(name) ? undefined : reader.catchall)
    }
    default:
      return undefined
  }
}

function knownNames(readers: readonly Reader[]): readonly string[] {
  const objects = readers.filter((reader): reader is ObjectNode => reader.type === 'object')
  return [...new Set(objects.flatMap(({ properties }) => [...properties.keys()]))]
}

function takes(schemaNode: SchemaNode, value: unknown): boolean {
  try {
    return isValid(schemaNode.schema, inputFrom(schemaNode, value))
  } catch (error) {
    if (error instanceof UnreadableText) return false
    throw error
  }
}
