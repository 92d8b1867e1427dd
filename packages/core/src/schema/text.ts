import type * as z from 'zod/v4/core'

/** Reads the text of one leaf as the schema's input type; text that does not fit is handed on as it is. */
export type ReadText = (text: string) => unknown

/** Stands for a value that zod would coerce to another than was meant: empty text to 0, any word to true. */
export const REFUSED = Symbol('refused')

/** How the scalars of a leaf are read. */
export interface ScalarReader {
  /** `z.coerce`: zod makes something of null, lists and objects too, none of which can be meant. */
  readonly isCoerced?: boolean
  readonly read: ReadText
  /**
   * The same for a scalar that a document or a program has typed, with its text as it was written: the schema's own type
   * is taken as it is, everything else read from the text; what does not fit is handed on as it is.
   */
  readonly readTyped: (value: TypedScalar, text: string) => unknown
}

type TypedScalar = number | bigint | boolean

/** Longer numbers are not read: nobody means them, and making them would hold up the process. */
const MAX_DIGITS = 10_000
/** No ISO date is longer. */
const MAX_DATE_LENGTH = 64

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i
const INTEGER = /^[+-]?\d+$/
const ISO_DATE = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?)?$/
const BLANK = /^\s*$/
const NOT_BASE64 = /[^A-Za-z0-9+/]/

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
  return trimmed.length <= MAX_DIGITS && NUMBER.test(trimmed) ? Number(trimmed) : text
}

const readBigint: ReadText = (text) => {
  const trimmed = trimLineEnd(text)
  if (trimmed.length > MAX_DIGITS || !INTEGER.test(trimmed)) return text
  return BigInt(trimmed.startsWith('+') ? trimmed.slice(1) : trimmed)
}

const readBoolean: ReadText = (text) => {
  const trimmed = trimLineEnd(text)
  return trimmed.length > 'false'.length ? text : (BOOLEANS.get(trimmed.toLowerCase()) ?? text)
}

/** A time without a zone is UTC, so that every host reads the same instant. */
const readDate: ReadText = (text) => {
  const trimmed = trimLineEnd(text)
  const found = trimmed.length > MAX_DATE_LENGTH ? null : ISO_DATE.exec(trimmed)
  const [, day, time, zone = 'Z'] = found ?? []
  if (day === undefined || !isCalendarDay(day)) return text
  const date = new Date(time === undefined ? day : `${day}T${time}${zone}`)
  return Number.isNaN(date.getTime()) ? text : date
}

