import { childSchemaNode } from '../schema/child-node.ts'
import { isScalar } from '../schema/directory.ts'
import { coreOf, parts, type SchemaNode, type UnionNode } from '../schema/schema-node.ts'
import { isGiven, type NestedLayers, scalarOrAboveLayer, taggedOptionAt } from './node-content.ts'
import { listedChildren } from './list-order.ts'
import { type Entry, hasKey, isPresent, topEntry, topLayer, type TreeNode } from './tree-node.ts'
import { itemSchemaNode } from './part-node.ts'
import { ReadingNotes } from './reading-notes.ts'
import { readersOf } from './readers-of.ts'
import { unusedInside } from './unused-inside.ts'

/** The unused keys that the validation of a node found. */
export interface UnusedNote {
  /** The path to the node that was validated. */
  readonly path: readonly string[]
  readonly spots: readonly UnusedSpot[]
}

/** A node under which no schema knows anything. */
export interface UnusedSpot {
  readonly path: readonly string[]
  readonly node: TreeNode
  /** Set where the name is inside the value of one key, and how long the path to that key is. */
  readonly inside?: { readonly entry: Entry; readonly depth: number; readonly reason: string | undefined }
  /** What the schema knows around it, to guess what was meant. */
  readonly known: readonly string[]
  /** True below a scalar: only bare keys are unused there, since an object is a value, invalid or covered by another. */
  readonly isBelowScalar?: boolean
}

/** Children of a directory that the schema has no place for. Looks one level down. */
export function unusedChildren(
  schemaNode: SchemaNode,
  node: TreeNode,
  aboveLayer: number,
  path: readonly string[],
  nested: NestedLayers,
): UnusedSpot[] {
  return new Search(nested, NO_NOTES).children([schemaNode], node, aboveLayer, path).spots
}

/** The same for a whole subtree that was given to zod at once. */
export function unusedBelow(
  schemaNode: SchemaNode,
  node: TreeNode,
  aboveLayer: number,
  path: readonly string[],
  nested: NestedLayers,
  notes = NO_NOTES,
): UnusedSpot[] {
  return new Search(nested, notes).below([schemaNode], node, aboveLayer, path)
}

const NO_NOTES = new ReadingNotes()

class Search {
  readonly #nested: NestedLayers
  readonly #notes: ReadingNotes

  constructor(nested: NestedLayers, notes: ReadingNotes) {
    this.#nested = nested
    this.#notes = notes
  }

