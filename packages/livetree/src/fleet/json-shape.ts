/** The value of a JSON text; undefined where it is no JSON, or longer than `most` characters. */
export function parseJson(text: string, most: number): unknown {
  if (text.length > most) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Whether a value is a list of such items. */
export function isListOf(value: unknown, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isItem)
}

/** Whether a value is a whole number, 0 or more. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Whether a value is a time that a date can have, in ms since the Unix epoch. */
export function isTime(value: unknown): value is number {
  return typeof value === 'number' && !Number.isNaN(new Date(value).getTime())
}

export function isText(value: unknown): value is string {
  return typeof value === 'string'
}
