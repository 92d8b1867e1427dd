import { isMadeWhenAbsent, isScalar } from '../schema/directory.ts'
import {
  coreOf,
  type ListNode,
  type ObjectNode,
  type SchemaNode,
  type UnionNode,
} from '../schema/schema-node.ts'
import { Unreadable } from '../source/source.ts'
import { textOfScalar } from '../format/written-scalar.ts'
import { bareObject } from './document.ts'
import { isValid, type RawIssue } from './validate.ts'
import { isExclusive, Verdicts } from './verdicts.ts'
import { listedChildren } from './list-order.ts'
import { type Entry, isPresent, topEntry, topLayer, TreeNode } from './tree-node.ts'
import { inputFrom, mapOf, meansNull, recordOf } from './typed-input.ts'
import { UnreadableText } from './document-text.ts'
import {
  isGiven,
  isObjectAt,
  type NestedLayers,
  scalarOrFloor,
  someChild,
  taggedOptionAt,
} from './node-content.ts'
import { itemSchemaNode } from './part-node.ts'
import { exclusiveInput, mergeInputs, plainValue } from './plain-value.ts'

const NOTHING = new TreeNode('')
const NONE: NestedLayers = []

/**
 * What zod is given for a node: the tree read by the schema, text made into what the schema takes. Layers up to `floor`
 * do not count. Values that cannot be read at all are added to `issues`, with their path from the node.
 */
export function inputOf(
  schemaNode: SchemaNode,
  node: TreeNode,
  aboveLayer: number,
  issues: RawIssue[],
  nested: NestedLayers = NONE,
): unknown {
  const top =
    schemaNode.type === 'leaf' && schemaNode.isCoerced !== true ? topEntry(node, aboveLayer) : undefined
  // the most frequent case, and a tree is mostly leaves
  if (top !== undefined && !(top.value instanceof Unreadable)) return inputFrom(schemaNode, top.value)
  return new InputReader(issues, nested).read(schemaNode, node, aboveLayer, [])
}

/** What a union or an intersection came to at a node, so that parts inside one another do not have it read again and again. */
interface Reading {
  readonly plan: SchemaNode
  readonly floor: number
  readonly input: unknown
  readonly issues: readonly RawIssue[]
}

/** What is found once in one walk over a tree. */
class Walk {
  readonly readings = new Map<TreeNode, Reading[]>()
  readonly verdicts = new Verdicts()
}

class InputReader {
  readonly #issues: RawIssue[]
  readonly #nested: NestedLayers
  readonly #walk: Walk

  constructor(issues: RawIssue[], nested: NestedLayers, walk = new Walk()) {
    this.#issues = issues
    this.#nested = nested
    this.#walk = walk
  }

  read(schemaNode: SchemaNode, node: TreeNode, aboveLayer: number, path: readonly PropertyKey[]): unknown {
    switch (schemaNode.type) {
      case 'wrapper':
        if (!isGiven(schemaNode, node, aboveLayer) && !isMadeWhenAbsent(schemaNode)) return undefined
        if (schemaNode.wrapper === 'nullable' && this.#isNull(schemaNode.inner, node, aboveLayer)) return null
        return this.read(schemaNode.inner, node, aboveLayer, path)
      case 'leaf': {
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
          return inputs.reduce(mergeInputs)
        })
      default:
        return this.#directory(schemaNode, node, aboveLayer, path)
    }
  }

  #isNull(inner: SchemaNode, node: TreeNode, aboveLayer: number): boolean {
    const found = scalarOrFloor(node, aboveLayer)
    return 'scalar' in found && meansNull(inner, found.scalar.value, this.#isNested(found.scalar))
  }

