import type * as z from 'zod/v4/core'
import { Unreadable } from '../source/source.ts'

/** Limit of the characters that zod's pattern may examine for one text; reaching it takes a fraction of a second. */
const MAX_STEPS = 100_000_000

/** Fixed text, or a part of limited length whose end zod's pattern finds by trial. */
type Part = string | { readonly isSimple: boolean; readonly most: number }

/**
 * Reads text for `z.templateLiteral`. zod matches it with one regular expression, which tries each end of a part with each
 * end of the parts before it: a text of one separator, repeated, would hold up the process for minutes. Such a text is
 * `Unreadable`; all others are handed on as they are.
 */
export function templateReader(schema: z.$ZodType): (text: string) => unknown {
  const parts = joined(partsOf(schema, 0))
  const freeCount = parts.filter((part) => typeof part !== 'string').length
  const isLinear = freeCount < 2 && parts.every((part) => typeof part === 'string' || part.isSimple)
  if (isLinear) return (text) => text
  return (text) => (hasTooManyWays(parts, text) ? new Unreadable(TOO_COSTLY) : text)
}

const TOO_COSTLY =
  'the text can be divided among the parts of the z.templateLiteral in too many ways. Use a shorter text, fewer parts without fixed text between them, or z.string() with a pattern of your own'

/** Whether an issue says that a text was not matched because of its cost. */
export function isTooCostly({ message }: { readonly message?: string | undefined }): boolean {
  return message?.endsWith(TOO_COSTLY) === true
}

/**
 * Counts the ways in which the parts up to each position can be matched, for all positions of one part at a time: as many
 * steps as the text is long, for each part.
 */
function hasTooManyWays(parts: readonly Part[], text: string): boolean {
  let starts = new Float64Array(text.length + 1)
  starts[0] = 1
  let steps = 0
  for (const [index, part] of parts.entries()) {
    if (typeof part === 'string') continue
    const perStart = part.isSimple ? 1 : text.length
    // an iterator would take ten times as long
    for (let at = 0; at <= text.length; at++)
      steps += (starts[at] ?? 0) * Math.min(text.length - at, part.most) * perStart
    if (steps > MAX_STEPS) return true
    starts = startsAfter(starts, text, part.most, parts[index + 1])
  }
  return false
}

/** In how many ways what follows a part of at most `most` characters can begin, and the fixed text after it end, at each position. */
function startsAfter(
  starts: Float64Array,
  text: string,
  most: number,
  next: Part | undefined,
): Float64Array<ArrayBuffer> {
  const after = new Float64Array(text.length + 1)
  const fixed = typeof next === 'string' ? next : ''
  let ways = 0
  for (let at = 0, end = 0; end <= text.length; end++) {
    const found = text.indexOf(fixed, end)
    if (found < 0) break
    for (end = found; at <= end; at++) {
      // a part that began further back ends before this
      const gone = at > most ? (starts[at - most - 1] ?? 0) : 0
      ways += (starts[at] ?? 0) - gone
    }
    if (ways > 0) after[end + fixed.length] = ways
  }
  return after
}

const SIMPLE = ['string', 'number', 'int', 'bigint', 'boolean', 'enum', 'literal', 'null', 'undefined', 'nan']
const MAX_DEPTH = 100

function partsOf(schema: z.$ZodType, depth: number): Part[] {
  const { def } = (schema as z.$ZodTypes)._zod
  if (def.type === 'literal' && def.values.length === 1) return [String(def.values[0])]
  if (def.type !== 'template_literal' || depth === MAX_DEPTH)
    return [{ isSimple: isSimple(schema, depth), most: mostOf(schema, depth) }]
  return def.parts.flatMap((part) =>
    typeof part === 'object' && part !== null ? partsOf(part, depth + 1) : [String(part)],
  )
}

/** Whether the pattern of a part looks at each character once, wherever the part begins. */
function isSimple(schema: z.$ZodType, depth: number): boolean {
  const { def } = (schema as z.$ZodTypes)._zod
  if (depth >= MAX_DEPTH) return false
  if (def.type === 'union') return def.options.every((option) => isSimple(option, depth + 1))
  return 'innerType' in def ? isSimple(def.innerType, depth + 1) : SIMPLE.includes(def.type)
}

const WORDS: Readonly<Record<string, readonly unknown[]>> = {
  boolean: [true, false],
  null: [null],
  undefined: [undefined],
}

/** How many characters the pattern of a part takes at most. */
function mostOf(schema: z.$ZodType, depth: number): number {
  const { def } = (schema as z.$ZodTypes)._zod
  if (depth >= MAX_DEPTH) return Infinity
  if (def.type === 'union') return Math.max(...def.options.map((option) => mostOf(option, depth + 1)))
  if ('innerType' in def) return Math.max(mostOf(def.innerType, depth + 1), 'undefined'.length)
  const words =
    def.type === 'enum' ? Object.values(def.entries) : def.type === 'literal' ? def.values : WORDS[def.type]
  return words === undefined ? Infinity : Math.max(...words.map((word) => String(word).length))
}

/** Fixed texts that follow one another as one, and none that are empty. */
function joined(parts: readonly Part[]): Part[] {
  const all: Part[] = []
  for (const part of parts) {
    const last = all.at(-1)
    if (typeof part === 'string' && typeof last === 'string') all[all.length - 1] = last + part
    else if (part !== '') all.push(part)
  }
  return all
}
