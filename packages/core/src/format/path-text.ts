import { shortText } from '../short-text.ts'

/** Longer names, and longer paths, are cut in texts for people: a store may hold names of a megabyte. */
const MAX_NAME = 250
const MAX_TEXT = 1_000

/**
 * `db.pool.max`; names that are empty or hold a dot, a quote or a space are quoted. A name of more than 250 characters and
 * a text of more than 1,000 are cut in the middle.
 */
export function pathText(path: readonly PropertyKey[]): string {
  return shortText(path.map(nameText).join('.'), MAX_TEXT)
}

function nameText(segment: PropertyKey): string {
  const name = shortText(String(segment), MAX_NAME)
  return /^$|[."\s]/.test(name) ? JSON.stringify(name) : name
}

/** The way back: the segments of a text that `pathText` wrote. */
export function parsePathText(text: string): string[] {
  const segments: string[] = []
  for (let at = 0; text !== '' && at <= text.length; at++) {
    const end = endOfQuoted(text, at)
    const segment = text.slice(at, end ?? endOfPlain(text, at))
    segments.push(end === undefined ? segment : (JSON.parse(segment) as string))
    at += segment.length
  }
  return segments
}

function endOfPlain(text: string, at: number): number {
  const end = text.indexOf('.', at)
  return end < 0 ? text.length : end
}

/** Where a quoted segment that begins at `at` ends, or undefined where none does. */
function endOfQuoted(text: string, at: number): number | undefined {
  if (text[at] !== '"') return undefined
  let end = at + 1
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1
  const isWhole = end < text.length && (end + 1 === text.length || text[end + 1] === '.')
  return isWhole && isJsonText(text.slice(at, end + 1)) ? end + 1 : undefined
}

function isJsonText(text: string): boolean {
  try {
    return typeof JSON.parse(text) === 'string'
  } catch {
    return false
  }
}
