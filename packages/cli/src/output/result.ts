import { safeJson, safeLines } from './safe-text.ts'

/** What a command found or did. */
export interface Result {
  /** As JSON has it: what `-o json` and `-o yaml` show. */
  readonly data: unknown
  /** What `-o ndjson` shows, one a line. Default: the parts of `data` where it is a list, else `data`. */
  readonly items?: readonly unknown[] | undefined
  /** What people see, ending in a line break. */
  text(): string
  /** The text is shown as it is where it does not go to a terminal. Default false: characters that terminals act upon are escaped. */
  readonly isExact?: boolean
  /** The text is of the form that was asked for, and is shown in the place of `data`. Default false. */
  readonly isFormatted?: boolean
}

/** The forms of output. */
export const OUTPUT_FORMATS = ['table', 'json', 'yaml', 'ndjson'] as const

/** A form of output. */
export type OutputFormat = (typeof OUTPUT_FORMATS)[number]

/** A result as text of a form. */
export async function resultText(result: Result, format: OutputFormat, isTerminal: boolean): Promise<string> {
  const formatted = result.isFormatted === true ? result.text() : undefined
  switch (format) {
    case 'json':
      return safeJson(formatted ?? `${JSON.stringify(result.data ?? null, undefined, 2)}\n`)
    case 'ndjson': {
      const items = result.items ?? (Array.isArray(result.data) ? result.data : [result.data])
      return items.map((item) => `${safeJson(JSON.stringify(item ?? null))}\n`).join('')
    }
    case 'yaml': {
      const { stringify } = await import('yaml')
      const text = formatted ?? stringify(result.data ?? null, { lineWidth: 0, aliasDuplicateObjects: false })
      return isTerminal ? safeLines(text) : text
    }
    default: {
      const text = result.text()
      if (result.isExact !== true) return safeStyled(text)
      return isTerminal ? safeLines(text) : text
    }
  }
}

/** Escapes everything that terminals act upon but the colours that this command itself puts in. */
function safeStyled(text: string): string {
  return text
    .split(OWN_STYLE)
    .map((part, index) => (index % 2 === 0 ? safeLines(part) : part))
    .join('')
}

const ESCAPE = '\u001b'

/** The sequences of `util.styleText` for the styles that are used here. Values were escaped before they were put between them. */
const OWN_STYLE = new RegExp(`(${ESCAPE}\\[\\d{1,2}m)`)
