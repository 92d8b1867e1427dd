import type { SchemaNode } from '../schema/schema-node.ts'
import { type LayerInfo, type Leaf, Unreadable } from '../source/source.ts'
import { givenOf, isGivenEncrypted } from './given.ts'
import { hidesSecrets } from './hides-secrets.ts'
import { storedPath } from './stored-path.ts'
import { type DocumentMark, documentOf, type Entry, keyEntry, type TreeNode } from './tree-node.ts'

/** Which leaves are meant; both default to false. */
export interface LeafChoice {
  /** Without secrets, what the schema does not know is left out too. */
  readonly withSecrets?: boolean
  readonly withUnreadable?: boolean
}

/** What a layer has at one node. */
export interface HeldLeaf {
  readonly node: TreeNode
  readonly path: readonly string[]
  readonly own: Entry | DocumentMark
}

/** One layer's leaves as its source gave them, documents whole, but for those that have no place in the tree. */
export function leavesOf(
  schemaNode: SchemaNode,
  root: TreeNode,
  layer: number,
  info: LayerInfo,
  choice: LeafChoice,
): readonly Leaf[] {
  const leaves: Leaf[] = []
  eachLeaf(root, layer, ({ path, own }) => {
    if (!isChosen(schemaNode, info, { path, own }, choice)) return
    leaves.push({ path: storedPath(schemaNode, path, info), value: givenOf(own), revision: own.revision })
  })
  return leaves
}

/** Whether `leavesOf` gives a leaf. An envelope hides what is in it wherever it is kept. */
export function isChosen(
  schemaNode: SchemaNode,
  info: LayerInfo,
  { path, own }: Pick<HeldLeaf, 'path' | 'own'>,
  { withSecrets = false, withUnreadable = false }: LeafChoice,
): boolean {
  const value = givenOf(own)
  if (value instanceof Unreadable && !withUnreadable) return false
  return withSecrets || hidesSecrets(schemaNode, path, value, info)
}

/** Calls `visit` for every key that a layer has in the tree, be its value a document. */
export function eachLeaf(root: TreeNode, layer: number, visit: (held: HeldLeaf) => void): void {
  const walk = (node: TreeNode, path: readonly string[]): void => {
    if (node.leafCount === 0) return
    const own = documentOf(node, layer) ?? keyEntry(node, layer)
    if (own !== undefined) visit({ node, path, own })
    for (const child of node.children) walk(child, [...path, child.name])
  }
  walk(root, [])
}

/** The leaves of a layer that were given encrypted, with the names that lead to them. */
export function encryptedLeaves(
  root: TreeNode,
  layer: number,
): readonly { readonly names: readonly string[]; readonly leaf: Leaf }[] {
  const encrypted: { readonly names: readonly string[]; readonly leaf: Leaf }[] = []
  eachLeaf(root, layer, ({ path, own }) => {
    const leaf = { path: '', value: givenOf(own), revision: own.revision }
    if (isGivenEncrypted(own)) encrypted.push({ names: path, leaf })
  })
  return encrypted
}
