import { types } from 'node:util'
import type * as z from 'zod/v4/core'
import { isLost } from '../format/exact-number.ts'
import { bytesClass, bytesText } from './bytes-text.ts'
import { leafForm } from './leaf-form.ts'
import type { ReadText, ScalarText, TypedScalar, WriteText } from './scalar-text.ts'
import { templateReader } from './template-text.ts'
import { type TextForm, trimLineEnd } from './text-form.ts'

/** Replaces text that zod would coerce to a value nobody meant: empty text to 0, any word to true. */
export const REFUSED = Symbol('refused')

/** Longer numbers are not read: nobody means them, and making them would hold up the process. */
const MAX_DIGITS = 10_000
/** The first bigint that has more digits. */
const MAX_BIGINT = 10n ** BigInt(MAX_DIGITS)
/** No ISO date is longer. */
const MAX_DATE_LENGTH = 64

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i
const INTEGER = /^[+-]?\d+$/
const ISO_DATE = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?)?$/i
const BLANK = /^\s*$/

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

/** What JavaScript makes of a decimal number; undefined for other text. */
function numberIn(text: string): number | undefined {
  const trimmed = trimLineEnd(text)
  return trimmed.length <= MAX_DIGITS && NUMBER.test(trimmed) ? Number(trimmed) : undefined
}

/** The same, where that is what was meant. */
function exactNumberIn(text: string): number | undefined {
  const value = numberIn(text)
  return value === undefined || isLost(trimLineEnd(text), value) ? undefined : value
}

const NUMBER_TEXT: TextForm = {
  read: (text) => exactNumberIn(text) ?? text,
  write(value) {
    if (typeof value !== 'number' || !Number.isFinite(value)) return undefined
    return Object.is(value, -0) ? '-0' : String(value)
  },
}

const BIGINT_TEXT: TextForm = {
  read(text) {
    const trimmed = trimLineEnd(text)
    if (trimmed.length > MAX_DIGITS || !INTEGER.test(trimmed)) return text
    return BigInt(trimmed.startsWith('+') ? trimmed.slice(1) : trimmed)
  },
  write(value) {
    // the text of a larger one would hold up the process
    if (typeof value !== 'bigint' || value >= MAX_BIGINT || value <= -MAX_BIGINT) return undefined
    const text = String(value)
    return text.length <= MAX_DIGITS ? text : undefined
  },
}

const BOOLEAN_TEXT: TextForm = {
  read(text) {
    const trimmed = trimLineEnd(text)
    return trimmed.length > 'false'.length ? text : (BOOLEANS.get(trimmed.toLowerCase()) ?? text)
  },
  write: (value) => (typeof value === 'boolean' ? String(value) : undefined),
}

