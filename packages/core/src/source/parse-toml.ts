import { integerAsWritten, scalarAsWritten } from '../format/written-scalar.ts'
import { quoteTomlScalars } from './toml-scalars.ts'

/** The result of parsing TOML text. The words of a problem never quote the text. */
export type ParsedToml =
  | { readonly type: 'value'; readonly value: unknown }
  | {
      readonly type: 'problem'
      readonly words: string
      readonly place: { readonly line: number; readonly column: number } | undefined
    }

/** More than any configuration; the parser takes longer for each character than that of JSON. */
const MAX_LENGTH = 4 * 2 ** 20
const MAX_DEPTH = 500
const TOO_DEEP = 'TOML that is nested too deeply'

/**
 * Reads TOML. Dates and times come as the text they were written with, for the schema to read; numbers and booleans have
 * their text with them, and whole numbers are exact.
 */
export async function parseTomlText(text: string): Promise<ParsedToml> {
  if (text.length > MAX_LENGTH)
    return problem(
      `more than ${MAX_LENGTH / 2 ** 20} MB of TOML. Write it as JSON, or split it into several files`,
    )
  // loaded on first use: most services have no TOML
  const { parse, TomlError } = await import('smol-toml')
  try {
    const typed = parse(text, { integersAsBigInt: true, maxDepth: MAX_DEPTH })
    // The parser says what a scalar is worth, or how it is written, but not both.
    const written = parse(quoteTomlScalars(text), { maxDepth: MAX_DEPTH })
    return { type: 'value', value: valueWith(typed, written, 0) }
  } catch (error) {
    if (error instanceof TomlError) return problem(wordsOf(error.message), error)
    if (error instanceof RangeError) return problem(TOO_DEEP)
    throw error
  }
}

function problem(words: string, place?: { readonly line: number; readonly column: number }): ParsedToml {
  return { type: 'problem', words, place: place && { line: place.line, column: place.column } }
}

/** The parser quotes the lines around the place below its message, and they may hold secrets. */
function wordsOf(message: string): string {
  const [first = ''] = message.split('\n')
  const words = first.replace('Invalid TOML document: ', '')
  if (words.includes('nested')) return 'nested too deeply'
  return /^[a-z][a-z :,-]*\.?$/.test(words) ? words.replace(/\.$/, '') : 'a syntax error'
}

/** `written` is the same value, with texts in the place of its scalars. */
function valueWith(typed: unknown, written: unknown, depth: number): unknown {
  if (depth > MAX_DEPTH) throw new RangeError(TOO_DEEP)
  if (typeof typed === 'string') return typed
  if (typeof written === 'string') return scalarOf(typed, written)
  const inner = (value: unknown, other: unknown) => valueWith(value, other, depth + 1)
  if (Array.isArray(typed)) {
    const texts: readonly unknown[] = Array.isArray(written) ? written : []
    return typed.map((item, index) => inner(item, texts[index]))
  }
  if (!isTable(typed)) return typed
  const texts = isTable(written) ? Object.values(written) : []
  return new Map(Object.entries(typed).map(([name, item], index) => [name, inner(item, texts[index])]))
}

function isTable(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function scalarOf(typed: unknown, text: string): unknown {
  if (typeof typed === 'bigint') return integerAsWritten(typed, text)
  if (typeof typed !== 'number' && typeof typed !== 'boolean') return text
  return scalarAsWritten(typed, text)
}
