import { scalarAsWritten } from '../format/written-scalar.ts'

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

/** Reads TOML. Dates and times come as the text that ISO 8601 has for them, for the schema to read; whole numbers are exact. */
export async function parseTomlText(text: string): Promise<ParsedToml> {
  if (text.length > MAX_LENGTH)
    return problem(
      `more than ${MAX_LENGTH / 2 ** 20} MB of TOML. Write it as JSON, or split it into several files`,
    )
  // loaded on first use: most services have no TOML
  const { parse, TomlError } = await import('smol-toml')
  try {
    return { type: 'value', value: plainOf(parse(text, { integersAsBigInt: true, maxDepth: MAX_DEPTH }), 0) }
  } catch (error) {
    if (error instanceof TomlError) return problem(wordsOf(error.message), error)
    if (error instanceof RangeError) return problem(TOO_DEEP)
    throw error
  }
}

function problem(words: string, place?: { readonly line: number; readonly column: number }): ParsedToml {
  return { type: 'problem', words, place: place && { line: place.line, column: place.column } }
}

/** The parser quotes the lines around the place below its own words, and secrets may stand there. */
function wordsOf(message: string): string {
  const [first = ''] = message.split('\n')
  const words = first.replace('Invalid TOML document: ', '')
  if (words.includes('nested')) return 'nested too deeply'
  return /^[a-z][a-z :,-]*\.?$/.test(words) ? words.replace(/\.$/, '') : 'a syntax error'
}

function plainOf(value: unknown, depth: number): unknown {
  if (depth > MAX_DEPTH) throw new RangeError(TOO_DEEP)
  if (value instanceof Date) return value.toISOString()
  if (typeof value === 'bigint') {
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : scalarAsWritten(number, String(value))
  }
  if (Array.isArray(value)) return value.map((item) => plainOf(item, depth + 1))
  if (typeof value !== 'object' || value === null) return value
  return new Map(Object.entries(value).map(([name, inner]) => [name, plainOf(inner, depth + 1)]))
}
