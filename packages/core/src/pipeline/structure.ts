import type { Decoder } from './decode.ts'
import { scalarOrFloor } from './input.ts'
import type { IssueWriter } from './issues.ts'
import type { LayerTree } from './layer-tree.ts'
import type { Issue, Origin, UnusedKey } from './outcome.ts'
import { pathText } from './diff.ts'
import { nodeAt, type TreeNode } from './tree-node.ts'
import { nearestName } from './unused.ts'
import { Unreadable } from '../source/source.ts'

/** What no schema can make valid: a node that is a document and a directory in one layer, a scalar where a directory must be. */
export function structureIssues(tree: LayerTree, writer: IssueWriter): Issue[] {
  const issues: Issue[] = []
  for (const document of tree.conflicts) {
    const node = nodeAt(tree.root, document.path)!
    const below = firstKeyBelow(node, document.layer, document.path)
    const origins = [writer.originOfDocument(document)]
    if (below !== undefined) origins.push(writer.origin(document.layer, below.path, below.revision))
    const [first, second] = origins
    const keys = second === undefined ? first!.key : `${first!.key} and ${second.key}`
    const message = `Is a document and a directory at once: ${keys}. Delete one of them`
    issues.push(
      writer.write({
        path: document.path,
        code: 'conflict',
        message,
        expected: undefined,
        received: undefined,
        origins,
      }),
    )
  }
  for (const [entry, path] of tree.misfits) {
    const node = nodeAt(tree.root, path)!
    const found = scalarOrFloor(node, -1)
    const below = firstKeyBelow(node, entry.layer, path)
    if (below === undefined && 'scalar' in found && found.scalar === entry) continue
    const reason = entry.value instanceof Unreadable ? entry.value.reason : 'text that is no JSON object'
    const origins: Origin[] = [writer.originOf(entry, path)]
    if (below !== undefined) origins.push(writer.origin(entry.layer, below.path, below.revision))
    const keys = origins.map((origin) => origin.key).join(' and ')
    const message = `Holds ${reason} where a directory is expected: ${keys}. Delete it, or write the children as one JSON object`
    const code = below === undefined ? 'unreadable' : 'conflict'
    issues.push(writer.write({ path, code, message, expected: 'object', received: undefined, origins }))
  }
  return issues
}

function firstKeyBelow(
  node: TreeNode,
  layer: number,
  path: readonly string[],
): { path: readonly string[]; revision: number } | undefined {
  for (const [name, child] of node.children ?? []) {
    if (child.leafCount === 0) continue
    const at = [...path, name]
    const own =
      child.entries?.find((entry) => entry.layer === layer && entry.document === undefined) ??
      child.documents?.find((document) => document.layer === layer)
    if (own !== undefined) return { path: at, revision: own.revision }
    const deeper = firstKeyBelow(child, layer, at)
    if (deeper !== undefined) return deeper
  }
  return undefined
}

/** Every key that the schema has no place for, and what may have been meant. */
export function unusedKeys(tree: LayerTree, decoder: Decoder, writer: IssueWriter): readonly UnusedKey[] {
  const keys: UnusedKey[] = []
  for (const [holder, spots] of decoder.unused) {
    const live = spots.filter((spot) => spot.node.leafCount > 0)
    if (live.length === 0) decoder.unused.delete(holder)
    for (const spot of live) {
      const didYouMean = nearestName(spot.path.at(-1) ?? '', spot.known)
      addKeys(spot.node, spot.path, didYouMean, writer, keys)
    }
  }
  for (const { layer, path, revision, reason } of tree.misplaced.values()) {
    keys.push({
      origin: writer.rawOrigin(layer, path, revision),
      pathText: path,
      didYouMean: undefined,
      reason,
    })
  }
  return keys
}

function addKeys(
  node: TreeNode,
  path: readonly string[],
  didYouMean: string | undefined,
  writer: IssueWriter,
  keys: UnusedKey[],
): void {
  for (const entry of node.entries ?? []) {
    keys.push({
      origin: writer.originOf(entry, path),
      pathText: pathText(path),
      didYouMean,
      reason: undefined,
    })
  }
  for (const [name, child] of node.children ?? []) addKeys(child, [...path, name], didYouMean, writer, keys)
}

/** Unused keys as issues, where the definition says they are to be rejected. */
export function unusedIssues(unused: readonly UnusedKey[], writer: IssueWriter): Issue[] {
  return unused.map(({ origin, pathText: text, didYouMean, reason }) => {
    const meant = didYouMean === undefined ? '' : `. Did you mean "${didYouMean}"?`
    const message = `${reason === undefined ? 'The schema does not know this key' : `Has ${reason}`}${meant}`
    return writer.write({
      path: text.split('.'),
      code: 'unused',
      message,
      expected: undefined,
      received: undefined,
      origins: [origin],
    })
  })
}
