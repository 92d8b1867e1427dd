import { textOfScalar, valueOfScalar, WrittenScalar } from '../format/written-scalar.ts'

const RECEIVED_LENGTH = 80

/** What an issue shows of a value, on one line: scalars as they were written, and the begin of what is long. */
export function receivedText(value: unknown): string {
  // of a long text, no more than is shown is put into quotes
  const text = textOf(typeof value === 'string' ? value.slice(0, RECEIVED_LENGTH + 2) : value)
  return text.length > RECEIVED_LENGTH ? `${text.slice(0, RECEIVED_LENGTH)}…` : text
}

function textOf(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof WrittenScalar) return value.text
  try {
    return JSON.stringify(value, plainPart) ?? String(value)
  } catch {
    // one that holds itself, or whose own code throws, may refuse `String()` too
    return Object.prototype.toString.call(value)
  }
}

/** A part of a list or an object as JSON can hold it. */
function plainPart(_name: string, part: unknown): unknown {
  const value = valueOfScalar(part)
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value)))
    return textOfScalar(part) ?? String(value)
  return value
}
