import { refusedName } from '../schema/refused-name.ts'
import type { MapNode, RecordNode } from '../schema/schema-node.ts'
import { shortText } from '../short-text.ts'
import { Unreadable } from '../source/source.ts'
import { UnreadableText } from './document-text.ts'
import { validate } from './validate.ts'

/** zod reads such a name of a record as a number where it takes no text. */
const NUMBER = /^-?\d+(?:\.\d+)?$/
const MAX_SHOWN = 100

/**
 * Refuses names that stand for one key once the schema has read them, as `1` and `1.0` do for a number: one of the two
 * values would be lost.
 *
 * @param keys by the name in the tree, what zod is given for it
 * @param mayRepeat true where the names are those of a list of pairs
 * @throws UnreadableText
 */
export function assertUniqueKeys(
  { type, key }: MapNode | RecordNode,
  keys: readonly (readonly [name: string, key: unknown])[],
  mayRepeat = false,
): void {
  // No two names of an object are the same text.
  if (key.type === 'leaf' && key.isAnyText && !mayRepeat) return
  const names = new Map<unknown, string>()
  for (const [name, given] of keys) {
    const refused = refusedName(key, name)
    if (refused !== undefined) throw new UnreadableText(new Unreadable(`Invalid key in record: ${refused}`))
    let result = validate(key.schema, given)
    if (!result.isValid && type === 'record' && NUMBER.test(name)) result = validate(key.schema, Number(name))
    if (!result.isValid) continue
    const made = type === 'record' ? String(result.value) : result.value
    const other = names.get(made)
    if (other !== undefined) throw new UnreadableText(sameKey(other, name))
    names.set(made, name)
  }
}

/** What is wrong with two names of one key, and what to do. */
export function sameKey(one: string, other: string): Unreadable {
  const shown = [one, other].map((name) => JSON.stringify(shortText(name, MAX_SHOWN)))
  const remedy = 'stand for one key. Delete one of them'
  return new Unreadable(`two names ${remedy}`, `the names ${shown.join(' and ')} ${remedy}`)
}
