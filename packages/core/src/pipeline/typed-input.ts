import { isMadeWhenAbsent } from '../schema/directory.ts'
import { recordPart } from '../schema/loose-record.ts'
import type { IntersectionNode, ListNode, MapNode, ObjectNode } from '../schema/schema-node.ts'
import { readingsOf, type RecordNode, type SchemaNode, type UnionNode } from '../schema/schema-node.ts'
import { textOfScalar, valueOfScalar } from '../format/written-scalar.ts'
import { Unreadable } from '../source/source.ts'
import { bareObject, isNullText, isPlainObject } from './document.ts'
import { documentIn, jsonOrText, RefusedValue, UnreadableText } from './document-text.ts'
import { heldNames } from './name-order.ts'
import { partsOfIntersection } from './intersection-input.ts'
import { inputOfLeaf } from './input-of-leaf.ts'
import { builtInKind, kindOf } from './kind-of-value.ts'
import { isListOfPairs, itemSchemaNode, optionByTag, propertyIn } from './part-node.ts'
import { mergeInputs, plainValue } from './plain-value.ts'
import { ReadingNotes, type TakenOption } from './reading-notes.ts'
import { assertUniqueKeys } from './unique-keys.ts'
import { isValid } from './validate.ts'
import { AcceptedInputs, isExclusive } from './accepted-inputs.ts'

/**
 * What zod is given for a text, or for a typed value out of a document.
 *
 * @param isPlain true inside a document, which says plainly what is text and what is not
 * @param walk what is known of other parts of the same walk
 * @throws UnreadableText
 */
export function inputFrom(
  schemaNode: SchemaNode,
  value: unknown,
  isPlain = false,
  walk?: ReadingWalk,
): unknown {
  // The most frequent case, and a tree is mostly leaves.
  return schemaNode.type === 'leaf'
    ? inputOfLeaf(schemaNode, value)
    : new TypedReader(walk).read(schemaNode, value, isPlain)
}

/** What is known of the parts of one walk over a tree or a value. */
export interface ReadingWalk {
  readonly acceptedInputs: AcceptedInputs
  readonly notes: ReadingNotes
}

/** Whether a nullable value is null. Quoted text of a document is null only where what is inside takes no such text. */
export function meansNull(inner: SchemaNode, value: unknown, isPlain: boolean): boolean {
  if (!isNullText(value)) return false
  return value === null || !isPlain || !isValid(inner.schema, inputFrom(inner, value, true))
}

/**
 * A map of what was read by name; its keys are read from the names.
 *
 * @throws UnreadableText where two names stand for one key
 */
export function mapOf(schemaNode: MapNode, read: Record<string, unknown>): Map<unknown, unknown> {
  const keys = heldNames(read).map((name) => [name, inputFrom(schemaNode.key, name)] as const)
  assertUniqueKeys(schemaNode, keys)
  return new Map(keys.map(([name, key]) => [key, read[name]]))
}

/** What was read by name, for a record. @throws UnreadableText where two names stand for one key */
export function recordOf(schemaNode: RecordNode, read: Record<string, unknown>): Record<string, unknown> {
  assertUniqueKeys(
    schemaNode,
    Object.keys(read).map((name) => [name, name]),
  )
  return read
}

/** One walk over a value. What a union or an intersection makes of a part is found once: a recursive one asks at every level. */
export class TypedReader {
  readonly #known = new Map<SchemaNode, Map<object, unknown>>()
  readonly #acceptedInputs: AcceptedInputs
  readonly #notes: ReadingNotes

  constructor(
    { acceptedInputs, notes }: ReadingWalk = {
      acceptedInputs: new AcceptedInputs(),
      notes: new ReadingNotes(),
    },
  ) {
    this.#acceptedInputs = acceptedInputs
    this.#notes = notes
  }

  read(schemaNode: SchemaNode, value: unknown, isPlain: boolean): unknown {
    switch (schemaNode.type) {
      case 'wrapper':
        return schemaNode.wrapper === 'nullable' && meansNull(schemaNode.inner, value, isPlain)
          ? null
          : this.read(schemaNode.inner, value, isPlain)
      case 'union':
        return this.#remembered(schemaNode, value, () => this.#union(schemaNode, value, isPlain))
      case 'intersection':
        return this.#remembered(schemaNode, value, () => this.#intersection(schemaNode, value, isPlain))
      case 'leaf':
        return inputOfLeaf(schemaNode, value)
      case 'raw':
        return plainValue(value)
      default:
        return this.#composite(schemaNode, value)
    }
  }

