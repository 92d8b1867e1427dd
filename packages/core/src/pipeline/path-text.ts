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
    const quoted = /^"(?:[^"\\]|\\.)*"(?=\.|$)/.exec(text.slice(at))?.[0]
    const end = quoted === undefined ? text.indexOf('.', at) : at + quoted.length
    const segment = text.slice(at, end < 0 ? text.length : end)
    segments.push(quoted === undefined ? segment : (JSON.parse(quoted) as string))
    at += segment.length
  }
  return segments
}