const DATE_TEXT: TextForm = {
  /** A time without a zone is UTC, so that every host reads the same instant. */
  read(text) {
    const trimmed = trimLineEnd(text)
    const found = trimmed.length > MAX_DATE_LENGTH ? null : ISO_DATE.exec(trimmed)
    const [, day, time, zone = 'Z'] = found ?? []
    if (day === undefined || !isCalendarDay(day)) return text
    const date = new Date(time === undefined ? day : `${day}T${time}${zone.toUpperCase()}`)
    return Number.isNaN(date.getTime()) ? text : date
  },
  write(value) {
    if (!types.isDate(value) || Number.isNaN(value.getTime())) return undefined
    const text = value.toISOString()
    // years of more than four digits are written with a sign, which is not read
    return ISO_DATE.test(text) ? text : undefined
  },
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
function refusing({ read, write }: TextForm, refused: () => unknown): TextForm {
  return {
    read(text) {
      const value = read(text)
      return value === text ? refused() : value
    },
    write,
  }
}

const NAN_TEXT: TextForm = {
  read: (text) => (trimLineEnd(text) === 'NaN' ? Number.NaN : text),
  write: (value) => (Number.isNaN(value) ? 'NaN' : undefined),
}

const NULL_TEXT: TextForm = {
  read: (text) => (trimLineEnd(text) === 'null' ? null : text),
  write: (value) => (value === null ? 'null' : undefined),
}

/** Exactly one of the values, else the value that prints the same. */
function oneOf(values: Iterable<unknown>): ScalarText {
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
    own.has(value) ? value : byText.has(text) ? byText.get(text) : shownAs(value, text)
  // of two values that print the same, text is read as the first, or as the one that is text
  const write: WriteText = (value) =>
    own.has(value) && byText.get(String(value)) === value ? String(value) : undefined
  return { read, readTyped, write }
}

function scalarOf({ read, write }: TextForm, takes: (value: TypedScalar) => boolean): ScalarText {
  const readTyped = (value: TypedScalar, text: string) => {
    if (takes(value)) return value
    const found = read(text)
    return found === text ? shownAs(value, text) : found
  }
  return { read, readTyped, write }
}

/** A bigint is only made of a number that is too large for one; nobody wrote a bigint. */
function shownAs(value: TypedScalar, text: string): TypedScalar | string {
  return typeof value === 'bigint' ? text : value
}

const TEXT: ScalarText = {
  read: (text) => text,
  readTyped: (_value, text) => text,
  // half of a surrogate pair is lost where text becomes UTF-8
  write: (value) => (typeof value === 'string' && value.isWellFormed() ? value : undefined),
}

function never(): boolean {
  return false
}

function isA(type: string): (value: TypedScalar) => boolean {
  return (value: TypedScalar) => typeof value === type
}

/** All digits of a whole number that no `number` holds exactly, whether it was written as `0x…` or with underscores. */
function digitsOf(value: TypedScalar, text: string): string {
  return typeof value === 'bigint' && value < MAX_BIGINT && value > -MAX_BIGINT ? String(value) : text
}

/** What `int()` refuses of whole numbers that are too large says more than that the text is no number. */
const INT_TEXT: TextForm = {
  read(text) {
    const value = numberIn(text)
    return value === undefined || Number.isSafeInteger(value) ? (exactNumberIn(text) ?? text) : value
  },
  write: NUMBER_TEXT.write,
}

/** Whether a number is checked to be whole, and so not too large to be exact. */
function isInteger(def: z.$ZodNumberDef): boolean {
  const checks = (def.checks ?? []).map((check) => check._zod.def)
  return [def, ...checks].some((each) => 'format' in each && String(each.format).includes('int'))
}

/** JavaScript takes blank text for 0, and true for 1; and zod would make a number of what is refused here as inexact. */
const COERCED_NUMBER: ScalarText = {
  isCoerced: true,
  read: readCoerced,
  readTyped: (value, text) => (typeof value === 'number' ? value : readCoerced(digitsOf(value, text))),
  write: NUMBER_TEXT.write,
}

function readCoerced(text: string): unknown {
  const value = NUMBER_TEXT.read(text)
  return BLANK.test(text) || (value === text && NUMBER.test(trimLineEnd(text))) ? REFUSED : value
}

/** How a plain number is read and written. */
export function numberText(form = NUMBER_TEXT): ScalarText {
  const scalar = scalarOf(form, isA('number'))
  return { ...scalar, readTyped: (value, text) => scalar.readTyped(value, digitsOf(value, text)) }
}

/** How the scalars of a leaf with this schema are read and written; undefined where the value is handed on untouched. */
export function scalarText(schema: z.$ZodType): ScalarText | undefined {
  const form = leafForm(schema)
  if (form !== undefined) return form
  const def = (schema as z.$ZodTypes)._zod.def
  const isCoerced = 'coerce' in def && def.coerce === true
  switch (def.type) {
    case 'string':
      return isCoerced ? { isCoerced, ...TEXT } : TEXT
    case 'template_literal': {
      const read = templateReader(schema)
      return { mayRefuse: true, ...TEXT, read, readTyped: (_value, text) => read(text) }
    }
    case 'number':
      return isCoerced ? COERCED_NUMBER : numberText(isInteger(def) ? INT_TEXT : NUMBER_TEXT)
    case 'bigint': {
      const form = isCoerced ? refusing(BIGINT_TEXT, () => Number.NaN) : BIGINT_TEXT
      const scalar = scalarOf(form, isA('bigint'))
      // a whole number of a document is one, however it is written
      const readTyped: ScalarText['readTyped'] = (value, text) =>
        Number.isSafeInteger(value) ? BigInt(value) : scalar.readTyped(value, text)
      return { isCoerced, ...scalar, readTyped }
    }
    case 'boolean': {
      const form = isCoerced ? refusing(BOOLEAN_TEXT, () => REFUSED) : BOOLEAN_TEXT
      return { isCoerced, ...scalarOf(form, isA('boolean')) }
    }
    case 'date': {
      // JavaScript takes a number for milliseconds: a year, or 20260102, would be a second or an hour of 1970
      const form = isCoerced ? refusing(DATE_TEXT, () => REFUSED) : DATE_TEXT
      return { isCoerced, ...scalarOf(form, never) }
    }
    case 'nan':
      return scalarOf(NAN_TEXT, isA('number'))
    case 'null':
      return scalarOf(NULL_TEXT, never)
    case 'enum':
      return oneOf(schema._zod.values ?? Object.values(def.entries))
    case 'literal':
      return oneOf(def.values)
    case 'custom': {
      const bytes = bytesClass(schema)
      return bytes === undefined ? undefined : scalarOf(bytesText(bytes), never)
    }
    default:
      return undefined
  }
}
