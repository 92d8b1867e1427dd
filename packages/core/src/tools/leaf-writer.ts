import type { Path } from '../issue.ts'
import { isNullText, isPlainObject } from '../pipeline/document.ts'
import { readJson } from '../pipeline/document.ts'
import { itemSchemaNode } from '../pipeline/part-node.ts'
import { isMadeWhenAbsent } from '../schema/directory.ts'
import { recordPart } from '../schema/loose-record.ts'
import type {
  IntersectionNode,
  ListNode,
  MapNode,
  ObjectNode,
  RawNode,
  RecordNode,
  SchemaNode,
  UnionNode,
} from '../schema/schema-node.ts'
import { type DocumentValue, jsonText } from './document-value.ts'
import {
  DocumentWriter,
  isReadAs,
  optionsFor,
  partsOfList,
  partsOfMap,
  partsOfObject,
  partsOfRecord,
  plainPart,
  refuseUnion,
  UnionMemo,
  type WriterOptions,
} from './document-writer.ts'
import { writeThroughPipe } from './encode-pipe.ts'
import type { ValidationResult } from '../pipeline/validate.ts'
import { readLeaves, type TextLeaf } from './read-back.ts'
import { unstorable } from './reserved-names.ts'
import { refuseScalar } from './scalar-words.ts'
import { attempt, kindOf, refuseMissing, refuseValue, type Unwritable } from './unwritable.ts'

/** How an object, a record, a map or a list stands in the tree: a key for each part, or one key with a JSON document. */
export type WrittenForm = 'children' | 'document'

export interface LeafWriterOptions extends WriterOptions {
  /** The path of the written place: the paths of leaves begin there. */
  readonly base: Path
  /** The form of a list, an object, a record or a map, by its path from the root of the schema. */
  formAt(path: Path): WrittenForm | undefined
}

type PartOf = SchemaNode & { readonly type: 'object' | 'record' | 'map' | 'list' }

/** Writes values as keys of a tree: the reverse of `inputOf`. What it writes has to be read back before it is used. */
export class LeafWriter {
  readonly #options: LeafWriterOptions
  readonly #documents: DocumentWriter
  readonly #unions = new UnionMemo<TextLeaf[]>()

  constructor(options: LeafWriterOptions) {
    this.#options = options
    this.#documents = new DocumentWriter(options)
  }

  /**
   * The leaves of a value, of which there may be none.
   *
   * @param at names from the written place
   * @param mayVanish an empty object is read where there is no key
   * @throws Unwritable
   */
  write(node: SchemaNode, value: unknown, at: readonly string[], mayVanish: boolean): TextLeaf[] {
    if (value === undefined) return []
    const leaves = this.#inside(node, value, at)
    const isEmpty = leaves.length === 0 && (isPlainObject(value) || value instanceof Map)
    return isEmpty && !mayVanish ? [{ path: at, text: '{}' }] : leaves
  }

