import { types } from 'node:util'
import type { SchemaNode } from '../schema/schema-node.ts'
import { Sealed } from '../sealed.ts'
import { isPlainObject } from './document.ts'
import { isPlainList, isSameList } from './is-equal.ts'
import { PromiseInsideError } from './validate.ts'
import { lock, lockedCopy, MAP_WRITERS, SET_WRITERS } from '../schema/lock.ts'
import { namesOf } from './names.ts'
import { concealSecrets, partView } from './redact.ts'

/**
 * A frozen copy of what zod gave, in which every part that equals its counterpart in `previous` is that counterpart
 * itself. Copies, so that a user's default or a shared instance is never frozen under its owner. What freezing does not
 * reach (a Date, Map, Set, URL, bytes) gets its writing methods taken away; instances of other classes are handed on as
 * they are.
 */
export function shareFrozen(previous: unknown, next: unknown, schemaNode: SchemaNode | undefined): unknown {
  if (Object.is(previous, next) || typeof next !== 'object' || next === null) return next
  if (isPlainList(next)) return shareArray(previous, next, schemaNode)
  if (isPlainObject(next)) return shareObject(previous, next, schemaNode)
  if (types.isPromise(next)) throw new PromiseInsideError()
  const prototype: unknown = Object.getPrototypeOf(next)
  if (prototype === Map.prototype) return shareMap(previous, next as Map<unknown, unknown>, schemaNode)
  if (prototype === Set.prototype) return shareSet(previous, next as Set<unknown>, schemaNode)
  if (next instanceof Sealed) return shareSealed(previous, next)
  return lockedCopy(previous, next) ?? next
}

/** What it holds is frozen and shared as any other value; the same content keeps its holder. */
function shareSealed(previous: unknown, next: Sealed<unknown>): unknown {
  const before = previous instanceof Sealed ? previous : undefined
  const content = shareFrozen(before?.reveal(), next.reveal(), undefined)
  if (before !== undefined && Object.is(before.reveal(), content)) return before
  return Object.is(next.reveal(), content) ? next : new Sealed(content)
}

function shareArray(
  previous: unknown,
  next: readonly unknown[],
  schemaNode: SchemaNode | undefined,
): unknown {
  const before = isPlainList(previous) ? previous : undefined
  const copy = next.map((item, index) =>
    shareFrozen(before?.[index], item, partView(schemaNode, next, index)),
  )
  if (before !== undefined && isSameList(copy, before, Object.is)) return before
  return Object.freeze(concealSecrets(copy, schemaNode))
}

function shareObject(
  previous: unknown,
  next: Record<string, unknown>,
  schemaNode: SchemaNode | undefined,
): unknown {
  const before = isPlainObject(previous) ? previous : undefined
  const copy: Record<string, unknown> = {}
  for (const name of Object.keys(next)) {
    if (name === '__proto__') continue
    const prior = before !== undefined && Object.hasOwn(before, name) ? before[name] : undefined
    copy[name] = shareFrozen(prior, next[name], partView(schemaNode, next, name))
  }
  return freezeObject(before, copy, schemaNode)
}

/** `copy` frozen, or `before` if it holds the very same parts; `before` is left out where they are known to differ. */
export function freezeObject(
  before: Record<string, unknown> | undefined,
  copy: Record<string, unknown>,
  schemaNode: SchemaNode | undefined,
): Record<string, unknown> {
  if (before !== undefined) {
    const names = namesOf(copy)
    const others = namesOf(before)
    // the order is part of the value: one tree has one value, whatever was there before
    const hasSameNames = names === others || isSameList(names, others, Object.is)
    if (hasSameNames && names.every((name) => Object.is(before[name], copy[name]))) return before
  }
  return Object.freeze(concealSecrets(copy, schemaNode))
}

function shareMap(
  previous: unknown,
  next: ReadonlyMap<unknown, unknown>,
  schemaNode: SchemaNode | undefined,
): unknown {
  const before = previous instanceof Map ? previous : undefined
  const keysBefore = before && [...before.keys()]
  const copy = new Map<unknown, unknown>()
  for (const [given, value] of next) {
    // a transform may make keys that can be written: one at the same place keeps its identity
    const key = shareFrozen(keysBefore?.[copy.size], given, undefined)
    copy.set(key, shareFrozen(before?.get(key), value, partView(schemaNode, next, given)))
  }
  if (before !== undefined && isSameList([...copy].flat(), [...before].flat(), Object.is)) return before
  return lock(concealSecrets(copy, schemaNode), MAP_WRITERS)
}

function shareSet(
  previous: unknown,
  next: ReadonlySet<unknown>,
  schemaNode: SchemaNode | undefined,
): unknown {
  const before = previous instanceof Set ? [...(previous as ReadonlySet<unknown>)] : undefined
  const items = [...next].map((item, index) =>
    shareFrozen(before?.[index], item, partView(schemaNode, next, 0)),
  )
  if (before !== undefined && isSameList(items, before, Object.is)) return previous
  return lock(concealSecrets(new Set(items), schemaNode), SET_WRITERS)
}
