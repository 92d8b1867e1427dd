/** Smaller objects are asked for their names when these are needed. */
const LARGE = 64

const known = new WeakMap<object, readonly string[]>()

/** The own names of an object, in order. Asking V8 for those of ten thousand entries takes longer than comparing them. */
export function namesOf(value: object): readonly string[] {
  return known.get(value) ?? Object.keys(value)
}

/** The names of a large object that `noteNames` was told of, for one that may have the same. */
export function notedNames(value: object | undefined): readonly string[] | undefined {
  return value && known.get(value)
}

/** Remembers the names of an object that does not change any more. `names`: if they are known to be the same as another's. */
export function noteNames(value: object, count: number, names: readonly string[] | undefined): void {
  if (count >= LARGE) known.set(value, names ?? Object.keys(value))
}
