import type * as z from 'zod/v4/core'

/**
 * The number that a decimal text without an exponent means; undefined where JavaScript has only another one near it:
 * 9007199254740993 would become 9007199254740992. Linear in the text.
 */
export function exactNumber(text: string): number | undefined {
  const value = Number(text)
  if (Number.isSafeInteger(value) && !text.includes('.')) return value
  return significant(text) === significant(String(value)) ? value : undefined
}

/** The digits between the zeros at both ends, which with the magnitude are the whole number. */
function significant(text: string): string {
  const [mantissa = ''] = text.split('e')
  const digits = mantissa.replace(/^[+-]/, '').replace('.', '')
  let from = 0
  let to = digits.length
  while (digits[from] === '0') from++
  while (to > from && digits[to - 1] === '0') to--
  return digits.slice(from, to)
}

/** Whether JavaScript makes another number of a text: of a whole number its neighbour, of a tiny fraction 0. */
export function isLost(text: string, value: number): boolean {
  if (value === 0) return /^[+-]?[\d.]*[1-9]/.test(text)
  return Number.isFinite(value) && WHOLE.test(text) && exactNumber(text) === undefined
}

/** Whether a number is checked to be whole, and so not too large to be exact. */
export function isInteger(def: z.$ZodNumberDef): boolean {
  const checks = (def.checks ?? []).map((check) => check._zod.def)
  return [def, ...checks].some((each) => 'format' in each && String(each.format).includes('int'))
}

const WHOLE = /^[+-]?\d+$/
