import { isDeepStrictEqual } from 'node:util'
import type { Plan } from '../schema/plan.ts'
import { isPlainObject } from './document.ts'
import { lock, lockedCopy, MAP_WRITERS, SET_WRITERS } from './lock.ts'
import { namesOf } from './names.ts'
import { concealSecrets, partView } from './redact.ts'

/** Whether two raw values say the same. */
export function isEqual(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === 'object' && typeof b === 'object' && isDeepStrictEqual(a, b))
}

/**
 * A frozen copy of what zod gave, in which every part that equals its counterpart in `previous` is that counterpart
 * itself. Copies, so that a user's default or a shared instance is never frozen under its owner. What freezing does not
 * reach (a Date, Map, Set, URL, bytes) gets its writing methods taken away; instances of other classes are handed on as
 * they are.
 */
export function shareFrozen(previous: unknown, next: unknown, plan: Plan | undefined): unknown {
  if (Object.is(previous, next) || typeof next !== 'object' || next === null) return next
  if (Array.isArray(next)) return shareArray(previous, next, plan)
  if (isPlainObject(next)) return shareObject(previous, next, plan)
  const prototype: unknown = Object.getPrototypeOf(next)
  if (prototype === Map.prototype) return shareMap(previous, next as Map<unknown, unknown>, plan)
  if (prototype === Set.prototype) return shareSet(previous, next as Set<unknown>, plan)
  return lockedCopy(previous, next) ?? next
}

function shareArray(previous: unknown, next: readonly unknown[], plan: Plan | undefined): unknown {
  const before: readonly unknown[] | undefined = Array.isArray(previous) ? previous : undefined
  const copy = next.map((item, index) => shareFrozen(before?.[index], item, partView(plan, next, index)))
  if (before?.length === copy.length && copy.every((item, index) => Object.is(item, before[index])))
    return before
  return Object.freeze(concealSecrets(copy, plan))
}

function shareObject(previous: unknown, next: Record<string, unknown>, plan: Plan | undefined): unknown {
  const before = isPlainObject(previous) ? previous : undefined
  const copy: Record<string, unknown> = {}
  for (const name of Object.keys(next)) {
    if (name === '__proto__') continue
    const prior = before !== undefined && Object.hasOwn(before, name) ? before[name] : undefined
    copy[name] = shareFrozen(prior, next[name], partView(plan, next, name))
  }
  return freezeObject(before, copy, plan)
}

/** `copy` frozen, or `before` if it holds the very same parts; `before` is left out where they are known to differ. */
export function freezeObject(
  before: Record<string, unknown> | undefined,
  copy: Record<string, unknown>,
  plan: Plan | undefined,
): Record<string, unknown> {
  if (before !== undefined) {
    const names = namesOf(copy)
    const isSame = (name: string) => Object.hasOwn(before, name) && Object.is(before[name], copy[name])
    if (names.length === namesOf(before).length && names.every(isSame)) return before
  }
  return Object.freeze(concealSecrets(copy, plan))
}

function shareMap(previous: unknown, next: ReadonlyMap<unknown, unknown>, plan: Plan | undefined): unknown {
  const before = previous instanceof Map ? previous : undefined
  const copy = new Map<unknown, unknown>()
  for (const [key, value] of next)
    copy.set(key, shareFrozen(before?.get(key), value, partView(plan, next, key)))
  if (
    before?.size === copy.size &&
    [...copy].every(([key, value]) => before.has(key) && Object.is(before.get(key), value))
  ) {
    return before
  }
  return lock(concealSecrets(copy, plan), MAP_WRITERS)
}

function shareSet(previous: unknown, next: ReadonlySet<unknown>, plan: Plan | undefined): unknown {
  if (previous instanceof Set && isDeepStrictEqual(previous, next)) return previous
  const copy = new Set([...next].map((item) => shareFrozen(undefined, item, partView(plan, next, 0))))
  return lock(concealSecrets(copy, plan), SET_WRITERS)
}