  /** `schemaNodes` are all that read the node: what one of them knows is known. */
  below(
    schemaNodes: readonly SchemaNode[],
    node: TreeNode,
    aboveLayer: number,
    path: readonly string[],
  ): UnusedSpot[] {
    if (!isPresent(node, aboveLayer)) return []
    const readers = readersOf(schemaNodes, (union) => this.#optionsAt(union, node, aboveLayer))
    if (readers.some(({ type }) => type === 'raw')) return this.#unread(readers, node, aboveLayer, path)
    const spots = this.#spotsInside(readers, node, aboveLayer, path)
    if (node.childCount === 0) return spots
    if (readers.every((reader) => reader.type === 'list')) {
      const top = topLayer(node)
      for (const [index, child] of listedChildren(node, top).entries()) {
        const below = readers.flatMap((reader) => itemSchemaNode(reader, index) ?? [])
        if (below.length > 0) spots.push(...this.#given(below, child, top - 1, [...path, child.name]))
      }
      return spots
    }
    const children = this.children(readers, node, aboveLayer, path)
    spots.push(...children.spots)
    for (const [child, below] of children.known)
      spots.push(...this.below(below, child, aboveLayer, [...path, child.name]))
    return spots
  }

  /** Where everything is known, whatever is there: but for names that no object can hold. */
  #unread(
    readers: readonly SchemaNode[],
    node: TreeNode,
    aboveLayer: number,
    path: readonly string[],
  ): UnusedSpot[] {
    const found = scalarOrAboveLayer(node, aboveLayer)
    if ('scalar' in found) return this.#spotsOf(readers, node, found.scalar, path)
    const present = [...node.children].filter((child) => isPresent(child, found.aboveLayer))
    return present.flatMap((child) => this.#unread(readers, child, found.aboveLayer, [...path, child.name]))
  }

  /** An item of a list: one that is a scalar may not be given. */
  #given(
    schemaNodes: readonly SchemaNode[],
    node: TreeNode,
    aboveLayer: number,
    path: readonly string[],
  ): UnusedSpot[] {
    return this.#isLeftOut(schemaNodes, node, aboveLayer)
      ? [{ path, node, known: NO_NAMES, isBelowScalar: true }]
      : this.below(schemaNodes, node, aboveLayer, path)
  }

  /** Those of a directory, looking one level down. */
  children(
    readers: readonly SchemaNode[],
    node: TreeNode,
    aboveLayer: number,
    path: readonly string[],
  ): Children {
    const spots: UnusedSpot[] = []
    const known: (readonly [TreeNode, readonly SchemaNode[]])[] = []
    const names = knownNames(readers)
    const isBelowScalar = readers.every(({ type }) => type === 'leaf')
    for (const child of node.children) {
      if (!hasKey(child, aboveLayer)) continue
      const below = schemaNodesOfChild(readers, child.name)
      if (below.length > 0 && !isPresent(child, aboveLayer)) continue
      if (below.length > 0) known.push([child, below])
      if (below.length === 0)
        spots.push({ path: [...path, child.name], node: child, known: names, isBelowScalar })
      // The name is right where there is a directory in the place of a scalar.
      else if (this.#isLeftOut(below, child, aboveLayer))
        spots.push({ path: [...path, child.name], node: child, known: NO_NAMES, isBelowScalar: true })
    }
    return { spots, known }
  }

  /** Whether there is nothing but bare keys below where a scalar is meant. */
  #isLeftOut(schemaNodes: readonly SchemaNode[], node: TreeNode, aboveLayer: number): boolean {
    return schemaNodes.every(
      (schemaNode) => isScalar(schemaNode) && !isGiven(schemaNode, node, aboveLayer, this.#nested),
    )
  }

  /** The unknown keys in the value at the node itself, where that value is the one read. */
  #spotsInside(
    readers: readonly SchemaNode[],
    node: TreeNode,
    aboveLayer: number,
    path: readonly string[],
  ): UnusedSpot[] {
    const own = topEntry(node, aboveLayer)
    if (own === undefined || readers.every(({ type }) => type === 'leaf')) return []
    const found = scalarOrAboveLayer(node, aboveLayer)
    const isRead = readers.every(({ type }) => type === 'list')
      ? own.layer === topLayer(node)
      : 'scalar' in found && found.scalar === own
    return isRead ? this.#spotsOf(readers, node, own, path) : []
  }

  #spotsOf(
    readers: readonly SchemaNode[],
    node: TreeNode,
    entry: Entry,
    path: readonly string[],
  ): UnusedSpot[] {
    const isPlain = entry.document !== undefined || this.#nested[entry.layer] === true
    return unusedInside(readers, entry.value, isPlain).map((name) => ({
      path: [...path, ...name.path],
      node,
      inside: { entry, depth: path.length, reason: name.reason },
      known: name.known,
    }))
  }

  #optionsAt(union: UnionNode, node: TreeNode, aboveLayer: number): readonly SchemaNode[] {
    const option = this.#notes.option(node, union) ?? taggedOptionAt(union, node, aboveLayer)
    return option === undefined ? union.options : [option]
  }
}

interface Children {
  readonly spots: UnusedSpot[]
  /** Those that a schema node knows, with all schema nodes that do. */
  readonly known: readonly (readonly [TreeNode, readonly SchemaNode[]])[]
}

function schemaNodesOfChild(readers: readonly SchemaNode[], name: string): readonly SchemaNode[] {
  // Names give the order of a tuple's items, not their places.
  const schemaNodes = readers.flatMap((reader) =>
    reader.type === 'list' ? parts(reader) : (childSchemaNode(reader, name) ?? []),
  )
  return schemaNodes.length > 1 ? [...new Set(schemaNodes)] : schemaNodes
}

const NO_NAMES: readonly string[] = []

/** Asked for at each change of a directory with unused keys. */
const namesBySchema = new WeakMap<SchemaNode, readonly string[]>()

function knownNames(readers: readonly SchemaNode[]): readonly string[] {
  const [reader, ...others] = readers
  if (reader === undefined || others.length > 0) return namesIn(readers)
  let names = namesBySchema.get(reader)
  if (names === undefined) {
    names = namesIn(readers)
    namesBySchema.set(reader, names)
  }
  return names
}

function namesIn(readers: readonly SchemaNode[]): readonly string[] {
  const names = readers.flatMap((reader) => {
    const core = coreOf(reader)
    return core.type === 'object' ? [...core.properties.keys()] : []
  })
  return [...new Set(names)]
}
