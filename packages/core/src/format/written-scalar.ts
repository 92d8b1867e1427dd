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

/**
 * A number or boolean as a document has it. A number that JavaScript would change stays text, so that the schema reads every
 * digit, as does one that is too large to be a `number`.
 */
export function scalarAsWritten(value: number | boolean, text: string): unknown {
  if (typeof value === 'number' && isChanged(value, text)) return text
  return String(value) === text ? value : new WrittenScalar(value, text)
}

/** The same for a whole number, in any base; one that no `number` holds is text, or a bigint where its text says more. */
export function integerAsWritten(value: bigint, text: string): unknown {
  const digits = String(value)
  const number = Number(value)
  if (!Number.isFinite(number) || isLost(digits, number))
    return digits === text ? text : new WrittenScalar(value, text)
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
