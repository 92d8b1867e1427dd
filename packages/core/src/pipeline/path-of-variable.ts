import { environmentName } from '../schema/naming.ts'
import { lowerCase, upperCase } from '../schema/letter-case.ts'
import { readingsOf, type SchemaNode } from '../schema/schema-node.ts'
import type { GuessBudget } from '../nearest-name.ts'

/** Nobody writes a longer one by hand. */
const MAX_LENGTH = 200
/** What one step of the search costs of the budget, in the letters that `nearestName` counts. */
const STEP = 20

/**
 * The path that an unknown environment variable stands for if underscores are counted otherwise: with `_` for `__`, as in
 * `DB_POOL_MAX` for `db.pool.max`, or the other way round. Undefined where the schema has no such path.
 */
export function pathOfVariable(
  schemaNode: SchemaNode,
  path: readonly string[],
  budget: GuessBudget,
): readonly string[] | undefined {
  const words = path.map((name) => upperCase(name)).join('_')
  if (words.length > MAX_LENGTH) return undefined
  return find(schemaNode, words.replace(/_{2,}/g, '_'), budget)
}

function find(schemaNode: SchemaNode, words: string, budget: GuessBudget): readonly string[] | undefined {
  for (const reading of readingsOf(schemaNode)) {
    const found = findIn(reading, words, budget)
    if (found !== undefined) return found
  }
  return undefined
}

function findIn(reading: SchemaNode, words: string, budget: GuessBudget): readonly string[] | undefined {
  budget.left -= STEP
  if (budget.left < 0) return undefined
  if (reading.type === 'object') {
    for (const { name, schemaNode } of reading.properties.values()) {
      const written = environmentName(name)
      budget.left -= STEP
      if (words === written) return [name]
      if (!words.startsWith(`${written}_`)) continue
      const below = find(schemaNode, words.slice(written.length + 1), budget)
      if (below !== undefined) return [name, ...below]
    }
    return undefined
  }
  if (reading.type !== 'record' && reading.type !== 'map') return undefined
  for (let at = words.indexOf('_'); at > 0; at = words.indexOf('_', at + 1)) {
    const below = find(reading.value, words.slice(at + 1), budget)
    if (below !== undefined) return [lowerCase(words.slice(0, at)), ...below]
  }
  return [lowerCase(words)]
}
