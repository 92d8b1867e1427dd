const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/
const ZERO = /^[+-]?[0.]*(?:[eE]|$)/

/**
 * Whether JavaScript makes another number of a decimal text than was meant, however that is spelled. A whole number has to
 * be exactly what was written, or print the same digits: 9007199254740993, also as 9007199254740993.0, would become
 * 9007199254740992. A fraction may be rounded to the nearest one, and never to a whole number. Linear in the text.
 */
export function isLost(text: string, value: number): boolean {
  // Most whole numbers are written as JavaScript prints them.
  if (!Number.isInteger(value) || String(value) === text) return false
  if (value === 0) return !ZERO.test(text)
  const written = normal(text)
  return written !== normal(String(value)) && written !== normal(String(BigInt(value)))
}

/** The number that a decimal text means; undefined where that is lost. */
export function exactNumber(text: string): number | undefined {
  const value = Number(text)
  return isLost(text, value) ? undefined : value
}

/** Digits between the zeros at both ends and a power of ten: the same text for the same number. */
function normal(text: string): string {
  const [, sign, whole = '', fraction = '', exponent = '0'] = DECIMAL.exec(text) ?? []
  const digits = whole + fraction
  let from = 0
  let to = digits.length
  while (digits[from] === '0') from++
  while (to > from && digits[to - 1] === '0') to--
  const power = Number(exponent) - fraction.length + (digits.length - to)
  return `${sign === '-' ? '-' : ''}${digits.slice(from, to)}e${power}`
}
