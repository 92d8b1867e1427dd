import type { Plan } from '../schema/plan.ts'
import { isPlainObject } from './document.ts'
import type { Change, Path } from './outcome.ts'
import { partView, redact } from './redact.ts'

/** `db.pool.max`; names that hold a dot are quoted. */
export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((segment) => (/[."\s]/.test(String(segment)) ? JSON.stringify(String(segment)) : String(segment)))
    .join('.')
}

/** What differs, leaf by leaf. Parts that are the same instance are not looked into; a list is one value. */
export function diffValues(plan: Plan, previous: unknown, next: unknown): Change[] {
  const changes: Change[] = []
  compare(plan, previous, next, [], changes)
  return changes
}

function compare(
  plan: Plan | undefined,
  previous: unknown,
  next: unknown,
  path: Path,
  changes: Change[],
): void {
  if (Object.is(previous, next)) return
  const before = isPlainObject(previous) ? previous : undefined
  const after = isPlainObject(next) ? next : undefined
  const isBranch =
    (before ?? after) !== undefined &&
    (before !== undefined || previous === undefined) &&
    (after !== undefined || next === undefined)
  const names = isBranch ? new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]) : undefined
  if (names === undefined || names.size === 0) {
    const type = previous === undefined ? 'added' : next === undefined ? 'removed' : 'changed'
    const shown = { previous: redact(previous, plan), next: redact(next, plan) }
    changes.push({ type, path, pathText: pathText(path), ...shown })
    return
  }
  for (const name of names) {
    const inner = partView(plan, after ?? before, name)
    compare(inner, own(before, name), own(after, name), [...path, name], changes)
  }
}

function own(value: Record<string, unknown> | undefined, name: string): unknown {
  return value !== undefined && Object.hasOwn(value, name) ? value[name] : undefined
}
