import { types } from 'node:util'
import { textOfScalar, valueOfScalar } from '../format/written-scalar.ts'

/** Names the kind of a value found where another kind is expected, for a message; never shows its content. */
export function kindOf(value: unknown): string {
  if (typeof value === 'string') return value.trim() === '' ? 'empty text' : 'other text'
  if (value === null) return 'null'
  if (textOfScalar(value) !== undefined) return `another ${typeof valueOfScalar(value)}`
  return Array.isArray(value) ? 'a list' : (builtInKind(value) ?? 'an object')
}

/**
 * What an instance of a built-in class is. zod takes it for an object without properties, which is then made of defaults.
 * Undefined for plain objects and instances of a program's own classes, whose properties are read.
 */
export function builtInKind(value: unknown): string | undefined {
  return KINDS.find(([, test]) => test(value))?.[0]
}

/** Whether a value has a kind of its own, which no schema has to find in a text. */
export function isTyped(value: unknown): boolean {
  return textOfScalar(value) !== undefined || builtInKind(value) !== undefined
}

const KINDS: readonly (readonly [kind: string, test: (value: unknown) => boolean])[] = [
  ['a Date', types.isDate],
  ['bytes', (value) => types.isArrayBufferView(value) || types.isAnyArrayBuffer(value)],
  ['a Set', types.isSet],
  ['a Map', types.isMap],
  ['a URL', (value) => value instanceof URL || value instanceof URLSearchParams],
  ['a RegExp', types.isRegExp],
  ['an Error', types.isNativeError],
  ['a boxed value', types.isBoxedPrimitive],
  ['a WeakMap', types.isWeakMap],
  ['a WeakSet', types.isWeakSet],
]