  #scalar(schemaNode: SchemaNode, entry: Entry, path: readonly PropertyKey[]): unknown {
    const { value } = entry
    if (value instanceof Unreadable) return this.#readable(value, path)
    return this.#orUnreadable(path, () =>
      inputFrom(schemaNode, value, this.#isNested(entry), this.#walk.verdicts),
    )
  }

  #orUnreadable(path: readonly PropertyKey[], make: () => unknown): unknown {
    try {
      return make()
    } catch (error) {
      if (!(error instanceof UnreadableText)) throw error
      return this.#readable(error.unreadable, path)
    }
  }

  /** Whether an entry is part of a document, or of objects that a file or a program nests. */
  #isNested({ document, layer }: Entry): boolean {
    return document !== undefined || this.#nested[layer] === true
  }

  #directory(
    schemaNode: SchemaNode,
    node: TreeNode,
    aboveLayer: number,
    path: readonly PropertyKey[],
  ): unknown {
    const found = scalarOrFloor(node, aboveLayer)
    if ('scalar' in found) return this.#scalar(schemaNode, found.scalar, path)
    if (schemaNode.type === 'object') return this.#object(schemaNode, node, found.floor, path)
    if (schemaNode.type === 'record' || schemaNode.type === 'map') {
      const read = this.#named(schemaNode.value, node, found.floor, path)
      return this.#orUnreadable(path, () =>
        schemaNode.type === 'map' ? mapOf(schemaNode, read) : recordOf(schemaNode, read),
      )
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
      if (!isGiven(property.schemaNode, child, aboveLayer) && !isMadeWhenAbsent(property.schemaNode)) continue
      input[property.name] = this.read(property.schemaNode, child, aboveLayer, [...path, property.name])
    }
    if (schemaNode.catchall === undefined) return input
    for (const child of node.children) {
      const { name } = child
      if (schemaNode.properties.has(name) || !isPresent(child, aboveLayer)) continue
      input[name] = this.read(schemaNode.catchall, child, aboveLayer, [...path, name])
    }
    return input
  }

  #named(
    schemaNode: SchemaNode,
    node: TreeNode,
    aboveLayer: number,
    path: readonly PropertyKey[],
  ): Record<string, unknown> {
    const input = bareObject()
    for (const child of node.children) {
      const { name } = child
      if (isGiven(schemaNode, child, aboveLayer))
        input[name] = this.read(schemaNode, child, aboveLayer, [...path, name])
    }
    return input
  }

  /** The highest layer that has the list supplies it whole. */
  #list(schemaNode: ListNode, node: TreeNode, aboveLayer: number, path: readonly PropertyKey[]): unknown {
    const top = isPresent(node, aboveLayer) ? topLayer(node) : -1
    if (top < 0) return undefined
    const own = node.top
    if (own?.layer === top) return this.#scalar(schemaNode, own, path)
    // a file or a program says plainly that it is an object, whatever its names
    if (isObjectAt(node, top - 1, this.#nested)) return this.#raw(node, top - 1, path)
    const items = listedChildren(node, top).map((child, index) => {
      const item = itemSchemaNode(schemaNode, index)
      return item === undefined
        ? this.#raw(child, top - 1, [...path, index])
        : this.read(item, child, top - 1, [...path, index])
    })
    return schemaNode.as === 'set' ? new Set(items) : items
  }

  #remembered(
    schemaNode: SchemaNode,
    node: TreeNode,
    aboveLayer: number,
    path: readonly PropertyKey[],
    make: (reader: InputReader) => unknown,
  ): unknown {
    const { readings } = this.#walk
    const known = readings.get(node) ?? []
    let reading = known.find((one) => one.plan === schemaNode && one.floor === aboveLayer)
    if (reading === undefined) {
      const issues: RawIssue[] = []
      const input = make(new InputReader(issues, this.#nested, this.#walk))
      reading = { plan: schemaNode, floor: aboveLayer, input, issues }
      readings.set(node, [...known, reading])
    }
    for (const issue of reading.issues) this.#issues.push({ ...issue, path: [...path, ...issue.path] })
    return reading.input
  }

  /** The input of the option that the tag names, else of the first that takes what is there, else what is there, unread. */
  #chosen(schemaNode: UnionNode, node: TreeNode, aboveLayer: number): unknown {
    const tagged = taggedOptionAt(schemaNode, node, aboveLayer)
    if (tagged !== undefined) return this.read(tagged, node, aboveLayer, [])
    const found = scalarOrFloor(node, aboveLayer)
    if ('scalar' in found) {
      const { value } = found.scalar
      // what a document says plainly is read as it is there, quoted text too
      const isTyped = textOfScalar(value) !== undefined
      const isQuoted = typeof value === 'string' && this.#isNested(found.scalar)
      if (schemaNode.isJson || isTyped || isQuoted) return this.#scalar(schemaNode, found.scalar, [])
    }
    const floor = 'scalar' in found ? aboveLayer : found.floor
    const taken: unknown[] = []
    let unread: readonly RawIssue[] = []
    for (const option of this.#optionsInOrder(schemaNode, node, floor)) {
      const issues: RawIssue[] = []
      const input = new InputReader(issues, this.#nested, this.#walk).read(option, node, aboveLayer, [])
      if (unread.length === 0) unread = issues
      if (issues.length > 0 || input === undefined || !this.#walk.verdicts.takes(option, input)) continue
      if (!isExclusive(schemaNode.schema)) return input
      taken.push(input)
    }
    if (taken.length > 0) return exclusiveInput(taken)
    const raw = isPresent(node, aboveLayer) ? this.#raw(node, aboveLayer, []) : undefined
    // zod would coerce what an option has refused.
    if (unread.length > 0 && isValid(schemaNode.schema, raw)) this.#issues.push(...unread)
    return raw
  }

  /**
   * The options of a union as they are tried. Where a directory covers a lower layer's text (`floor` is that layer), no
   * text is meant; where it is an object of a document, no list is; where its names are no numbers, a list is the last
   * thing that is meant.
   */
  #optionsInOrder({ options }: UnionNode, node: TreeNode, aboveLayer: number): readonly SchemaNode[] {
    const isCovered = (topEntry(node, -1)?.layer ?? -1) === aboveLayer && aboveLayer >= 0
    const directories = isCovered ? options.filter((option) => !isScalar(option)) : []
    const tried = directories.length > 0 ? directories : options
    const isList = (option: SchemaNode) => coreOf(option).type === 'list'
    if (!tried.some(isList)) return tried
    const others = tried.filter((option) => !isList(option))
    if (isObjectAt(node, aboveLayer, this.#nested)) return others
    const isNamed = someChild(node, (child) => isPresent(child, aboveLayer) && !/^\d+$/.test(child.name))
    return isNamed ? [...others, ...tried.filter(isList)] : tried
  }

  /** What is there, untouched: text and typed values, directories as plain objects. */
  #raw(node: TreeNode, aboveLayer: number, path: readonly PropertyKey[]): unknown {
    const found = scalarOrFloor(node, aboveLayer)
    if ('scalar' in found) return this.#readable(found.scalar.value, path)
    const input: Record<string, unknown> = {}
    for (const child of node.children) {
      const { name } = child
      if (isPresent(child, found.floor)) input[name] = this.#raw(child, found.floor, [...path, name])
    }
    return input
  }

  /** The value, or nothing and an issue. */
  #readable(value: unknown, path: readonly PropertyKey[]): unknown {
    if (!(value instanceof Unreadable)) return plainValue(value)
    this.#issues.push({ path, code: 'unreadable', message: `Cannot be read: ${value.reason}`, isOurs: true })
    return undefined
  }
}
