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
 * A scalar as a document has it. A whole number that a `number` would round stays text, as does one that is too large
 * to be one, so that the schema reads every digit. `1e+21` has no more digits than the number prints.
 */
export function scalarAsWritten(value: number | bigint | boolean, text: string): unknown {
  const canonical = String(value)
  if (typeof value !== 'number')
    return canonical === text && typeof value === 'boolean' ? value : new WrittenScalar(value, text)
  const hasEveryDigit = canonical === text && /e/i.test(text)
  const isRounded = Number.isInteger(value) && !Number.isSafeInteger(value) && !hasEveryDigit
  if (isRounded || (!Number.isFinite(value) && /\d$/.test(text))) return text
  return canonical === text ? value : new WrittenScalar(value, text)
}

/** A whole number as a document has it, exact: one that no `number` holds is text, or a bigint where its text says more. */
export function integerAsWritten(value: bigint, text: string): unknown {
  const number = Number(value)
  if (Number.isSafeInteger(number)) return scalarAsWritten(number, text)
  return String(value) === text ? text : scalarAsWritten(value, text)
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