/** JavaScript reads February 30 as March 2. */
function isCalendarDay(day: string): boolean {
  const date = new Date(`${day}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day)
}

/**
 * What zod would coerce is refused where livetree does not read it: JavaScript takes dates of other forms for times of
 * the host's own zone, and spends its time on numbers of any length.
 */
const refusing =
  (read: ReadText, refused: () => unknown): ReadText =>
  (text) => {
    const value = read(text)
    return value === text ? refused() : value
  }

/** As the class the schema asks for: `Uint8Array`, `Buffer` or another made from it. */
const readBytes =
  (bytes: typeof Uint8Array): ReadText =>
  (text) => {
    const trimmed = trimLineEnd(text)
    return isBase64(trimmed) ? bytes.from(Buffer.from(trimmed, 'base64')) : text
  }

/** A pattern of groups of four would need a stack as deep as the text is long. */
function isBase64(text: string): boolean {
  if (text.length % 4 !== 0) return false
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return !NOT_BASE64.test(padding === 0 ? text : text.slice(0, -padding))
}

const readNaN: ReadText = (text) => (trimLineEnd(text) === 'NaN' ? Number.NaN : text)
const readNull: ReadText = (text) => (trimLineEnd(text) === 'null' ? null : text)

/** Exactly one of the values, else the value that prints the same. */
function readOneOf(values: Iterable<unknown>): ScalarReader {
  const byText = new Map<string, unknown>()
  const own = new Set(values)
  for (const value of own) {
    const text = String(value)
    if (!byText.has(text) || typeof value === 'string') byText.set(text, value)
  }
  const read: ReadText = (text) => {
    if (byText.has(text)) return byText.get(text)
    const trimmed = trimLineEnd(text)
    return byText.has(trimmed) ? byText.get(trimmed) : text
  }
  const readTyped = (value: TypedScalar, text: string) =>
    own.has(value) || !byText.has(text) ? shownAs(value, text) : byText.get(text)
  return { read, readTyped }
}

function readerOf(read: ReadText, takes: (value: TypedScalar) => boolean): ScalarReader {
  const readTyped = (value: TypedScalar, text: string) => {
    if (takes(value)) return value
    const found = read(text)
    return found === text ? shownAs(value, text) : found
  }
  return { read, readTyped }
}

/** A bigint is only made of a number that is too large for one; nobody wrote a bigint. */
const shownAs = (value: TypedScalar, text: string) => (typeof value === 'bigint' ? text : value)

/** The class that `z.instanceof` was given, if it is one of bytes; checks added later are further schemas. */
function bytesClass(schema: z.$ZodType | undefined): typeof Uint8Array | undefined {
  for (let at = schema; at !== undefined; at = at._zod.parent) {
    const held: unknown = at._zod.bag.Class
    if (typeof held === 'function' && (held === Uint8Array || held.prototype instanceof Uint8Array))
      return held as typeof Uint8Array
  }
  return undefined
}

const TEXT: ScalarReader = { read: (text) => text, readTyped: (_value, text) => text }
const never = () => false
const isA = (type: string) => (value: TypedScalar) => typeof value === type

/** JavaScript takes blank text for 0, and true for 1. */
const COERCED_NUMBER: ScalarReader = {
  isCoerced: true,
  ...readerOf((text) => (BLANK.test(text) ? REFUSED : readNumber(text)), isA('number')),
  readTyped: (value, text) => (typeof value === 'number' ? value : readNumber(text)),
}

/** How the scalars of a leaf with this schema are read, or undefined where the value is handed on untouched. */
export function scalarReader(schema: z.$ZodType): ScalarReader | undefined {
  const def = (schema as z.$ZodTypes)._zod.def
  const isCoerced = 'coerce' in def && def.coerce === true
  switch (def.type) {
    case 'string':
      return isCoerced ? { isCoerced, ...TEXT } : TEXT
    case 'template_literal':
      return TEXT
    case 'number':
      return isCoerced ? COERCED_NUMBER : readerOf(readNumber, isA('number'))
    case 'bigint': {
      const read = isCoerced ? refusing(readBigint, () => Number.NaN) : readBigint
      const reader = readerOf(read, isA('bigint'))
      // a whole number of a document is one, however it is written
      const readTyped: ScalarReader['readTyped'] = (value, text) =>
        Number.isSafeInteger(value) ? BigInt(value) : reader.readTyped(value, text)
      return { isCoerced, read, readTyped }
    }
    case 'boolean': {
      const read = isCoerced ? refusing(readBoolean, () => REFUSED) : readBoolean
      return { isCoerced, ...readerOf(read, isA('boolean')) }
    }
    case 'date':
      // a number is milliseconds, as JavaScript counts them, where the schema coerces
      return isCoerced
        ? {
            isCoerced,
            ...readerOf(
              refusing(readDate, () => new Date(Number.NaN)),
              isA('number'),
            ),
          }
        : readerOf(readDate, never)
    case 'nan':
      return readerOf(readNaN, isA('number'))
    case 'null':
      return readerOf(readNull, never)
    case 'enum':
      return readOneOf(schema._zod.values ?? Object.values(def.entries))
    case 'literal':
      return readOneOf(def.values)
    case 'custom': {
      const bytes = bytesClass(schema)
      return bytes === undefined ? undefined : readerOf(readBytes(bytes), never)
    }
    default:
      return undefined
  }
}
