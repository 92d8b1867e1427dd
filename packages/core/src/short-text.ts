/**
 * A text for people, cut to at most `most` characters: its beginning, its end, and between them how many are left out.
 * A short one is handed back as it is.
 */
export function shortText(text: string, most: number): string {
  if (text.length <= most) return text
  const kept = Math.max(most - MARK_LENGTH, 2)
  const head = Math.ceil(kept / 2)
  const tail = kept - head
  return `${text.slice(0, head)}…(${text.length - kept} characters)…${text.slice(-tail)}`
}

/** Of `…(16777216 characters)…`. */
const MARK_LENGTH = 23

/** What is wrong, in at most 2,000 characters: a schema's own code may repeat whole values, and zod whole lists of names. */
export function shortMessage(message: string): string {
  return shortText(message, 2_000)
}

/** A key of a store as it stands in a line for people. */
export function shortKey(key: string): string {
  return shortText(key, 1_000)
}
