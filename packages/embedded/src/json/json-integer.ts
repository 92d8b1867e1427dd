const NUMBER = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/
/** Digits of the largest number of 64 bits. */
const MAX_DIGITS = 20
/** Exponents beyond 32 bits are not numbers to Go. */
const MAX_EXPONENT = 2 ** 31

/** The whole number that a JSON number stands for, e.g. 100 for `1e2`; undefined for a fraction or other text. */
export function integerOf(text: string): bigint | undefined {
  const [, sign, whole = '', fraction = '', exponentText = '0'] = NUMBER.exec(text) ?? []
  if (sign === undefined) return undefined
  const digits = whole === '0' ? '' : whole
  const decimals = fraction.slice(0, fraction.length - zerosAtEnd(fraction))
  if (digits === '' && decimals === '') return 0n
  const exponent = Number(exponentText)
  if (Math.abs(exponent) >= MAX_EXPONENT || decimals.length > Math.max(exponent, 0)) return undefined
  if (digits.length + Math.max(exponent, 0) > MAX_DIGITS) return undefined
  const shifted = shift(digits + decimals, exponent - decimals.length)
  return shifted === undefined ? undefined : BigInt(`${sign}${shifted}`)
}

/** Appends zeros, or removes as many as the negative shift says; undefined if other digits stand there. */
function shift(digits: string, places: number): string | undefined {
  if (places >= 0) return digits + '0'.repeat(places)
  const kept = digits.length + places
  return kept > 0 && zerosAtEnd(digits) >= -places ? digits.slice(0, kept) : undefined
}

function zerosAtEnd(digits: string): number {
  let end = digits.length
  while (end > 0 && digits[end - 1] === '0') end -= 1
  return digits.length - end
}
