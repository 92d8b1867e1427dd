import { SECRET_TEXT } from '../secret-text.ts'

/**
 * A value of a configuration as JSON has it: dates in ISO 8601, bytes in base64, maps as objects, sets as lists.
 *
 * @param isRevealed whether what `sealed()` holds is shown; default: it reads `[secret]`
 */
export function plainValue(value: unknown, isRevealed = false): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (value instanceof Map)
    return Object.fromEntries([...value].map(([key, part]) => [String(key), plainValue(part, isRevealed)]))
  if (value instanceof Set) return [...value].map((part) => plainValue(part, isRevealed))
  if (Array.isArray(value)) return value.map((part) => plainValue(part, isRevealed))
  if (value instanceof URL || value instanceof RegExp) return String(value)
  if (isHolder(value)) return isRevealed ? plainValue(value.reveal(), true) : SECRET_TEXT
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plainValue(part, isRevealed)]))
}

/** What `sealed()` puts in the place of a value, of whichever copy of core. */
function isHolder(value: object): value is { reveal(): unknown } {
  return typeof (value as { readonly reveal?: unknown }).reveal === 'function'
}
