/** Smaller objects are asked for their names each time. */
const LARGE = 64

const known = new WeakMap<object, readonly string[]>()

/**
 * The own names of an object that does not change any more, in order. Asking V8 for those of ten thousand entries takes
 * longer than comparing them, so they are kept.
 */
export function namesOf(value: object): readonly string[] {
  const noted = known.get(value)
  if (noted !== undefined) return noted
  const names = Object.keys(value)
  if (names.length >= LARGE) noteNames(value, names)
  return names
}

/** The names of a large object, if it was asked for them before. */
export function notedNames(value: object | undefined): readonly string[] | undefined {
  return value && known.get(value)
}

/** Keeps the names of an object that are known to be the same as another's. */
export function noteNames(value: object, names: readonly string[]): void {
  known.set(value, names)
}
