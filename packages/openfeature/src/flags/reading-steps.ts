/** Text that is read or built takes a step for every ten characters. */
export const CHARACTERS_A_STEP = 10

/** To list the names of an object takes longer than to read a list. */
export const STEPS_A_NAME = 5

/** A list that is still to be read, or the parts of an object. */
interface Open {
  readonly list: readonly unknown[]
  readonly level: number
}

/**
 * The steps that it takes to read a value, with the texts and lists in it, and to make a text of it: that has the texts of
 * inner lists copied once for each list around them. Counts no further than a little beyond `most`.
 *
 * @param objects whether the parts of objects are read as well: a `var` may lead into them, while an operator sees their
 *   names at most
 */
export function readingSteps(value: unknown, most: number, objects: 'read' | 'named' = 'named'): number {
  if (typeof value === 'string') return value.length / CHARACTERS_A_STEP
  if (typeof value !== 'object' || value === null) return 0
  let steps = 0
  // By a list that grows: values of a context are nested as deep as their sender likes.
  const open: Open[] = []
  let next: Open | undefined = { list: Array.isArray(value) ? value : [value], level: 0 }
  for (; next !== undefined; next = open.pop()) {
    const copies = Math.max(1, next.level)
    steps += next.list.length * copies
    for (const each of next.list) {
      if (steps > most) return steps
      if (typeof each === 'string') steps += (each.length / CHARACTERS_A_STEP) * copies
      else if (Array.isArray(each)) open.push({ list: each, level: next.level + 1 })
      else if (objects === 'read' && isPlain(each)) {
        const names = Object.keys(each)
        steps += names.length * STEPS_A_NAME
        if (steps <= most) open.push({ list: partsOf(each, names), level: next.level + 1 })
      }
    }
  }
  return steps
}

/** The length of the longest text in lists and plain objects; endless if there is so much of these that the search takes long. */
export function longestText(values: readonly unknown[], most: number): number {
  const seen = new Set<object>([values])
  let longest = 0
  let steps = 0
  // The set grows while it is walked.
  for (const each of seen) {
    const names = Array.isArray(each) ? undefined : Object.keys(each)
    if (names !== undefined && names.length * STEPS_A_NAME > most) return Number.POSITIVE_INFINITY
    const inner = names === undefined ? (each as readonly unknown[]) : partsOf(each, names)
    steps += 1 + inner.length
    if (steps > most) return Number.POSITIVE_INFINITY
    for (const value of inner) {
      if (typeof value === 'string') longest = Math.max(longest, value.length)
      else if (Array.isArray(value) || isPlain(value)) seen.add(value)
    }
  }
  return longest
}

function partsOf(whole: object, names: readonly string[]): unknown[] {
  return names.map((name) => (whole as Readonly<Record<string, unknown>>)[name])
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
