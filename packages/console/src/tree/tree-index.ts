import type { AdminTree } from '@livetree/admin'
import type { Path } from '@livetree/core'
import { pathText, type SchemaLeaf } from '@livetree/core/tools'
import type { Access } from '../security/access.ts'
import { lineText } from './shown-text.ts'

/** One place of the tree that a user may see. */
export interface TreeNode {
  readonly name: string
  readonly path: Path
  /** Undefined: a value. */
  readonly children: Map<string, TreeNode> | undefined
  /** Undefined where nothing is set. */
  value: unknown
  /** Values in it, itself included. */
  count: number
}

/** A value with the text that a search looks in. */
interface SearchedNode {
  readonly node: TreeNode
  readonly text: string
}

/** The values of one revision that a user may see, as a tree of names. */
export class TreeIndex {
  readonly root: TreeNode
  #searched: readonly SearchedNode[] | undefined

  /** @param schemaLeaves the places of the schema, which are shown where nothing is set too */
  constructor(tree: AdminTree<unknown>, schemaLeaves: readonly SchemaLeaf[], access: Access) {
    const growing = new GrowingTree(access)
    if (tree.isValid) growing.addParts(tree.redacted(), [])
    else for (const { path, text } of tree.entries()) growing.add(path, text)
    for (const { path } of schemaLeaves) if (!path.includes('<key>')) growing.addMissing(path)
    this.root = growing.root
    countValues(this.root)
  }

  /** The node at a path; undefined where there is none, or none that may be seen. */
  at(path: Path): TreeNode | undefined {
    let node: TreeNode | undefined = this.root
    for (const name of path) node = node?.children?.get(String(name))
    return node
  }

  /** Values that have all words in their path or text, in the order of the tree. */
  search(words: readonly string[]): readonly TreeNode[] {
    this.#searched ??= valuesIn(this.root).map((node) => ({
      node,
      text: `${pathText(node.path)} ${lineText(node.value)}`.toLowerCase(),
    }))
    return this.#searched
      .filter(({ text }) => words.every((word) => text.includes(word)))
      .map(({ node }) => node)
  }
}

/** A tree that names and values are put into. */
class GrowingTree {
  readonly root: TreeNode = { name: '', path: [], children: new Map(), value: undefined, count: 0 }
  readonly #access: Access

  constructor(access: Access) {
    this.#access = access
  }

  /** Adds every scalar, list and empty object of a value. */
  addParts(value: unknown, path: Path): void {
    if (!this.#access.reaches(path)) return
    const parts = partsOf(value)
    if (parts === undefined || (parts.length === 0 && path.length > 0)) this.add(path, value)
    else for (const [name, part] of parts) if (part !== undefined) this.addParts(part, [...path, name])
  }

  add(path: Path, value: unknown): void {
    if (!this.#access.sees(path)) return
    const node = this.#nodeAt(path)
    if (node !== undefined) node.value = value
  }

  /** Adds a place of the schema, unless something is at or below it. */
  addMissing(path: Path): void {
    if (path.length > 0) this.add(path, this.#found(path)?.value)
  }

  #found(path: Path): TreeNode | undefined {
    let node: TreeNode | undefined = this.root
    for (const name of path) node = node?.children?.get(String(name))
    return node
  }

  /** The value at a path; undefined where a value stands above it, or values below it. */
  #nodeAt(path: Path): TreeNode | undefined {
    let node = this.root
    for (const [index, part] of path.entries()) {
      const name = String(part)
      if (node.children === undefined) return undefined
      let child = node.children.get(name)
      if (child === undefined) {
        const children = index === path.length - 1 ? undefined : new Map<string, TreeNode>()
        child = { name, path: path.slice(0, index + 1), children, value: undefined, count: 0 }
        node.children.set(name, child)
      }
      node = child
    }
    return node.children === undefined ? node : undefined
  }
}

/** The names and parts of an object or a map; undefined for everything else. */
function partsOf(value: unknown): readonly (readonly [name: string, part: unknown])[] | undefined {
  if (value instanceof Map) return [...value].map(([name, part]) => [String(name), part])
  if (typeof value !== 'object' || value === null) return undefined
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null ? Object.entries(value) : undefined
}

function countValues(node: TreeNode): number {
  if (node.children === undefined) node.count = 1
  else for (const child of node.children.values()) node.count += countValues(child)
  return node.count
}

function valuesIn(node: TreeNode): readonly TreeNode[] {
  const found: TreeNode[] = []
  const visit = (each: TreeNode) => {
    if (each.children === undefined) found.push(each)
    else for (const child of each.children.values()) visit(child)
  }
  visit(node)
  return found
}
