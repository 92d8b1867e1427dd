import type * as z from 'zod/v4/core'
import { innerSchemas } from './secret.ts'

/**
 * The messages that stand in a schema as fixed text, `refine(isSane, 'min must be below max')`: they were there before any
 * value was. Functions that are given no issue are asked once, and what they say later is not known.
 */
export function fixedWords(schema: z.$ZodType): ReadonlySet<string> {
  const words = new Set<string>()
  const seen = new Set<z.$ZodType>()
  const waiting = [schema]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (seen.has(next)) continue
    seen.add(next)
    const { def } = next._zod
    const checks = ((def as { checks?: readonly z.$ZodCheck[] }).checks ?? []).map((check) => check._zod.def)
    for (const { error } of [def, ...checks]) {
      const text = error === undefined ? undefined : fixedText(error)
      if (text !== undefined) words.add(text)
    }
    waiting.push(...innerSchemas(next))
  }
  return words
}

function fixedText(error: z.$ZodErrorMap<never>): string | undefined {
  if (error.length > 0) return undefined
  try {
    const said: unknown = (error as () => unknown)()
    const text = typeof said === 'object' && said !== null && 'message' in said ? said.message : said
    return typeof text === 'string' ? text : undefined
  } catch {
    return undefined
  }
}
