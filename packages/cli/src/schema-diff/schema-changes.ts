import type { JsonSchema } from '@livetree/core/tools'
import { Comparison } from './comparison.ts'
import { every } from './verdict.ts'

/** Nobody reads more; the last line counts the rest. */
const MOST = 1_000

/** One place where two schemas differ. */
export interface SchemaChange {
  /** `db.pool.max`; `<key>` stands for each name of a record, `<item>` for each item of a list. */
  readonly path: string
  readonly what: string
  /** Every tree that the earlier schema takes, this one takes too, as far as this place goes; null: unknown. */
  readonly isCompatible: boolean | null
}

/** Where two JSON Schemas of a configuration differ, place by place. */
export function schemaChanges(before: JsonSchema, after: JsonSchema): readonly SchemaChange[] {
  // Also of schemas that are too large to be compared.
  if (JSON.stringify(before) === JSON.stringify(after)) return []
  const findings = new Comparison(before, after).compare(before, after, [])
  const rest = findings.slice(MOST)
  const more = {
    path: [],
    what: `and ${rest.length} more places differ`,
    verdict: every(rest.map(({ verdict }) => verdict)),
  }
  const shown = rest.length === 0 ? findings : [...findings.slice(0, MOST), more]
  return shown.map(({ path, what, verdict }) => ({
    path: path.join('.'),
    what,
    isCompatible: verdict ?? null,
  }))
}
