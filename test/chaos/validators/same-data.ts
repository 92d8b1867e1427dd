import type { Path } from '../history.ts'

type Data = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Data =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Whether two pieces of JSON data are equal. A property that is undefined counts as one that is not there. */
export const isSameData = (one: unknown, other: unknown): boolean => {
  if (Object.is(one, other)) return true
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((each, index) => isSameData(each, other[index]))
  if (!isObject(one) || !isObject(other)) return false
  return namesOf(one, other).every((name) => isSameData(own(one, name), own(other, name)))
}

/** The paths of the leaves that differ; a list is one leaf, and so is an empty object against none. */
export const differingPaths = (one: unknown, other: unknown, path: Path = []): Path[] => {
  if (isSameData(one, other)) return []
  const canBranch = (value: unknown) => value === undefined || isObject(value)
  if (!canBranch(one) || !canBranch(other)) return [path]
  const [before, after] = [(one ?? {}) as Data, (other ?? {}) as Data]
  const names = namesOf(before, after)
  if (names.length === 0) return [path]
  return names.flatMap((name) => differingPaths(own(before, name), own(after, name), [...path, name]))
}

const namesOf = (one: Data, other: Data): string[] => [
  ...new Set([...Object.keys(one), ...Object.keys(other)]),
]

const own = (data: Data, name: string): unknown => (Object.hasOwn(data, name) ? data[name] : undefined)