  #inside(node: SchemaNode, value: unknown, at: readonly string[]): TextLeaf[] {
    switch (node.type) {
      case 'wrapper': {
        if (node.wrapper === 'nullable') return this.#nullable(node.inner, value, at)
        const inside = (inner: unknown) => this.#inside(node.inner, inner, at)
        if (node.wrapper !== 'pipe') return inside(value)
        return writeThroughPipe(
          node,
          value,
          { path: this.#pathOf(at), note: this.#options.noteOneWay },
          inside,
        )
      }
      case 'leaf':
        return [{ path: at, text: node.write(value) ?? refuseScalar(node, value, this.#pathOf(at)) }]
      case 'raw':
        return this.#raw(node, value, at)
      case 'union':
        return this.#unions.once(node, value, at, () => this.#union(node, value, at))
      case 'intersection':
        return this.#intersection(node, value, at)
      default:
        return this.#composite(node, value, at)
    }
  }

  #pathOf(at: readonly string[]): Path {
    return [...this.#options.base, ...at]
  }

  #nullable(inner: SchemaNode, value: unknown, at: readonly string[]): TextLeaf[] {
    if (value === null) return [{ path: at, text: 'null' }]
    const leaves = this.#inside(inner, value, at)
    if (leaves.some(({ path, text }) => path.length === at.length && isNullText(text)))
      refuseValue(this.#pathOf(at), 'its text "null" is read as null')
    return leaves
  }

  /** In the form that is asked for; what has no keys of its own, in a document where that can be. */
  #composite(node: PartOf, value: unknown, at: readonly string[]): TextLeaf[] {
    const form = this.#options.formAt(this.#pathOf(at)) ?? (node.type === 'list' ? 'document' : 'children')
    if (form === 'document') return [this.#document(node, value, at)]
    const children = attempt(() => this.#children(node, value, at))
    return 'result' in children ? children.result : this.#orDocument(node, value, at, children.error)
  }

  #orDocument(node: SchemaNode, value: unknown, at: readonly string[], error: Unwritable): TextLeaf[] {
    const document = this.#canBeDocument(at) && attempt(() => this.#document(node, value, at))
    if (document !== false && 'result' in document) return [document.result]
    throw error
  }

  /** A layer as a whole is not made a document unasked: no other key could stand beside it. */
  #canBeDocument(at: readonly string[]): boolean {
    return this.#pathOf(at).length > 0 && !this.#options.isSide
  }

  #document(node: SchemaNode, value: unknown, at: readonly string[]): TextLeaf {
    return { path: at, text: jsonText(this.#documents.write(node, value, this.#pathOf(at))) }
  }

  #children(node: PartOf, value: unknown, at: readonly string[]): TextLeaf[] {
    switch (node.type) {
      case 'object':
        return this.#object(node, value, at)
      case 'record':
        return this.#record(node, value, at)
      case 'map':
        return this.#map(node, value, at)
      case 'list':
        return this.#list(node, value, at)
    }
  }

  #object(node: ObjectNode, value: unknown, at: readonly string[]): TextLeaf[] {
    const parts = partsOfObject(node, value, this.#pathOf(at), this.#options.isSide)
    return parts.flatMap(({ name, below, part }) => {
      const mayVanish = node.properties.has(name) && isMadeWhenAbsent(below)
      return this.write(below, part, this.#child(at, name), mayVanish)
    })
  }

  #record(node: RecordNode, value: unknown, at: readonly string[]): TextLeaf[] {
    const parts = partsOfRecord(value, this.#pathOf(at))
    return parts.flatMap(([name, part]) => this.#kept(recordPart(node, name), part, this.#child(at, name)))
  }

  #map(node: MapNode, value: unknown, at: readonly string[]): TextLeaf[] {
    const path = this.#pathOf(at)
    return partsOfMap(value, path).flatMap(([key, part]) => {
      const name = this.#documents.keyText(node, key, path)
      return this.#kept(node.value, part, this.#child(at, name))
    })
  }

  #list(node: ListNode, value: unknown, at: readonly string[]): TextLeaf[] {
    const items = partsOfList(node, value, this.#pathOf(at))
    // no key says that there is an empty list
    if (items.length === 0) return [{ path: at, text: '[]' }]
    return items.flatMap((item, index) => {
      const below = itemSchemaNode(node, index)
      const child = [...at, String(index)]
      return below === undefined
        ? refuseValue(this.#pathOf(child), 'the tuple has no such item')
        : this.#kept(below, item, child)
    })
  }

  /** The leaves of a part that is there only if it has a key. */
  #kept(node: SchemaNode, value: unknown, at: readonly string[]): TextLeaf[] {
    const leaves = this.write(node, value, at, false)
    return leaves.length > 0 ? leaves : refuseMissing(this.#pathOf(at))
  }

  #child(at: readonly string[], name: string): readonly string[] {
    const child = [...at, name]
    if (name === '__proto__' || unstorable(name) !== undefined)
      refuseValue(this.#pathOf(child), `no key can have the segment ${JSON.stringify(name)}`)
    return child
  }

  #raw(node: RawNode, value: unknown, at: readonly string[]): TextLeaf[] {
    const inner = this.#documents.preprocessed(node)
    if (inner !== undefined) return this.#inside(inner, value, at)
    if (typeof value === 'string' && value.isWellFormed()) return [{ path: at, text: value }]
    if (isPlainObject(value) && Object.keys(value).length > 0)
      return Object.entries(value).flatMap(([name, part]) => this.#raw(node, part, this.#child(at, name)))
    return refuseValue(
      this.#pathOf(at),
      `no key's text is read as ${kindOf(value)} here, since the schema does not say what is in it. Describe it in the schema`,
    )
  }

  #union(node: UnionNode, value: unknown, at: readonly string[]): TextLeaf[] {
    if (node.isJson === true) return [{ path: at, text: jsonOrPlainText(value, this.#pathOf(at)) }]
    const options = optionsFor(node, value)
    const [only, ...others] = options
    // what is wrong with the one that its tag names is said when all is read
    if (only !== undefined && others.length === 0) return this.write(only, value, at, false)
    const canBeDocument = typeof value === 'object' && value !== null && this.#canBeDocument(at)
    let isOther = false
    let withoutText: Unwritable | undefined
    for (const option of options) {
      const ways = [() => this.write(option, value, at, false)]
      if (canBeDocument) ways.push(() => [this.#document(option, value, at)])
      for (const way of ways) {
        const written = attempt(way)
        if ('error' in written) {
          if (written.error.details.isInvalid !== true) withoutText ??= written.error
          continue
        }
        const read = this.#readBack(node, written.result, at)
        if (isReadAs(value, read, this.#options)) return written.result
        isOther ||= read.isValid
      }
    }
    return refuseUnion(value, this.#pathOf(at), { isOther, withoutText })
  }

  #readBack(node: SchemaNode, leaves: readonly TextLeaf[], at: readonly string[]): ValidationResult {
    const below = leaves.map(({ path, text }) => ({ path: path.slice(at.length), text }))
    return readLeaves(node, below, { isRenamed: this.#options.naming !== 'exact' })
  }

  #intersection(node: IntersectionNode, value: unknown, at: readonly string[]): TextLeaf[] {
    if (this.#options.formAt(this.#pathOf(at)) === 'document') return [this.#document(node, value, at)]
    const sides = new LeafWriter({ ...this.#options, isSide: true })
    const written = attempt(() => {
      const byPath = new Map<string, TextLeaf>()
      for (const leaf of node.sides.flatMap((side) => sides.write(side, value, at, true))) {
        const place = JSON.stringify(leaf.path)
        if (!byPath.has(place)) byPath.set(place, leaf)
      }
      return [...byPath.values()]
    })
    return 'result' in written ? written.result : this.#orDocument(node, value, at, written.error)
  }
}

/** The text of `z.json()`: text as it is, unless it is JSON itself. */
function jsonOrPlainText(value: unknown, path: Path): string {
  const part: DocumentValue = plainPart(value, path)
  return typeof part === 'string' && readJson(part) === undefined ? part : jsonText(part)
}
