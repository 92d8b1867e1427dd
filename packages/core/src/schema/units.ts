import * as z from 'zod/v4'
import { exactNumber } from '../format/exact-number.ts'
import { type LeafForm, withForm } from './leaf-form.ts'
import { numberText } from './text.ts'

/** Longer text is no duration and no size, so that no pattern goes over much of it. */
const MAX_LENGTH = 64
const NUMBER = '\\d+(?:\\.\\d+)?'

const MS: Readonly<Record<string, number>> = {
  w: 604_800_000,
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
}
/** `M` is not minutes: it might mean months. */
function inAnyCase(unit: string): string {
  if (unit === 'm') return unit
  return Array.from(unit, (letter) => `[${letter}${letter.toUpperCase()}]`).join('')
}
const PARTS = new RegExp(
  `^${Object.keys(MS)
    .map((unit) => `(?:(${NUMBER})\\s?${inAnyCase(unit)})?`)
    .join('\\s?')}$`,
)
const ISO_UNITS = ['w', 'd', 'h', 'm', 's']
const ISO = new RegExp(
  `^P(?=.)(?:(${NUMBER})W)?(?:(${NUMBER})D)?(?:T(?=.)(?:(${NUMBER})H)?(?:(${NUMBER})M)?(?:(${NUMBER})S)?)?$`,
)

/**
 * A span of time in milliseconds. Text is read with units, largest first (`30s`, `5m`, `1h30m`, `1.5d`, `250ms`): `w` weeks,
 * `d` days, `h` hours, `m` minutes, `s` seconds and `ms`, in small or capital letters, but for `M`, which might mean months;
 * or as an ISO 8601 duration (`PT5M`, `P1DT12H`; no months or years, whose length varies); a number without a unit is
 * milliseconds. At least 0; whole milliseconds that no number is exactly, `9007199254740993ms`, are refused. The schema is a `ZodNumber`, with all its methods: `duration().max(60_000).default(5_000)`.
 */
export function duration(): z.ZodNumber {
  const forms = '30s, 5m, 1h30m, 250ms, an ISO 8601 duration such as PT5M, or milliseconds'
  const schema = z.number({ error: otherKind(`Expected a duration: ${forms}`) })
  return withForm(schema.nonnegative(), DURATION)
}

const DURATION = formOf('duration', (text) => {
  const iso = ISO.exec(text)
  const found = iso ?? (text === '' ? null : PARTS.exec(text))
  if (found === null) return undefined
  const units = iso === null ? Object.keys(MS) : ISO_UNITS
  return sumOf(units.map((unit, index) => [found[index + 1] ?? '0', BigInt(MS[unit] ?? 0)]))
})

const POWERS = ['', 'k', 'm', 'g', 't', 'p']
const SIZE = new RegExp(`^(${NUMBER})\\s?([kmgtp]?)(i?)b?$`, 'i')

/**
 * A size in bytes. Text is read with units: `10MiB`, `64KiB`, `1.5GiB` count by 1,024, and `10MB`, `64kB` by 1,000; a number
 * without a unit is bytes. A whole number, at least 0. The schema is a `ZodNumber`, with all its methods.
 */
export function bytes(): z.ZodNumber {
  const forms = '10MiB, 64KiB (by 1,024), 10MB (by 1,000), or bytes'
  const schema = z.number({ error: otherKind(`Expected a size: ${forms}`) })
  return withForm(schema.int().nonnegative(), BYTES)
}

const BYTES = formOf('size in bytes', (text) => {
  const [, amount, power = '', binary = ''] = SIZE.exec(text) ?? []
  // K alone is read as 1,000 by some and as 1,024 by others
  const isBare = binary === '' && !/b$/i.test(text)
  if (amount === undefined || isBare || (power === '' && binary !== '')) return undefined
  const base = binary === '' ? 1_000 : 1_024
  return sumOf([[amount, BigInt(base ** POWERS.indexOf(power.toLowerCase()))]])
})

/**
 * The sum of amounts in their units, without the errors of fractions in JavaScript: 1.001 s would be 1000.9999999999999 ms.
 * Undefined where no number is that much: see `isLost`.
 */
function sumOf(amounts: readonly (readonly [amount: string, unit: bigint])[]): number | undefined {
  const scale = Math.max(...amounts.map(([amount]) => fractionOf(amount).length))
  const scaled = amounts.reduce((sum, [amount, unit]) => {
    const fraction = fractionOf(amount)
    const digits = amount.replace('.', '') + '0'.repeat(scale - fraction.length)
    return sum + BigInt(digits) * unit
  }, 0n)
  const digits = String(scaled).padStart(scale + 1, '0')
  const whole = digits.slice(0, digits.length - scale)
  return exactNumber(scale === 0 ? whole : `${whole}.${digits.slice(-scale)}`)
}

function fractionOf(amount: string): string {
  return amount.split('.')[1] ?? ''
}

/** The port of a connection: a whole number from 1 to 65,535. The schema is a `ZodNumber`, with all its methods. */
export function port(): z.ZodNumber {
  return z
    .number({ error: otherKind('Expected a port: a whole number from 1 to 65535') })
    .int()
    .min(1)
    .max(65_535)
}

/** Says what is expected where there is no number; of a number that is out of bounds zod says more. */
function otherKind(message: string): (issue: { readonly code?: string | undefined }) => string | undefined {
  return ({ code }) => (code === 'invalid_type' ? message : undefined)
}

/** Text with a unit, and numbers without one. */
function formOf(name: string, read: (text: string) => number | undefined): LeafForm {
  const plain = numberText()
  const readText = (text: string) => {
    const trimmed = text.length > MAX_LENGTH ? undefined : text.trim()
    const found = (trimmed === undefined ? undefined : read(trimmed)) ?? plain.read(text)
    return Object.is(found, -0) ? text : found
  }
  return {
    ...plain,
    name,
    read: readText,
    readTyped: (value, written) => (Object.is(value, -0) ? written : plain.readTyped(value, written)),
    jsonSchema: { type: 'string', description: `a ${name}, with its unit` },
  }
}
