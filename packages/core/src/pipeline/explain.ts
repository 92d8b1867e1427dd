import { planAt } from '../schema/describe.ts'
import type { Plan } from '../schema/plan.ts'
import type { IssueWriter } from './issues.ts'
import { isSecretAt } from '../schema/describe.ts'
import { SECRET_TEXT } from '../schema/secret.ts'
import type { LayerTree } from './layer-tree.ts'
import type { ExplainedLayer, Path } from './outcome.ts'
import { redact } from './redact.ts'
import { nodeAt } from './tree-node.ts'

/** What is at a path, and which layers have a say in it, the highest first. */
export function explainPath(
  plan: Plan,
  tree: LayerTree,
  writer: IssueWriter,
  current: unknown,
  wanted: string | Path,
): { path: Path; value: unknown; layers: readonly ExplainedLayer[] } {
  const path = typeof wanted === 'string' ? (wanted === '' ? [] : wanted.split('.')) : wanted
  const node = nodeAt(tree.root, path)
  const isHidden = isSecretAt(plan, path) || planAt(plan, path)?.hasSecret === true
  const layers = [
    ...(node?.entries ?? []).map((entry) => ({
      layer: entry.layer,
      origin: writer.originOf(entry, path),
      value: isHidden ? SECRET_TEXT : entry.value,
    })),
    ...(node?.documents ?? []).map((document) => ({
      layer: document.layer,
      origin: writer.originOfDocument(document),
      value: isHidden ? SECRET_TEXT : document.value,
    })),
  ]
  layers.sort((a, b) => b.layer - a.layer)
  const value = isSecretAt(plan, path)
    ? secretOrNothing(valueAt(current, path))
    : redact(valueAt(current, path), planAt(plan, path))
  return { path, value, layers: layers.map(({ origin, value: raw }) => ({ origin, value: raw })) }
}

function secretOrNothing(value: unknown): unknown {
  return value === undefined ? undefined : SECRET_TEXT
}

function valueAt(value: unknown, path: Path): unknown {
  let at = value
  for (const segment of path) {
    if (at instanceof Map) at = at.get(segment)
    else if (typeof at !== 'object' || at === null || !Object.hasOwn(at, segment)) return undefined
    else at = (at as Record<string | number, unknown>)[segment]
  }
  return at
}
