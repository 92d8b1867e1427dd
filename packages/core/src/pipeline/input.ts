import { isMadeWhenAbsent, isPlainLeaf, isScalar } from '../schema/directory.ts'
import { recordPart } from '../schema/loose-record.ts'
import type {
  ListNode,
  MapNode,
  ObjectNode,
  RecordNode,
  SchemaNode,
  UnionNode,
} from '../schema/schema-node.ts'
import { Unreadable } from '../source/source.ts'
import { isTooCostly } from '../schema/template-text.ts'
import { bareObject } from './document.ts'
import { isValid, mightTake, type RawIssue } from './validate.ts'
import { isExclusive } from './accepted-inputs.ts'
import { coercingOption } from './coercing-option.ts'
import { isTyped } from './kind-of-value.ts'
import { optionsInOrder } from './option-order.ts'
import { listedChildren } from './list-order.ts'
import { TreeWalk } from './tree-walk.ts'
import { type Entry, isPresent, topEntry, topLayer, TreeNode } from './tree-node.ts'
import { inputFrom, mapOf, meansNull, recordOf } from './typed-input.ts'
import { unreadableIssue, UnreadableText } from './document-text.ts'
import {
  isCoveredByObject,
  isGiven,
  isNested,
  isObjectAt,
  type NestedLayers,
  scalarOrAboveLayer,
  taggedOptionAt,
} from './node-content.ts'
import { itemSchemaNode } from './part-node.ts'
import { ReadingNotes, type TakenOption } from './reading-notes.ts'
import { mergeInputs, plainValue } from './plain-value.ts'

const NOTHING = new TreeNode('')
const NONE: NestedLayers = []

/**
 * What zod is given for a node: the tree read by the schema, text made into what the schema takes. Layers up to `aboveLayer`
 * do not count. Values that cannot be read at all are added to `issues`, with their path from the node.
 */
export function inputOf(
  schemaNode: SchemaNode,
  node: TreeNode,
  aboveLayer: number,
  issues: RawIssue[],
  nested: NestedLayers = NONE,
  notes?: ReadingNotes,
): unknown {
  const top = isPlainLeaf(schemaNode) ? topEntry(node, aboveLayer) : undefined
  // the most frequent case, and a tree is mostly leaves
  if (top !== undefined && node.childCount === 0 && !(top.value instanceof Unreadable))
    return inputFrom(schemaNode, top.value)
  return new InputReader(issues, nested, new TreeWalk(notes ?? new ReadingNotes())).read(
    schemaNode,
    node,
    aboveLayer,
    [],
  )
}

class InputReader {
  readonly #issues: RawIssue[]
  readonly #nested: NestedLayers
  readonly #walk: TreeWalk

  constructor(issues: RawIssue[], nested: NestedLayers, walk: TreeWalk) {
    this.#issues = issues
    this.#nested = nested
    this.#walk = walk
  }

  read(schemaNode: SchemaNode, node: TreeNode, aboveLayer: number, path: readonly PropertyKey[]): unknown {
    switch (schemaNode.type) {
      case 'wrapper':
        if (!isGiven(schemaNode, node, aboveLayer, this.#nested) && !isMadeWhenAbsent(schemaNode))
          return undefined
        if (schemaNode.wrapper === 'nullable' && this.#isNull(schemaNode.inner, node, aboveLayer)) return null
        return this.read(schemaNode.inner, node, aboveLayer, path)
      case 'leaf': {
        if (isCoveredByObject(node, aboveLayer, this.#nested))
          return this.#typed(schemaNode, this.#raw(node, aboveLayer, path), true, path)
        const top = topEntry(node, aboveLayer)
        return top === undefined ? undefined : this.#scalar(schemaNode, top, path)
      }
      case 'list':
        return this.#list(schemaNode, node, aboveLayer, path)
      case 'union':
        return this.#remembered(schemaNode, node, aboveLayer, path, (reader) =>
          reader.#chosen(schemaNode, node, aboveLayer),
        )
      case 'intersection':
        return this.#remembered(schemaNode, node, aboveLayer, path, (reader) => {
          const own = node.childCount === 0 ? topEntry(node, aboveLayer) : undefined
          if (own !== undefined) return reader.#scalar(schemaNode, own, [])
          const inputs = schemaNode.sides.map((side) => reader.read(side, node, aboveLayer, []))
          return this.#walk.notes.lossyIfAny(inputs.reduce(mergeInputs), inputs)
        })
      default:
        return this.#directory(schemaNode, node, aboveLayer, path)
    }
  }

  #isNull(inner: SchemaNode, node: TreeNode, aboveLayer: number): boolean {
    const found = this.#scalarOrAboveLayer(inner, node, aboveLayer)
    return 'scalar' in found && meansNull(inner, found.scalar.value, isNested(found.scalar, this.#nested))
  }

  #scalar(schemaNode: SchemaNode, entry: Entry, path: readonly PropertyKey[]): unknown {
    const { value } = entry
    if (value instanceof Unreadable) return this.#readable(value, path)
    return this.#typed(schemaNode, value, isNested(entry, this.#nested), path)
  }

  #typed(schemaNode: SchemaNode, value: unknown, isPlain: boolean, path: readonly PropertyKey[]): unknown {
    return this.#orUnreadable(path, () => inputFrom(schemaNode, value, isPlain, this.#walk))
  }

  /** Bare keys of a higher layer do not cover a value where the schema has only scalars. */
  #scalarOrAboveLayer(schemaNode: SchemaNode, node: TreeNode, aboveLayer: number) {
    const top = isScalar(schemaNode) ? topEntry(node, aboveLayer) : undefined
    const isOpen = top !== undefined && !isCoveredByObject(node, aboveLayer, this.#nested)
    return isOpen ? { scalar: top } : scalarOrAboveLayer(node, aboveLayer)
  }

  #orUnreadable(path: readonly PropertyKey[], make: () => unknown): unknown {
    try {
      return make()
    } catch (error) {
      if (!(error instanceof UnreadableText)) throw error
      return void this.#issues.push({ path, ...unreadableIssue(error.unreadable) })
    }
  }

