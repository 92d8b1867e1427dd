import type { IssueWriter, NamedLayer } from './issues.ts'
import type { LayerTree } from './layer-tree.ts'
import type { Issue } from './outcome.ts'

/** When a removal is too large to be taken at its word. */
export interface GuardOptions {
  /** Share (0 to 1) of a source's leaves that one change may remove. Default 0.5. */
  readonly maxRemovedShare?: number
  /** Removals of fewer leaves than this always pass. Default 5. */
  readonly minRemoved?: number
}

/** One issue for each source that lost too much since the last accepted tree and was not told that this is meant. */
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
    const before = sum(own.map((layer) => acceptedCounts[layer]!))
    if (lost < minRemoved || lost <= before * maxRemovedShare) continue
    const share = Math.round((lost / before) * 100)
    issues.push(
      writer.write({
        path: [],
        code: 'guard',
        message:
          `Removes ${lost} of the ${before} leaves of ${source} (${share} %); more than ${Math.round(maxRemovedShare * 100)} % at once ` +
          'is taken for an accident. Put them back, or say in the same write that the removal is meant',
        expected: undefined,
        received: undefined,
        origins: own
          .filter((layer) => tree.lost[layer]!.size > 0)
          .map((layer) => writer.origin(layer, [], 0)),
      }),
    )
  }
  return issues
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}
