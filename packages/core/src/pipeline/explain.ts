import { isOpenAt, isSecretAt } from '../schema/describe.ts'
import type { Plan } from '../schema/plan.ts'
import { SECRET_TEXT } from '../schema/secret.ts'
import type { IssueWriter } from './issues.ts'
import type { ExplainedLayer, Path } from './outcome.ts'
import { parsePathText } from './path-text.ts'
import { partView, redact } from './redact.ts'
import { entriesOf } from './tree-node.ts'

/** What is at a path, and which layers have a say in it, the highest first. */
export function explainPath(
  plan: Plan,
  writer: IssueWriter,
  current: unknown,
  wanted: string | Path,
): { path: Path; value: unknown; layers: readonly ExplainedLayer[] } {
  const path = typeof wanted === 'string' ? parsePathText(wanted) : wanted
  const value = valueAt(plan, current, path)
  const shown = value !== undefined && isSecretAt(plan, path) ? SECRET_TEXT : value
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

/** What the value has at a path, redacted by the plan of what it really is: a transform may have put a secret anywhere. */
function valueAt(plan: Plan, value: unknown, path: Path): unknown {
  let at: Plan | undefined = plan
  let part = value
  for (const segment of path) {
    const inside = partAt(part, segment)
    if (inside === undefined) return undefined
    at = partView(at, part, segment)
    part = inside
  }
  return redact(part, at)
}

function partAt(value: unknown, segment: string | number): unknown {
  if (value instanceof Map) return valueOfKey(value, segment)
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return undefined
  return (value as Record<string | number, unknown>)[segment]
}

/** The keys of a map need not be text; in a path they are. */
function valueOfKey(map: ReadonlyMap<unknown, unknown>, segment: string | number): unknown {
  for (const [key, value] of map) if (String(key) === String(segment)) return value
  return undefined
}
