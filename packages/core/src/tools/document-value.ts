/** A value as a JSON document holds it. Objects are maps, in which `__proto__` is a name like any other. */
export type DocumentValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly DocumentValue[]
  | ReadonlyMap<string, DocumentValue>

/** The text of a document, on one line. Keeps what `JSON.stringify` loses: the digits of a bigint, and the sign of -0. */
export function jsonText(value: DocumentValue): string {
  if (typeof value === 'bigint') return String(value)
  if (Object.is(value, -0)) return '-0'
  if (value instanceof Map) {
    const parts = [...value].map(([name, part]) => `${JSON.stringify(name)}:${jsonText(part)}`)
    return `{${parts.join(',')}}`
  }
  return Array.isArray(value) ? `[${value.map(jsonText).join(',')}]` : JSON.stringify(value)
}
