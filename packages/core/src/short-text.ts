/**
 * Shortens a text to at most `most` characters: its beginning, the number of omitted characters, its end. Returns a
 * shorter text unchanged.
 */
export function shortText(text: string, most: number): string {
  if (text.length <= most) return text
  const kept = Math.max(most - MARK_LENGTH, 2)
  const head = Math.ceil(kept / 2)
  const tail = kept - head
  return `${text.slice(0, head)}…(${text.length - kept} characters)…${text.slice(-tail)}`
}

/** Length of `…(16777216 characters)…`. */
const MARK_LENGTH = 23

/** Shortens an issue's message to 2,000 characters: a refinement may quote whole values, and zod whole lists of names. */
export function shortMessage(message: string): string {
  return shortText(message, 2_000)
}

/** Shortens a key to 1,000 characters, for log lines and messages. */
export function shortKey(key: string): string {
  return shortText(key, 1_000)
}
