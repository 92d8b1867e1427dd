import type * as z from 'zod/v4/core'

/** Reads the text of one leaf as the schema's input type; text that does not fit is handed on as it is. */
export type ReadText = (text: string) => unknown

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i
const INTEGER = /^[+-]?\d+$/
const ISO_DATE = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

const BOOLEANS = new Map([
  ['true', true],
  ['1', true],
  ['yes', true],
  ['on', true],
  ['false', false],
  ['0', false],
  ['no', false],
  ['off', false],
])

/** Files piped into etcdctl end in a line feed; only text targets keep it. */
const trimLineEnd = (text: string) =>
  text.endsWith('\n') ? text.slice(0, text.endsWith('\r\n') ? -2 : -1) : text

const readNumber: ReadText = (text) => {
  const trimmed = trimLineEnd(text)
  return NUMBER.test(trimmed) ? Number(trimmed) : text
}

const readBigint: ReadText = (text) => {
  const trimmed = trimLineEnd(text)
  if (!INTEGER.test(trimmed)) return text
  return BigInt(trimmed.startsWith('+') ? trimmed.slice(1) : trimmed)
}

const readBoolean: ReadText = (text) => BOOLEANS.get(trimLineEnd(text).toLowerCase()) ?? text

const readDate: ReadText = (text) => {
  const trimmed = trimLineEnd(text)
  if (!ISO_DATE.test(trimmed) || !isCalendarDay(trimmed.slice(0, 10))) return text
  const date = new Date(trimmed)
  return Number.isNaN(date.getTime()) ? text : date
}

/** JavaScript reads February 30 as March 2. */
function isCalendarDay(day: string): boolean {
  const date = new Date(`${day}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day)
}

/** As the class the schema asks for: `Uint8Array`, `Buffer` or another made from it. */
const readBytes =
  (bytes: typeof Uint8Array): ReadText =>
  (text) => {
    const trimmed = trimLineEnd(text)
    return BASE64.test(trimmed) ? bytes.from(Buffer.from(trimmed, 'base64')) : text
  }

const readNaN: ReadText = (text) => (trimLineEnd(text) === 'NaN' ? Number.NaN : text)
const readNull: ReadText = (text) => (trimLineEnd(text) === 'null' ? null : text)
const readString: ReadText = (text) => text

/** Exactly one of the values, else the value that prints the same. */
function readOneOf(values: Iterable<unknown>): ReadText {
  const byText = new Map<string, unknown>()
  for (const value of values) {
    const text = String(value)
    if (!byText.has(text) || typeof value === 'string') byText.set(text, value)
  }
  return (text) => {
    if (byText.has(text)) return byText.get(text)
    const trimmed = trimLineEnd(text)
    return byText.has(trimmed) ? byText.get(trimmed) : text
  }
}

/** The class that `z.instanceof` was given, if it is one of bytes; checks added later are further schemas. */
function bytesClass(schema: z.$ZodType | undefined): typeof Uint8Array | undefined {
  for (let at = schema; at !== undefined; at = at._zod.parent) {
    const held: unknown = at._zod.bag.Class
    if (typeof held === 'function' && (held === Uint8Array || held.prototype instanceof Uint8Array))
      return held as typeof Uint8Array
  }
  return undefined
}

/** How the text of a leaf with this schema is read, or undefined where the text is handed on untouched. */
export function textReader(schema: z.$ZodType): ReadText | undefined {
  const def = (schema as z.$ZodTypes)._zod.def
  switch (def.type) {
    case 'string':
    case 'template_literal':
      return readString
    case 'number':
      return readNumber
    case 'bigint':
      return readBigint
    case 'boolean':
      return readBoolean
    case 'date':
      return readDate
    case 'nan':
      return readNaN
    case 'null':
      return readNull
    case 'enum':
      return readOneOf(schema._zod.values ?? Object.values(def.entries))
    case 'literal':
      return readOneOf(def.values)
    case 'custom': {
      const bytes = bytesClass(schema)
      return bytes === undefined ? undefined : readBytes(bytes)
    }
    default:
      return undefined
  }
}
