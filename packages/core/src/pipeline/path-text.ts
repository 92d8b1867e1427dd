/** `db.pool.max`; names that are empty or hold a dot, a quote or a space are quoted. */
export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((segment) => (/^$|[."\s]/.test(String(segment)) ? JSON.stringify(String(segment)) : String(segment)))
    .join('.')
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
