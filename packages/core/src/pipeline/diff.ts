import type { Plan } from '../schema/plan.ts'
import { isPlainObject } from './document.ts'
import type { Change, Path } from './outcome.ts'
import { pathText } from './path-text.ts'
import { partView, redact } from './redact.ts'

/** What differs, leaf by leaf. Parts that are the same instance are not looked into; a list is one value. */
export function diffValues(plan: Plan, previous: unknown, next: unknown): Change[] {
  const changes: Change[] = []
  compare({ plan, value: previous }, { plan, value: next }, [], changes)
  return changes
}

/** A part of one of the two values. Each is read by the schema on its own: a tag may choose another option in the other. */
interface Side {
  readonly plan: Plan | undefined
  readonly value: unknown
}

function compare(previous: Side, next: Side, path: Path, changes: Change[]): void {
  if (Object.is(previous.value, next.value)) return
  const names = branchNames(previous.value, next.value)
  if (names === undefined) {
    const type = previous.value === undefined ? 'added' : next.value === undefined ? 'removed' : 'changed'
    const shown = { previous: redact(previous.value, previous.plan), next: redact(next.value, next.plan) }
    changes.push({ type, path, pathText: pathText(path), ...shown })
    return
  }
  for (const name of names) compare(part(previous, name), part(next, name), [...path, name], changes)
}

/** The names to go into, where both sides are objects, or one is and the other is not there. */
function branchNames(previous: unknown, next: unknown): ReadonlySet<string> | undefined {
  const isBranch = (value: unknown) => value === undefined || isPlainObject(value)
  if (!isBranch(previous) || !isBranch(next)) return undefined
  const names = new Set([...Object.keys(previous ?? {}), ...Object.keys(next ?? {})])
  return names.size === 0 ? undefined : names
}

function part({ plan, value }: Side, name: string): Side {
  const isThere = isPlainObject(value) && Object.hasOwn(value, name)
  return { plan: partView(plan, value, name), value: isThere ? value[name] : undefined }
}
