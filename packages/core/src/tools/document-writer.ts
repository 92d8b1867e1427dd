import type * as z from 'zod/v4/core'
import type { Path } from '../issue.ts'
import { isPlainObject } from '../pipeline/document.ts'
import { itemSchemaNode } from '../pipeline/part-node.ts'
import type { ValidationResult } from '../pipeline/validate.ts'
import { compileSchema } from '../schema/compile-schema.ts'
import { recordPart } from '../schema/loose-record.ts'
import type { Naming } from '../schema/naming.ts'
import type {
  IntersectionNode,
  LeafNode,
  ListNode,
  MapNode,
  ObjectNode,
  RawNode,
  RecordNode,
  SchemaNode,
  UnionNode,
} from '../schema/schema-node.ts'
import type { DocumentValue } from './document-value.ts'
import { writeThroughPipe } from './encode-pipe.ts'
import { firstDifference } from './first-difference.ts'
import { readDocumentPart } from './read-back.ts'
import { refuseScalar } from './scalar-words.ts'
import {
  attempt,
  kindOf,
  refuseInvalid,
  refuseKind,
  refuseMissing,
  refuseValue,
  type Unwritable,
} from './unwritable.ts'

/** Options of both writers. */
export interface WriterOptions {
  readonly naming: Naming
  /** The value belongs to several sides of an intersection: names that a side does not know are another side's. */
  readonly isSide: boolean
  /** Is called with the place of a one-way transform that a value was written through as it is. */
  noteOneWay(path: Path): void
}

/** Writes values as parts of JSON documents: the reverse of `inputFrom` for what is inside a document. */
export class DocumentWriter {
  readonly #options: WriterOptions
  readonly #unions = new UnionMemo<DocumentValue>()
  readonly #preprocessed = new Map<RawNode, SchemaNode | undefined>()

  constructor(options: WriterOptions) {
    this.#options = options
  }

