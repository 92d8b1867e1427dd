import type { JsonSchema } from '@livetree/core/tools'
import type { Compare, Finding } from './finding.ts'
import { takesCount } from './scalar-rules.ts'
import { rulesOf } from './schema-document.ts'

const RULES: ReadonlySet<string> = new Set([
  ...['type', 'items', 'prefixItems', 'minItems', 'maxItems', 'uniqueItems'],
])

/** Whether a schema takes lists alone, by rules that are compared here. */
export function isPlainList(schema: JsonSchema): boolean {
  return schema['type'] === 'array' && rulesOf(schema).every((rule) => RULES.has(rule))
}

/** Where two schemas of lists differ: in their limits, and in their items. */
export function compareLists(
  [was, is]: readonly [JsonSchema, JsonSchema],
  path: readonly string[],
  compare: Compare,
): readonly Finding[] {
  const found: Finding[] = []
  const limits = [was, is].map((schema) => limitsText(schema))
  if (limits[0] !== limits[1]) {
    const isUnique = is['uniqueItems'] !== true || was['uniqueItems'] === true
    const verdict = isUnique && takesCount(was, is, ['minItems', 'maxItems'])
    found.push({ path, what: `takes lists with ${limits[1]}, and took them with ${limits[0]}`, verdict })
  }
  const [first, last] = [was, is].map(({ prefixItems }) => (Array.isArray(prefixItems) ? prefixItems : []))
  if (first === undefined || last === undefined) return found
  if (first.length !== last.length)
    return [
      ...found,
      { path, what: `names its first ${last.length} items, and named ${first.length}`, verdict: undefined },
    ]
  const items = first.flatMap((item, at) => compare(item, last[at], [...path, String(at)]))
  // Without a word on the rest, a list that names its first items has no others.
  const hasRest = first.length === 0 || was['items'] !== undefined
  const isOpen = is['items'] !== undefined || last.length === 0
  if (hasRest && !isOpen) found.push({ path, what: 'takes no items but those it names', verdict: false })
  else if (hasRest) found.push(...compare(was['items'], is['items'], [...path, '<item>']))
  return [...found, ...items]
}

function limitsText({ minItems = 0, maxItems = 'any number of', uniqueItems }: JsonSchema): string {
  return `${String(minItems)} to ${String(maxItems)} items${uniqueItems === true ? ', all different' : ''}`
}
