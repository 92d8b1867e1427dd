import type { SchemaNode } from '../schema/schema-node.ts'
import { deepFrozen } from './deep-frozen.ts'
import { isPlainObject } from './document.ts'
import type { Path } from '../issue.ts'
import type { Change } from './outcome.ts'
import { isEqual } from './is-equal.ts'
import { namesOf } from './names.ts'
import { pathText } from '../format/path-text.ts'
import { hasMadeNames, partView, redact } from './redact.ts'

/**
 * What differs, leaf by leaf. Parts that are the same instance are not looked into, as those are that did not change from one
 * state to the next; over several states others may have the same content. A list is one value.
 */
export function diffValues(schemaNode: SchemaNode, previous: unknown, next: unknown): Change[] {
  const changes: Change[] = []
  compare({ schemaNode, value: previous }, { schemaNode, value: next }, [], changes)
  return changes
}

/** A part of one of the two values. Each is read by the schema on its own: a tag may choose another option in the other. */
interface Side {
  readonly schemaNode: SchemaNode | undefined
  readonly value: unknown
}

function compare(previous: Side, next: Side, path: Path, changes: Change[]): void {
  if (Object.is(previous.value, next.value)) return
  const isWhole = [previous.schemaNode, next.schemaNode].some(
    (schemaNode) => schemaNode !== undefined && hasMadeNames(schemaNode),
  )
  const names = isWhole ? undefined : differingNames(previous.value, next.value)
  if (names === undefined) {
    if (isEqual(previous.value, next.value)) return
    const type = previous.value === undefined ? 'added' : next.value === undefined ? 'removed' : 'changed'
    const shown = {
      previous: redact(previous.value, previous.schemaNode),
      next: redact(next.value, next.schemaNode),
    }
    changes.push(deepFrozen({ type, path, pathText: pathText(path), ...shown }))
    return
  }
  for (const name of names) compare(part(previous, name), part(next, name), [...path, name], changes)
}

/** The names to go into, where both sides are objects, or one is and the other is not there. Most parts of a large one are the same. */
function differingNames(previous: unknown, next: unknown): readonly string[] | undefined {
  const before = previous === undefined ? {} : previous
  const after = next === undefined ? {} : next
  if (!isPlainObject(before) || !isPlainObject(after)) return undefined
  const names = namesOf(before)
  const others = namesOf(after)
  if (names.length === 0 && others.length === 0) return undefined
  // with the same names in the same order, as most often, nothing has to be looked for
  if (names === others || haveSameOrder(names, others))
    return names.filter((name) => !Object.is(before[name], after[name]))
  const isOther = (name: string) => !Object.is(ownValue(before, name), ownValue(after, name))
  const isNew = (name: string) => !Object.hasOwn(before, name)
  const differing = [...names.filter(isOther), ...others.filter((name) => isNew(name) && isOther(name))]
  // where no part differs it is the order of the names that does
  return differing.length === 0 ? undefined : differing
}

function haveSameOrder(names: readonly string[], others: readonly string[]): boolean {
  return names.length === others.length && names.every((name, index) => name === others[index])
}

function part({ schemaNode, value }: Side, name: string): Side {
  return { schemaNode: partView(schemaNode, value, name), value: ownValue(value, name) }
}

function ownValue(value: unknown, name: string): unknown {
  return isPlainObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
}