  /** @throws Unwritable */
  write(node: SchemaNode, value: unknown, path: Path): DocumentValue {
    if (value === undefined) return refuseMissing(path)
    switch (node.type) {
      case 'wrapper':
        if (node.wrapper === 'nullable' && value === null) return null
        if (node.wrapper !== 'pipe') return this.write(node.inner, value, path)
        return writeThroughPipe(node, value, { path, note: this.#options.noteOneWay }, (input) =>
          this.write(node.inner, input, path),
        )
      case 'leaf':
        return scalarPart(node, value, path)
      case 'raw': {
        const inner = this.preprocessed(node)
        return inner === undefined ? plainPart(value, path) : this.write(inner, value, path)
      }
      case 'object':
        return this.#object(node, value, path)
      case 'record':
        return this.#record(node, value, path)
      case 'map':
        return this.#map(node, value, path)
      case 'list':
        return this.#list(node, value, path)
      case 'union':
        return this.#unions.once(node, value, path, () => this.#union(node, value, path))
      case 'intersection':
        return this.#intersection(node, value, path)
    }
  }

  /** What a preprocess leads to, if the raw node is one: a value is written as that reads it. */
  preprocessed(node: RawNode): SchemaNode | undefined {
    if (this.#preprocessed.has(node)) return this.#preprocessed.get(node)
    const { def } = (node.schema as z.$ZodTypes)._zod
    const inner = def.type === 'pipe' ? compileSchema(def.out, { naming: this.#options.naming }) : undefined
    this.#preprocessed.set(node, inner)
    return inner
  }

  #object(node: ObjectNode, value: unknown, path: Path): DocumentValue {
    const document = new Map<string, DocumentValue>()
    for (const { name, below, part } of partsOfObject(node, value, path, this.#options.isSide)) {
      const stored = node.properties.get(name)?.stored ?? name
      document.set(stored, this.write(below, part, [...path, name]))
    }
    return document
  }

  #record(node: RecordNode, value: unknown, path: Path): DocumentValue {
    const parts = partsOfRecord(value, path)
    return new Map(
      parts.map(([name, part]) => [name, this.write(recordPart(node, name), part, [...path, name])]),
    )
  }

  /** An object by the keys' texts; a list of pairs where a key has no text, or one that no object can hold. */
  #map(node: MapNode, value: unknown, path: Path): DocumentValue {
    const entries = partsOfMap(value, path)
    const byText = attempt(() =>
      entries.map(([key, part]) => ({ name: this.keyText(node, key, path), part })),
    )
    const isObject = 'result' in byText && byText.result.every(({ name }) => name !== '__proto__')
    if (isObject)
      return new Map(
        byText.result.map(({ name, part }) => [name, this.write(node.value, part, [...path, name])]),
      )
    return entries.map(([key, part], index) => [
      this.write(node.key, key, [...path, index]),
      this.write(node.value, part, [...path, index]),
    ])
  }

  /** The text of a map's key. @throws Unwritable */
  keyText({ key: node }: MapNode, key: unknown, path: Path): string {
    const part = this.write(node, key, path)
    const text = node.type === 'leaf' ? node.write(key) : typeof part === 'object' ? undefined : String(part)
    return text ?? refuseValue(path, `a key that is ${kindOf(key)} has no text`)
  }

  #list(node: ListNode, value: unknown, path: Path): DocumentValue {
    const items = partsOfList(node, value, path)
    return items.map((item, index) => {
      const below = itemSchemaNode(node, index)
      return below === undefined
        ? plainPart(item, [...path, index])
        : this.write(below, item, [...path, index])
    })
  }

  #union(node: UnionNode, value: unknown, path: Path): DocumentValue {
    if (node.isJson === true) return plainPart(value, path)
    const options = optionsFor(node, value)
    const [only, ...others] = options
    // what is wrong with the one that its tag names is said when all is read
    if (only !== undefined && others.length === 0) return this.write(only, value, path)
    let isOther = false
    let withoutText: Unwritable | undefined
    for (const option of options) {
      const written = attempt(() => this.write(option, value, path))
      if ('error' in written) {
        if (written.error.details.isInvalid !== true) withoutText ??= written.error
        continue
      }
      const read = readDocumentPart(node, written.result)
      if (isReadAs(value, read, this.#options)) return written.result
      isOther ||= read.isValid
    }
    return refuseUnion(value, path, { isOther, withoutText })
  }

  #intersection(node: IntersectionNode, value: unknown, path: Path): DocumentValue {
    const sides = new DocumentWriter({ ...this.#options, isSide: true })
    return node.sides.map((side) => sides.write(side, value, path)).reduce(mergeParts)
  }
}

/** Results of unions, which a recursive schema asks for again in every option that comes back to them. */
export class UnionMemo<R> {
  readonly #known = new Map<
    UnionNode,
    Map<string, { readonly value: unknown; readonly made: Attempted<R> }>
  >()

  once(node: UnionNode, value: unknown, path: Path, make: () => R): R {
    const places = this.#known.get(node) ?? new Map<string, { value: unknown; made: Attempted<R> }>()
    this.#known.set(node, places)
    const place = JSON.stringify(path)
    let known = places.get(place)
    if (known === undefined || !Object.is(known.value, value)) {
      known = { value, made: attempt(make) }
      places.set(place, known)
    }
    if ('error' in known.made) throw known.made.error
    return known.made.result
  }
}

type Attempted<R> = { readonly result: R } | { readonly error: Unwritable }

/** Whether what was read is the value that was written. */
export function isReadAs(value: unknown, read: ValidationResult, { isSide }: WriterOptions): boolean {
  return read.isValid && firstDifference(value, read.value, { ignoresMore: isSide }) === undefined
}

/** The options of a union that a value may be of: the one that its tag names, else all. */
export function optionsFor(node: UnionNode, value: unknown): readonly SchemaNode[] {
  const { discriminator, options } = node
  if (discriminator === undefined || !isPlainObject(value)) return options
  const tag = value[discriminator]
  const tagged = options.filter(
    ({ schema }) => schema._zod.propValues?.[discriminator]?.has(tag as string) === true,
  )
  return tagged.length > 0 ? tagged : options
}

const TAKEN_BY_ANOTHER =
  'another option of the union reads its text as another value. Write what holds it as one JSON document, which tells numbers from text'

/**
 * @param tried `isOther`: what an option has written is read, and as another value. `withoutText`: an option takes a part
 *   that no text is read as
 * @throws Unwritable
 */
export function refuseUnion(
  value: unknown,
  path: Path,
  tried: { readonly isOther: boolean; readonly withoutText: Unwritable | undefined },
): never {
  if (tried.isOther) refuseValue(path, TAKEN_BY_ANOTHER)
  if (tried.withoutText !== undefined) throw tried.withoutText
  return refuseInvalid(path, `no option of the union takes this ${kindOf(value)}`)
}

/** The parts of an object that are given, each with its node. @throws Unwritable */
export function partsOfObject(node: ObjectNode, value: unknown, path: Path, isSide: boolean) {
  if (!isPlainObject(value)) return refuseKind(path, 'object', value)
  const parts: { name: string; below: SchemaNode; part: unknown }[] = []
  for (const [name, part] of Object.entries(value)) {
    if (part === undefined) continue
    const below = node.properties.get(name)?.schemaNode ?? node.catchall
    if (below !== undefined && below.schema._zod.def.type !== 'never') parts.push({ name, below, part })
    else if (!isSide) refuseInvalid([...path, name], 'the schema has no such property')
  }
  return parts
}

/** @throws Unwritable */
export function partsOfRecord(value: unknown, path: Path): readonly (readonly [string, unknown])[] {
  if (!isPlainObject(value)) return refuseKind(path, 'object', value)
  if (Object.hasOwn(value, '__proto__')) refuseValue(path, 'no object can have the name __proto__')
  return Object.entries(value).filter(([, part]) => part !== undefined)
}

/** @throws Unwritable */
export function partsOfMap(value: unknown, path: Path): readonly (readonly [unknown, unknown])[] {
  return value instanceof Map ? [...value] : refuseKind(path, 'Map', value)
}

/** @throws Unwritable */
export function partsOfList({ as }: ListNode, value: unknown, path: Path): readonly unknown[] {
  if (as === 'set') return value instanceof Set ? [...value] : refuseKind(path, 'Set', value)
  if (!Array.isArray(value)) return refuseKind(path, 'array', value)
  const items = Array.from(value as readonly unknown[])
  // a tuple's optional items at its end are missing in the tree
  return as === 'tuple' ? items.slice(0, items.findLastIndex((item) => item !== undefined) + 1) : items
}

/** Numbers and booleans as themselves where the schema takes them so, else the text of the leaf. */
function scalarPart(node: LeafNode, value: unknown, path: Path): DocumentValue {
  if (value === null && node.write(null) !== undefined) return null
  if (typeof value === 'bigint' && node.write(value) !== undefined) return value
  const isTyped = typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
  if (isTyped && Object.is(node.readTyped(value, String(value)), value)) return value
  return node.write(value) ?? refuseScalar(node, value, path)
}

/** What no schema reads, as JSON has it. @throws Unwritable for what JSON has not */
export function plainPart(value: unknown, path: Path): DocumentValue {
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'string' && value.isWellFormed()) return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (Array.isArray(value))
    return Array.from(value as readonly unknown[], (item, index) => plainPart(item, [...path, index]))
  if (!isPlainObject(value)) return refuseValue(path, `JSON has no ${kindOf(value)}`)
  return new Map(partsOfRecord(value, path).map(([name, part]) => [name, plainPart(part, [...path, name])]))
}

/** Each side of an intersection writes the names it knows; where both know one, the first side's value is used. */
function mergeParts(one: DocumentValue, other: DocumentValue): DocumentValue {
  if (!(one instanceof Map) || !(other instanceof Map)) return one
  const merged = new Map<string, DocumentValue>(one)
  for (const [name, part] of other as ReadonlyMap<string, DocumentValue>) {
    const known = merged.get(name)
    merged.set(name, known === undefined ? part : mergeParts(known, part))
  }
  return merged
}
