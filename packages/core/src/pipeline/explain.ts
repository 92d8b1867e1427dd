import { isOpenAt, isSecretAt, planAt } from '../schema/describe.ts'
import type { Plan } from '../schema/plan.ts'
import { SECRET_TEXT } from '../schema/secret.ts'
import type { IssueWriter } from './issues.ts'
import type { ExplainedLayer, Path } from './outcome.ts'
import { parsePathText } from './path-text.ts'
import { redact } from './redact.ts'
import { entriesOf } from './tree-node.ts'

/** What is at a path, and which layers have a say in it, the highest first. */
export function explainPath(
  plan: Plan,
  writer: IssueWriter,
  current: unknown,
  wanted: string | Path,
): { path: Path; value: unknown; layers: readonly ExplainedLayer[] } {
  const path = typeof wanted === 'string' ? parsePathText(wanted) : wanted
  const value = valueAt(current, path)
  const isSecret = isSecretAt(plan, path)
  const shown = isSecret && value !== undefined ? SECRET_TEXT : redact(value, planAt(plan, path))
  return { path, value: shown, layers: explainedLayers(plan, writer, path) }
}

function explainedLayers(plan: Plan, writer: IssueWriter, path: Path): ExplainedLayer[] {
  const holder = writer.holder(path)
  if (holder === undefined) return []
  const { node, at } = holder
  const isHidden = plan.hasSecret && !isOpenAt(plan, at)
  const found = [
    ...entriesOf(node).map((entry) => ({ ...entry, origin: writer.originOf(entry, at) })),
    ...(node.documents ?? []).map((mark) => ({ ...mark, origin: writer.originOfDocument(mark) })),
  ]
  found.sort((a, b) => b.layer - a.layer)
  return found.map(({ origin, value }) => ({ origin, value: isHidden ? SECRET_TEXT : value }))
}

function valueAt(value: unknown, path: Path): unknown {
  let at = value
  for (const segment of path) {
    if (at instanceof Map) at = valueOfKey(at, segment)
    else if (typeof at !== 'object' || at === null || !Object.hasOwn(at, segment)) return undefined
    else at = (at as Record<string | number, unknown>)[segment]
  }
  return at
}

/** The keys of a map need not be text; in a path they are. */
function valueOfKey(map: ReadonlyMap<unknown, unknown>, segment: string | number): unknown {
  for (const [key, value] of map) if (String(key) === String(segment)) return value
  return undefined
}