  #remembered(schemaNode: SchemaNode, value: unknown, make: () => unknown): unknown {
    if (typeof value !== 'object' || value === null) return make()
    const inputs = this.#known.get(schemaNode) ?? new Map<object, unknown>()
    this.#known.set(schemaNode, inputs)
    if (!inputs.has(value)) inputs.set(value, make())
    return inputs.get(value)
  }

  #intersection(schemaNode: IntersectionNode, value: unknown, isPlain: boolean): unknown {
    const isComposite = ({ type }: SchemaNode) => type !== 'leaf' && type !== 'raw'
    const isDocument = typeof value === 'string' && readingsOf(schemaNode).every(isComposite)
    const parsed = isDocument ? documentIn(value) : undefined
    if (parsed !== undefined) return this.#intersection(schemaNode, parsed.value, true)
    if (isPlainObject(value) || Array.isArray(value))
      return partsOfIntersection(schemaNode, value, {
        read: (part, inner) => this.read(part, inner, true),
        choose: (union, whole) => this.optionOf(union, whole),
      })
    const sides = schemaNode.sides.filter((side) => readingsOf(side).some(({ type }) => type !== 'raw'))
    if (sides.length === 0) return plainValue(value)
    return sides.map((side) => this.read(side, value, isPlain)).reduce(mergeInputs)
  }

  /** The option of a union by which a list or an object is read; undefined where none takes it, or any JSON is taken. */
  optionOf(schemaNode: UnionNode, value: object): SchemaNode | undefined {
    if (schemaNode.isJson) return undefined
    const tagged = taggedOption(schemaNode, value)
    if (tagged !== undefined) return tagged
    try {
      this.read(schemaNode, value, true)
    } catch (error) {
      if (!(error instanceof UnreadableText)) throw error
    }
    return this.#notes.option(value, schemaNode)
  }

  #composite(schemaNode: SchemaNode, value: unknown): unknown {
    if (typeof value === 'string') {
      const parsed = documentIn(value)
      return parsed === undefined ? value : this.read(schemaNode, parsed.value, true)
    }
    if (schemaNode.type === 'list') {
      const isList = Array.isArray(value) || (schemaNode.as === 'set' && value instanceof Set)
      return isList ? this.#list(schemaNode, value as Iterable<unknown>) : plainValue(value)
    }
    if (schemaNode.type === 'map' && isListOfPairs(value)) {
      const pairs = value.map(([key, inner]) => ({
        name: key,
        key: this.read(schemaNode.key, key, true),
        inner,
      }))
      assertUniqueKeys(
        schemaNode,
        pairs.map(({ name, key }) => [textOfScalar(name) ?? String(name), key]),
        true,
      )
      return new Map(pairs.map(({ key, inner }) => [key, this.read(schemaNode.value, inner, true)]))
    }
    if (schemaNode.type === 'object' && builtInKind(value) !== undefined)
      throw new RefusedValue(new Unreadable(`${kindOf(value)} where an object is expected`))
    if (!isPlainObject(value)) return plainValue(value)
    if (schemaNode.type === 'object') return this.#object(schemaNode, value)
    if (schemaNode.type !== 'record' && schemaNode.type !== 'map') return plainValue(value)
    const input = bareObject()
    for (const name of heldNames(value)) {
      const below = schemaNode.type === 'map' ? schemaNode.value : recordPart(schemaNode, name)
      input[name] = this.read(below, value[name], true)
    }
    return schemaNode.type === 'map' ? mapOf(schemaNode, input) : recordOf(schemaNode, input)
  }

  #list(schemaNode: ListNode, value: Iterable<unknown>): unknown {
    const items = Array.from(value, (item, index) => {
      const inner = itemSchemaNode(schemaNode, index)
      return inner === undefined ? plainValue(item) : this.read(inner, item, true)
    })
    return schemaNode.as === 'set' ? new Set(items) : items
  }

  #object(schemaNode: ObjectNode, value: Record<string, unknown>): Record<string, unknown> {
    const input = bareObject()
    for (const name of heldNames(value)) {
      const property = propertyIn(schemaNode, value, name)
      const below = property?.schemaNode ?? schemaNode.catchall
      if (property === undefined && schemaNode.properties.has(name)) continue
      const inner = value[name]
      input[property?.name ?? name] = below === undefined ? plainValue(inner) : this.read(below, inner, true)
    }
    for (const property of schemaNode.properties.values()) {
      if (Object.hasOwn(input, property.name) || !isMadeWhenAbsent(property.schemaNode)) continue
      input[property.name] = this.read(property.schemaNode, {}, true)
    }
    return input
  }

  #union(schemaNode: UnionNode, value: unknown, isPlain: boolean): unknown {
    if (schemaNode.isJson)
      return typeof value === 'string' && !isPlain ? jsonOrText(value) : plainValue(value)
    const option = taggedOption(schemaNode, value)
    if (option !== undefined) return this.read(option, value, isPlain)
    // Quoted text of a document is text before it is anything else.
    if (
      isPlain &&
      typeof value === 'string' &&
      schemaNode.options.some((option) => this.#takesText(option, value)) &&
      this.#isTakenAs(schemaNode, value, value)
    )
      return value
    // A number or boolean is meant as one, unless there is more in its text.
    const typed = valueOfScalar(value)
    const isWhole = typeof typed === 'boolean' || typeof value === 'number'
    if (isWhole && this.#isTakenAs(schemaNode, value, typed)) return typed
    const isComposite = Array.isArray(value) || isPlainObject(value)
    const taken: TakenOption[] = []
    const refused: RefusedBy[] = []
    for (const candidate of schemaNode.options) {
      // Reading it in vain goes over all that is in it, at every level of a recursive union.
      if (isComposite && takesOnlyScalars(candidate)) continue
      const option = this.#taken(candidate, value, isPlain, refused)
      if (option === undefined) continue
      taken.push({ option: candidate, input: option.input })
      if (!isExclusive(schemaNode.schema)) break
    }
    const chosen = this.#notes.choose(isComposite ? value : taken, schemaNode, taken)
    const input = chosen === undefined ? plainValue(value) : chosen.input
    // zod would take what an option has refused: it has the first option that does.
    const refusal = refused.find(({ option }) => isValid(option.schema, input))
    if (refusal !== undefined) throw refusal.error
    return input
  }

  /** Whether an option takes a text as it is, and does not have zod coerce it. */
  #takesText(option: SchemaNode, text: string): boolean {
    return this.#taken(option, text, true)?.input === text && isValid(option.schema, text)
  }

  /** Whether the option takes a scalar that zod would have for this input: it coerces what the option may refuse. */
  #isTakenAs({ options }: UnionNode, value: unknown, input: unknown): boolean {
    const first = options.find(({ schema }) => isValid(schema, input))
    return first !== undefined && this.#taken(first, value, true) !== undefined
  }

  /** What an option is given for a value, if it takes that. */
  #taken(
    option: SchemaNode,
    value: unknown,
    isPlain: boolean,
    refused: RefusedBy[] = [],
  ): { readonly input: unknown } | undefined {
    try {
      const input = this.read(option, value, isPlain)
      return this.#acceptedInputs.accepts(option, input) ? { input } : undefined
    } catch (error) {
      if (!(error instanceof RefusedValue)) throw error
      refused.push({ option, error })
      return undefined
    }
  }
}

interface RefusedBy {
  readonly option: SchemaNode
  readonly error: RefusedValue
}

function takesOnlyScalars(schemaNode: SchemaNode): boolean {
  let inner = schemaNode
  for (let depth = 0; inner.type === 'wrapper' && inner.wrapper !== 'catch' && depth < 100; depth++)
    inner = inner.inner
  return inner.type === 'leaf'
}

function taggedOption(schemaNode: UnionNode, value: unknown): SchemaNode | undefined {
  const tag =
    schemaNode.discriminator !== undefined && isPlainObject(value)
      ? value[schemaNode.discriminator]
      : undefined
  return tag === undefined ? undefined : optionByTag(schemaNode, tag)
}
