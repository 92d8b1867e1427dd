import { plainValue } from '@livetree/core/tools'

/** A scalar as text; an object or a list as JSON on one line. */
export function inlineText(value: unknown): string {
  const plain = plainValue(value)
  if (typeof plain === 'string') return plain
  return plain === undefined ? '' : JSON.stringify(plain)
}
