import type { Path } from '../issue.ts'

/** Why a part of a value cannot be written. */
export interface UnwritableDetails {
  /** From the root of the schema. */
  readonly path: Path
  /** Without a full stop, and without the value, which may be secret. */
  readonly message: string
  /** The schema refuses the value; else it takes the value, and no text is read as it. */
  readonly isInvalid?: boolean
  /** What the schema takes, if the value is of another kind; it may name the values that a schema lists. */
  readonly expected?: string
}

/** Thrown inside the writer where a part of a value has no text; another form or another option of a union may have one. */
export class Unwritable extends Error {
  readonly details: UnwritableDetails

  constructor(details: UnwritableDetails) {
    super(details.message)
    this.details = details
  }
}

/** @throws Unwritable */
export function refuseValue(path: Path, message: string): never {
  throw new Unwritable({ path, message })
}

/** @throws Unwritable for a value that the schema refuses */
export function refuseInvalid(path: Path, message: string): never {
  throw new Unwritable({ path, message, isInvalid: true })
}

/** @throws Unwritable for a value of another kind than the schema takes */
export function refuseKind(path: Path, expected: string, value: unknown): never {
  const message = `expected ${expected}, received ${kindOf(value)}`
  throw new Unwritable({ path, message, expected, isInvalid: true })
}

/**
 * Runs what may throw `Unwritable`, and gives its result, or that error.
 *
 * @throws every other error
 */
export function attempt<R>(write: () => R): { readonly result: R } | { readonly error: Unwritable } {
  try {
    return { result: write() }
  } catch (error) {
    if (error instanceof Unwritable) return { error }
    throw error
  }
}

/** @throws Unwritable for an item or entry that is undefined, as neither a key nor JSON can be */
export function refuseMissing(path: Path): never {
  return refuseValue(path, 'a missing part has neither key nor text')
}

/** The kind of a value, without what is in it. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (typeof value !== 'object') return typeof value
  if (Array.isArray(value)) return 'array'
  const prototype: unknown = Object.getPrototypeOf(value)
  const name: unknown = prototype === null ? 'Object' : (prototype as { constructor?: unknown }).constructor
  return typeof name === 'function' && name.name !== 'Object' ? name.name : 'object'
}
