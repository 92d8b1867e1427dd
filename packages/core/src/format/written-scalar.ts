import { isLost } from './exact-number.ts'

/**
 * A number or boolean of a document whose text says more than its value: `1.10`, `0x1F`, `True`. A schema of text gets
 * the text as it was written, a schema of numbers the number. Where the two are the same, the plain value is used.
 */
export class WrittenScalar {
  readonly value: number | bigint | boolean
  readonly text: string

  constructor(value: number | bigint | boolean, text: string) {
    this.value = value
    this.text = text
  }
}

const WHOLE = /^[+-]?\d+$/
/** Making longer ones would hold up the process; nobody means them, and no schema reads them. */
const MOST_DIGITS = 10_000

/**
 * A number or boolean as a document has it. A number that JavaScript would change keeps every digit, as does one that is too
 * large to be a `number`: a whole one is a bigint, since text would stand for what was quoted; no schema reads the others
 * as anything but text.
 */
export function scalarAsWritten(value: number | boolean, text: string): unknown {
  if (typeof value === 'number' && isChanged(value, text)) {
    const isWhole = text.length <= MOST_DIGITS && WHOLE.test(text)
    return isWhole ? new WrittenScalar(BigInt(text.replace('+', '')), text) : text
  }
  return String(value) === text ? value : new WrittenScalar(value, text)
}

/** The same for a whole number, in any base. */
export function integerAsWritten(value: bigint, text: string): unknown {
  const number = Number(value)
  if (!Number.isFinite(number) || isLost(String(value), number)) return new WrittenScalar(value, text)
  return String(number) === text ? number : new WrittenScalar(number, text)
}

/** TOML groups digits by underscores. */
function isChanged(value: number, text: string): boolean {
  return Number.isFinite(value) ? isLost(text.replaceAll('_', ''), value) : /\d$/.test(text)
}

/** The text of a number or boolean: what was written, else how it prints. Undefined for everything else. */
export function textOfScalar(value: unknown): string | undefined {
  if (value instanceof WrittenScalar) return value.text
  if (typeof value === 'boolean') return String(value)
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : undefined
}

/** The value that a scalar has where nobody asks for its text. */
export function valueOfScalar(value: unknown): unknown {
  return value instanceof WrittenScalar ? value.value : value
}
