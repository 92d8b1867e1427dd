import * as z from 'zod/v4'
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
const PARTS = new RegExp(
  `^${Object.keys(MS)
    .map((unit) => `(?:(${NUMBER})\\s?${unit})?`)
    .join('\\s?')}$`,
  'i',
)
const ISO_UNITS = ['w', 'd', 'h', 'm', 's']
const ISO = new RegExp(
  `^P(?=.)(?:(${NUMBER})W)?(?:(${NUMBER})D)?(?:T(?=.)(?:(${NUMBER})H)?(?:(${NUMBER})M)?(?:(${NUMBER})S)?)?$`,
)

/**
 * A span of time in milliseconds. Text is read with units, largest first (`30s`, `5m`, `1h30m`, `1.5d`, `250ms`; also `w`),
 * or as an ISO 8601 duration (`PT5M`, `P1DT12H`; no months or years, whose length varies); a number without a unit is
 * milliseconds. At least 0. The schema is a `ZodNumber`, with all its methods: `duration().max(60_000).default(5_000)`.
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
  const total = units.reduce((sum, unit, index) => sum + Number(found[index + 1] ?? 0) * (MS[unit] ?? 0), 0)
  // 1.001 s would be 1000.9999999999999
  return Math.round(total * 1e6) / 1e6
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
  return Math.round(Number(amount) * base ** POWERS.indexOf(power.toLowerCase()) * 1e3) / 1e3
})

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
    return (trimmed === undefined ? undefined : read(trimmed)) ?? plain.read(text)
  }
  return {
    ...plain,
    name,
    read: readText,
    jsonSchema: { type: 'string', description: `a ${name}, with its unit` },
  }
}
