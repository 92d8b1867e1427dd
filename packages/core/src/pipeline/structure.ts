import { openDepth, schemaNodeAt } from '../schema/describe.ts'
import { isScalar } from '../schema/directory.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import { shortKey } from '../short-text.ts'
import { Unreadable } from '../source/source.ts'
import { scalarOrAboveLayer } from './node-content.ts'
import type { IssueWriter } from './issue-writer.ts'
import type { LayerTree } from './layer-tree.ts'
import { comparePaths } from './name-order.ts'
import type { Issue, Origin } from '../issue.ts'
import { coverOf } from '../format/cover.ts'
import { hiddenBy } from './hidden-by.ts'
import { firstKeyBelow } from './key-below.ts'
import { nodeAt } from './trail.ts'
import { type Entry, entriesOf } from './tree-node.ts'
import { Unopened } from './unopened.ts'

/** What no schema can make valid: a node that is a document and a directory in one layer, a scalar where a directory must be. */
export function structureIssues(tree: LayerTree, writer: IssueWriter): Issue[] {
  const issues = [
    ...documentIssues(tree, writer),
    ...scalarIssues(tree, writer),
    ...mixedNodeIssues(tree, writer),
    ...unreadIssues(tree, writer),
  ]
  // The tree notes them as they occur; they are reported in one order, whatever its history.
  return issues.sort((a, b) => comparePaths(a.path, b.path))
}

function documentIssues(tree: LayerTree, writer: IssueWriter): Issue[] {
  const conflicts = [...tree.conflicts].sort((a, b) => a.layer - b.layer)
  return conflicts.map((document) => {
    const { path, layer } = document
    const node = nodeAt(tree.root, path)
    const below = node && firstKeyBelow(node, layer, path)
    const origins = [writer.originOfDocument(document)]
    if (below !== undefined) origins.push(writer.origin(layer, below.path, below.revision))
    return conflictIssue(path, origins, writer)
  })
}

function scalarIssues(tree: LayerTree, writer: IssueWriter): Issue[] {
  const issues: Issue[] = []
  const scalars = [...tree.scalarsAtDirectories].sort(([a], [b]) => compareEntries(a, b))
  for (const [entry, path] of scalars) {
    const node = nodeAt(tree.root, path)
    if (node === undefined) continue
    const found = scalarOrAboveLayer(node, -1)
    const below = firstKeyBelow(node, entry.layer, path)
    if (below === undefined && 'scalar' in found && found.scalar === entry) continue
    const reason = reasonOf(entry.value, writer.isOpen(path))
    const origins: Origin[] = [writer.originOf(entry, path)]
    if (below !== undefined) origins.push(writer.origin(entry.layer, below.path, below.revision))
    const keys = origins.map((origin) => shortKey(origin.key)).join(' and ')
    const message = `Holds ${reason} where a directory is expected: ${keys}. Delete it, or write the children as one JSON object`
    const unread = entry.value instanceof Unopened ? entry.value.code : 'unreadable'
    const code = below === undefined ? unread : 'conflict'
    issues.push(writer.write({ path, code, message, expected: 'object', received: undefined, origins }))
  }
  return issues
}

/** What cannot be opened below an encrypted place, at a name that the schema does not know. */
function unreadIssues(tree: LayerTree, writer: IssueWriter): Issue[] {
  const issues: Issue[] = []
  for (const [entry, names] of tree.unopenedUnread) {
    const nodes = names.map((_, depth) => nodeAt(tree.root, names.slice(0, depth + 1)) ?? tree.root)
    const { value } = entry
    const isVisible = nodes.at(-1)?.top === entry && hiddenBy([tree.root, ...nodes]) === undefined
    if (!isVisible || !(value instanceof Unopened)) continue
    // Names inside a secret are not shown.
    const path = names.slice(0, openDepth(tree.schemaNode, names))
    const message = `Cannot be read: ${value.reason}`
    const origins = [writer.originOf(entry, names)]
    issues.push(
      writer.write({ path, code: value.code, message, expected: undefined, received: undefined, origins }),
    )
  }
  return issues
}

/** By layer; within one, a leaf of a document comes before a key of its own. */
function compareEntries(a: Entry, b: Entry): number {
  return a.layer - b.layer || Number(a.document === undefined) - Number(b.document === undefined)
}

/** A list, a union, or whatever else may be one value or a directory, that is both in one layer. */
function mixedNodeIssues(tree: LayerTree, writer: IssueWriter): Issue[] {
  const issues: Issue[] = []
  for (const [node, path] of tree.mixedNodes) {
    let isMixed = false
    for (const entry of entriesOf(node)) {
      const isOwn = entry.document === undefined && coverOf(entry.value) === undefined
      const below = isOwn ? firstKeyBelow(node, entry.layer, path) : undefined
      if (below === undefined) continue
      isMixed = true
      if (!isConflict(entry, schemaNodeAt(tree.schemaNode, path), tree)) continue
      const origins = [writer.originOf(entry, path), writer.origin(entry.layer, below.path, below.revision)]
      issues.push(conflictIssue(path, origins, writer))
    }
    if (!isMixed) tree.mixedNodes.delete(node)
  }
  return issues
}

/** Keys below what can only be a scalar are unused, no more; scalars at directories have an issue of their own. */
function isConflict(entry: Entry, schemaNode: SchemaNode | undefined, tree: LayerTree): boolean {
  return schemaNode !== undefined && !tree.scalarsAtDirectories.has(entry) && !isScalar(schemaNode)
}

function conflictIssue(path: readonly string[], origins: readonly Origin[], writer: IssueWriter): Issue {
  const keys = origins.map((origin) => shortKey(origin.key)).join(' and ')
  const message = `Is a document and a directory at once: ${keys}. Delete one of them`
  return writer.write({ path, code: 'conflict', message, expected: undefined, received: undefined, origins })
}

function reasonOf(value: unknown, isOpen: boolean): string {
  if (!(value instanceof Unreadable)) return 'text that is no JSON object'
  const { reason, quoting = reason } = value
  return isOpen ? quoting : reason
}
