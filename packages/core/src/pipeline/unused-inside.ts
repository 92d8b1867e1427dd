import { coreOf, type ObjectNode, type SchemaNode, type UnionNode } from '../schema/schema-node.ts'
import { isPlainObject } from './document.ts'
import { numberOf } from './open-words.ts'
import { isValid } from './validate.ts'
import { sortedNames } from './name-order.ts'
import { documentIn, UnreadableText } from './document-text.ts'
import { inputFrom } from './typed-input.ts'
import { itemSchemaNode, optionByTag, propertyIn } from './part-node.ts'

/** A name inside a list, a map or a document that no schema knows. */
export interface UnusedName {
  /** From the value that was looked into. */
  readonly path: readonly string[]
  /** What the schema knows around it. */
  readonly known: readonly string[]
}

/** Names in a value of one key that the schema has no place for: what zod would leave out in silence. */
export function unusedInside(schemaNode: SchemaNode, value: unknown): readonly UnusedName[] {
  return new Search().inside(schemaNode, value)
}

const NONE: readonly UnusedName[] = []

/** One walk over a value; what each plan says of each part is found once, since a recursive union asks at every level. */
class Search {
  readonly #found = new Map<SchemaNode, Map<unknown, readonly UnusedName[]>>()
  readonly #numbers = new Map<string, number>()

  inside(schemaNode: SchemaNode, value: unknown): readonly UnusedName[] {
    const core = coreOf(schemaNode)
    if (core.type === 'leaf' || core.type === 'raw') return NONE
    const found = this.#found.get(core) ?? new Map<unknown, readonly UnusedName[]>()
    this.#found.set(core, found)
    let names = found.get(value)
    if (names === undefined) {
      names = this.#search(core, value)
      found.set(value, names)
    }
    return names
  }

  #search(core: SchemaNode, value: unknown): readonly UnusedName[] {
    switch (core.type) {
      case 'union':
        return this.#insideUnion(core, value)
      case 'intersection':
        return this.#inAll(core.sides.map((side) => this.inside(side, value)))
      default:
        return typeof value === 'string' ? this.#insideText(core, value) : this.#insideComposite(core, value)
    }
  }

  #insideText(schemaNode: SchemaNode, text: string): readonly UnusedName[] {
    try {
      const parsed = documentIn(text)
      return parsed === undefined ? NONE : this.inside(schemaNode, parsed.value)
    } catch (error) {
      if (error instanceof UnreadableText) return NONE
      throw error
    }
  }

  #insideComposite(schemaNode: SchemaNode, value: unknown): readonly UnusedName[] {
    if (Array.isArray(value)) {
      if (schemaNode.type === 'list')
        return value.flatMap((item, index) =>
          this.#under(String(index), itemSchemaNode(schemaNode, index), item),
        )
      if (schemaNode.type !== 'map') return NONE
      const pairs = value.filter((pair): pair is unknown[] => Array.isArray(pair))
      return pairs.flatMap(([key, inner]) => this.#under(String(key), schemaNode.value, inner))
    }
    if (!isPlainObject(value)) return NONE
    if (schemaNode.type === 'object') return this.#insideObject(schemaNode, value)
    if (schemaNode.type !== 'record' && schemaNode.type !== 'map') return NONE
    return sortedNames(value).flatMap((name) => this.#under(name, schemaNode.value, value[name]))
  }

  #insideObject(schemaNode: ObjectNode, value: Record<string, unknown>): readonly UnusedName[] {
    return sortedNames(value).flatMap((name) => {
      const property = propertyIn(schemaNode, value, name)
      const below =
        property?.schemaNode ?? (schemaNode.properties.has(name) ? undefined : schemaNode.catchall)
      if (below === undefined) return [{ path: [name], known: [...schemaNode.properties.keys()] }]
      return this.#under(name, below, value[name])
    })
  }

  /** As in a directory, a name is known when any option that could be meant knows it. */
  #insideUnion(schemaNode: UnionNode, value: unknown): readonly UnusedName[] {
    if (schemaNode.isJson) return NONE
    const tag =
      schemaNode.discriminator !== undefined && isPlainObject(value)
        ? value[schemaNode.discriminator]
        : undefined
    const option = tag === undefined ? undefined : optionByTag(schemaNode, tag)
    if (option !== undefined) return this.inside(option, value)
    if (typeof value === 'string') {
      const taker = schemaNode.options.find((candidate) => takes(candidate, value))
      return taker === undefined ? NONE : this.inside(taker, value)
    }
    return this.#inAll(
      schemaNode.options.filter((each) => fits(each, value)).map((each) => this.inside(each, value)),
    )
  }

  #under(name: string, schemaNode: SchemaNode | undefined, value: unknown): readonly UnusedName[] {
    if (schemaNode === undefined) return NONE
    return this.inside(schemaNode, value).map(({ path, known }) => ({ path: [name, ...path], known }))
  }

  /** What none of several readings has a place for. */
  #inAll(readings: readonly (readonly UnusedName[])[]): readonly UnusedName[] {
    const [first = NONE, ...others] = readings
    // by numbers: a name may be a megabyte long, and stand in any number of paths
    const key = (path: readonly string[]) => path.map((name) => numberOf(name, this.#numbers)).join(' ')
    const texts = others.map((names) => new Map(names.map((name) => [key(name.path), name])))
    return first.flatMap(({ path, known }) => {
      const same = texts.flatMap((names) => names.get(key(path)) ?? [])
      if (same.length < texts.length) return []
      return [{ path, known: [...new Set([...known, ...same.flatMap((name) => name.known)])] }]
    })
  }
}

function takes(schemaNode: SchemaNode, value: unknown): boolean {
  try {
    return isValid(schemaNode.schema, inputFrom(schemaNode, value))
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
