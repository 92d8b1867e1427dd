import { planAt } from '../schema/describe.ts'
import { isMadeWhenAbsent } from '../schema/plan.ts'
import type { IssueWriter, NamedLayer } from './issues.ts'
import type { LayerTree } from './layer-tree.ts'
import type { Issue, Path } from './outcome.ts'
import { pathText } from './path-text.ts'
import type { TreeNode } from './tree-node.ts'

/** When a removal is too large to be taken at its word. */
export interface GuardOptions {
  /** Share (0 to 1) of a source's leaves that one change may remove, as long as it empties no directory the schema requires. Default 0.5. */
  readonly maxRemovedShare?: number
  /** Removals of fewer leaves than this always pass. Default 5. */
  readonly minRemoved?: number
}

/**
 * What a source that was not told that it is meant has lost too much of since the last accepted tree: its leaves on the
 * whole, or all that was in a directory which the schema requires.
 */
export function guardIssues(
  tree: LayerTree,
  layers: readonly NamedLayer[],
  acceptedCounts: readonly number[],
  allowed: ReadonlySet<string>,
  options: GuardOptions,
  writer: IssueWriter,
): Issue[] {
  const { maxRemovedShare = 0.5, minRemoved = 5 } = options
  const issues: Issue[] = []
  for (const source of new Set(layers.map((layer) => layer.source))) {
    if (allowed.has(source)) continue
    const own = [...layers.keys()].filter((layer) => layers[layer]!.source === source)
    const lost = sum(own.map((layer) => tree.lost[layer]!.size))
    if (lost < minRemoved) continue
    const before = sum(own.map((layer) => acceptedCounts[layer]!))
    const losers = own.filter((layer) => tree.lost[layer]!.size > 0)
    const issue = (path: Path, what: string) => {
      const origins = losers.map((layer) => writer.origin(layer, path, 0))
      const message = `Removes ${what}, which is taken for an accident. Put them back, or say in the same write that the removal is meant`
      return writer.write({ path, code: 'guard', message, expected: undefined, received: undefined, origins })
    }
    if (lost > before * maxRemovedShare) {
      const shares = `${Math.round((lost / before) * 100)} %; more than ${Math.round(maxRemovedShare * 100)} % at once`
      issues.push(issue([], `${lost} of the ${before} leaves of ${source} (${shares})`))
    }
    for (const { path, count } of emptied(tree, losers)) {
      if (count >= minRemoved) issues.push(issue(path, `all ${count} leaves of ${pathText(path)}`))
    }
  }
  return issues
}

/** Directories that the schema requires and that have nothing in them any more, with how much they have lost. */
function emptied(tree: LayerTree, losers: readonly number[]): Iterable<{ path: Path; count: number }> {
  const found = new Map<string, { path: Path; count: number }>()
  for (const path of losers.flatMap((layer) => [...tree.lost[layer]!.values()])) {
    const top = path.slice(0, depthOfEmpty(tree.root, path))
    const isSubtree = top.length > 0 && top.length < path.length
    const plan = isSubtree ? planAt(tree.plan, top) : undefined
    if (plan === undefined || !isMadeWhenAbsent(plan)) continue
    const id = pathText(top)
    found.set(id, { path: top, count: (found.get(id)?.count ?? 0) + 1 })
  }
  return found.values()
}

/** How far down a path the first node without anything is. */
function depthOfEmpty(root: TreeNode, path: readonly string[]): number {
  let node: TreeNode | undefined = root
  for (let depth = 0; depth < path.length; depth++) {
    if (node === undefined || node.leafCount === 0) return depth
    node = node.child(path[depth]!)
  }
  return path.length
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}