  #directory(
    schemaNode: SchemaNode,
    node: TreeNode,
    aboveLayer: number,
    path: readonly PropertyKey[],
  ): unknown {
    const found = scalarOrAboveLayer(node, aboveLayer)
    if ('scalar' in found) return this.#scalar(schemaNode, found.scalar, path)
    if (schemaNode.type === 'object') return this.#object(schemaNode, node, found.aboveLayer, path)
    if (schemaNode.type === 'record' || schemaNode.type === 'map') {
      const read = this.#named(schemaNode, node, found.aboveLayer, path)
      const make = () => (schemaNode.type === 'map' ? mapOf(schemaNode, read) : recordOf(schemaNode, read))
      return this.#orUnreadable(path, () => this.#walk.notes.lossyIfAny(make(), [read]))
    }
    return isPresent(node, aboveLayer) ? this.#raw(node, aboveLayer, path) : undefined
  }

  #object(
    schemaNode: ObjectNode,
    node: TreeNode,
    aboveLayer: number,
    path: readonly PropertyKey[],
  ): Record<string, unknown> {
    const input = bareObject()
    for (const property of schemaNode.properties.values()) {
      const child = node.child(property.name) ?? NOTHING
      if (
        isGiven(property.schemaNode, child, aboveLayer, this.#nested) ||
        isMadeWhenAbsent(property.schemaNode)
      )
        input[property.name] = this.read(property.schemaNode, child, aboveLayer, [...path, property.name])
      else if (isPresent(child, aboveLayer)) this.#walk.notes.noteLoss(input)
    }
    const { catchall, properties } = schemaNode
    if (catchall !== undefined)
      this.#readNamed(input, node, aboveLayer, path, ({ name }) =>
        properties.has(name) ? undefined : catchall,
      )
    return this.#walk.notes.lossyIfAny(input, input)
  }

  #named(
    schemaNode: RecordNode | MapNode,
    node: TreeNode,
    aboveLayer: number,
    path: readonly PropertyKey[],
  ): Record<string, unknown> {
    const input = bareObject()
    this.#readNamed(input, node, aboveLayer, path, ({ name }) =>
      schemaNode.type === 'map' ? schemaNode.value : recordPart(schemaNode, name),
    )
    return this.#walk.notes.lossyIfAny(input, input)
  }

  /** Reads the children that the schema knows into `input`. A scalar that is not given is left out, with what is below it. */
  #readNamed(
    input: Record<string, unknown>,
    node: TreeNode,
    aboveLayer: number,
    path: readonly PropertyKey[],
    schemaNodeOf: (child: TreeNode) => SchemaNode | undefined,
  ): void {
    for (const child of node.children) {
      const schemaNode = isPresent(child, aboveLayer) ? schemaNodeOf(child) : undefined
      if (schemaNode === undefined) continue
      if (isGiven(schemaNode, child, aboveLayer, this.#nested))
        input[child.name] = this.read(schemaNode, child, aboveLayer, [...path, child.name])
      else this.#walk.notes.noteLoss(input)
    }
  }

  /** The highest layer that has the list supplies it whole. */
  #list(schemaNode: ListNode, node: TreeNode, aboveLayer: number, path: readonly PropertyKey[]): unknown {
    const top = isPresent(node, aboveLayer) ? topLayer(node, aboveLayer) : -1
    if (top < 0) return undefined
    const own = topEntry(node, aboveLayer)
    if (own?.layer === top) return this.#scalar(schemaNode, own, path)
    // a file or a program says plainly that it is an object, whatever its names
    if (isObjectAt(node, top - 1, this.#nested)) return this.#raw(node, top - 1, path)
    let isLossy = false
    const items = listedChildren(node, top).map((child, index) => {
      const item = itemSchemaNode(schemaNode, index)
      if (item === undefined) return this.#raw(child, top - 1, [...path, index])
      if (isGiven(item, child, top - 1, this.#nested))
        return this.read(item, child, top - 1, [...path, index])
      isLossy = true
      return undefined
    })
    const list = this.#walk.notes.lossyIfAny(schemaNode.as === 'set' ? new Set(items) : items, items)
    if (isLossy) this.#walk.notes.noteLoss(list)
    return list
  }

  #remembered(
    schemaNode: SchemaNode,
    node: TreeNode,
    aboveLayer: number,
    path: readonly PropertyKey[],
    make: (reader: InputReader) => unknown,
  ): unknown {
    const reading = this.#walk.reading(schemaNode, node, aboveLayer, (issues) =>
      make(new InputReader(issues, this.#nested, this.#walk)),
    )
    for (const issue of reading.issues) this.#issues.push({ ...issue, path: [...path, ...issue.path] })
    return reading.input
  }

  /** The input of the option that the tag names, else of the first that takes what is there, else what is there, unread. */
  #chosen(schemaNode: UnionNode, node: TreeNode, aboveLayer: number): unknown {
    const tagged = taggedOptionAt(schemaNode, node, aboveLayer)
    if (tagged !== undefined) return this.read(tagged, node, aboveLayer, [])
    const found = this.#scalarOrAboveLayer(schemaNode, node, aboveLayer)
    if ('scalar' in found) {
      const { value } = found.scalar
      // what a document says plainly is read as it is there, quoted text too
      const isQuoted = typeof value === 'string' && isNested(found.scalar, this.#nested)
      if (schemaNode.isJson || isTyped(value) || isQuoted) return this.#scalar(schemaNode, found.scalar, [])
    }
    const above = 'scalar' in found ? aboveLayer : found.aboveLayer
    const taken: TakenOption[] = []
    const { notes, acceptedInputs } = this.#walk
    const unread: { readonly option: SchemaNode; readonly issues: readonly RawIssue[] }[] = []
    for (const option of optionsInOrder(schemaNode, node, above, this.#nested)) {
      const issues: RawIssue[] = []
      const input = new InputReader(issues, this.#nested, this.#walk).read(option, node, aboveLayer, [])
      // zod would try the option as well; and no other is to be read in the place of one whose value cannot be.
      if (issues.some(isTooCostly) || mightTake(option.schema, input, issues))
        return void this.#issues.push(...issues)
      if (issues.length > 0) unread.push({ option, issues })
      if (issues.length > 0 || input === undefined || !acceptedInputs.accepts(option, input)) continue
      taken.push({ option, input })
      // An option that leaves something out is chosen only where no other takes the whole.
      if (!isExclusive(schemaNode.schema) && !notes.isLossy(input)) break
    }
    const chosen = notes.choose(node, schemaNode, taken)
    const raw = () => (isPresent(node, aboveLayer) ? this.#raw(node, aboveLayer, []) : undefined)
    const input = chosen === undefined ? raw() : chosen.input
    const isRead = chosen !== undefined || !isValid(schemaNode.schema, input)
    this.#issues.push(...((isRead ? coercingOption(unread, input) : unread[0])?.issues ?? []))
    return input
  }

  /** What is there, untouched: text and typed values, directories as plain objects. */
  #raw(node: TreeNode, aboveLayer: number, path: readonly PropertyKey[]): unknown {
    const found = scalarOrAboveLayer(node, aboveLayer)
    if ('scalar' in found) return this.#readable(found.scalar.value, path)
    const input: Record<string, unknown> = {}
    for (const child of node.children) {
      const { name } = child
      if (isPresent(child, found.aboveLayer))
        input[name] = this.#raw(child, found.aboveLayer, [...path, name])
    }
    return input
  }

  /** The value, or nothing and an issue. */
  #readable(value: unknown, path: readonly PropertyKey[]): unknown {
    if (!(value instanceof Unreadable)) return plainValue(value)
    this.#issues.push({ path, ...unreadableIssue(value), isLost: true })
    return undefined
  }
}
