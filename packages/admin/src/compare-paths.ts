import type { Path } from '@livetree/core'
import { compareTexts } from './compare-texts.ts'

/** Orders paths name by name, those that are numbers by their size. */
export function comparePaths(one: Path, other: Path): number {
  const index = one.findIndex((name, at) => String(name) !== String(other[at]))
  if (index < 0) return one.length - other.length
  const [name, otherName] = [String(one[index]), String(other[index] ?? '')]
  const isNumber = /^\d+$/.test(name) && /^\d+$/.test(otherName)
  return isNumber ? Number(name) - Number(otherName) : compareTexts(name, otherName)
}
