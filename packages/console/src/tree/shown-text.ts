import { plainValue, SECRET_TEXT } from '@livetree/core/tools'
import type { RowView } from '../wire/index.ts'

/** The longest text of a line of the tree. */
const MOST_LINE = 200

/** A value as the tree has it: a scalar as it is, everything else as JSON on lines of its own. */
export function fullText(value: unknown): string | undefined {
  if (value === undefined) return undefined
  const plain = plainValue(value)
  return typeof plain === 'string' ? plain : JSON.stringify(plain, undefined, 2)
}

/** A value on one line, cut to 200 characters. */
export function lineText(value: unknown): string {
  const plain = plainValue(value)
  if (plain === undefined) return ''
  const text = typeof plain === 'string' ? plain : JSON.stringify(plain)
  return text.length > MOST_LINE ? `${text.slice(0, MOST_LINE - 1)}…` : text
}

/** What kind of value it is, for its looks. */
export function kindOfValue(value: unknown): RowView['valueKind'] {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (value === SECRET_TEXT) return 'secret'
  const plain = plainValue(value)
  if (plain === SECRET_TEXT) return 'secret'
  if (typeof plain === 'number') return 'number'
  if (typeof plain === 'boolean') return 'boolean'
  return typeof plain === 'object' ? 'list' : 'text'
}
