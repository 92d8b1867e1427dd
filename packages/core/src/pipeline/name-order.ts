import { isHeldName } from '../format/held-name.ts'

/**
 * The order of names in directories, records and maps: whole numbers by size, then all others by their code units. It
 * is the order in which JavaScript lists the names of an object that was filled in order, so that records and maps agree.
 */
export function compareNames(a: string, b: string): number {
  if (a === b) return 0
  const isIndexA = isIndex(a)
  if (isIndexA !== isIndex(b)) return isIndexA ? -1 : 1
  return isIndexA ? Number(a) - Number(b) : a < b ? -1 : 1
}

/** The order of places: name by name, a parent before its children. */
export function comparePaths(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  for (let depth = 0; depth < Math.min(a.length, b.length); depth++) {
    const order = compareNames(String(a[depth]), String(b[depth]))
    if (order !== 0) return order
  }
  return a.length - b.length
}

/** JavaScript puts these names first in every object. */
function isIndex(name: string): boolean {
  const first = name.charCodeAt(0)
  if (!(first >= ZERO && first <= NINE) || name.length > LARGEST_INDEX.length) return false
  const number = Number(name)
  return String(number) === name && number <= Number(LARGEST_INDEX)
}

const ZERO = 0x30
const NINE = 0x39
const LARGEST_INDEX = '4294967294'

/** The own names of an object, in order. */
export function sortedNames(value: object): readonly string[] {
  const names = Object.keys(value)
  return isSorted(names) ? names : names.sort(compareNames)
}

/** The own names of an object that an input can hold, in order. */
export function heldNames(value: object): readonly string[] {
  const names = sortedNames(value)
  return names.every(isHeldName) ? names : names.filter(isHeldName)
}

/** Whether names are in order, each once. */
export function isSorted(names: readonly string[]): boolean {
  let previous: string | undefined
  for (const name of names) {
    if (previous !== undefined && compareNames(previous, name) >= 0) return false
    previous = name
  }
  return true
}
