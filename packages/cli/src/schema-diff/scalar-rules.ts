import type { JsonSchema } from '@livetree/core/tools'
import { every, type Verdict } from './verdict.ts'

/** Whether strings of one schema are all strings of another, by their lengths, patterns and formats. */
export function takesStrings(was: JsonSchema, is: JsonSchema): Verdict {
  const marks = ['pattern', 'format', 'contentEncoding', 'contentMediaType']
  const isMarked = marks.some((name) => was[name] !== undefined)
  const marked = marks.map((name): Verdict => {
    if (is[name] === undefined || is[name] === was[name]) return true
    // A pattern may well be inside another one; text of any form is inside none.
    return isMarked ? undefined : false
  })
  const lengths = takesCount(was, is, ['minLength', 'maxLength'])
  return every([...marked, lengths === false && isMarked ? undefined : lengths])
}

/** Whether what is counted, such as characters or items, is within the limits of the other schema too. */
export function takesCount(
  was: JsonSchema,
  is: JsonSchema,
  [least, most]: readonly [least: string, most: string],
): boolean {
  const isAbove = numberAt(was, least, 0) >= numberAt(is, least, 0)
  return isAbove && numberAt(was, most, Infinity) <= numberAt(is, most, Infinity)
}

/** Whether numbers of one schema are all numbers of another. */
export function takesNumbers(was: JsonSchema, is: JsonSchema, type: 'number' | 'integer'): Verdict {
  const step = type === 'integer' ? numberAt(was, 'multipleOf', 1) : was['multipleOf']
  const wanted = is['multipleOf']
  const isStep = wanted === undefined || wanted === step || isMultiple(step, wanted)
  const isInside = isInLimits(was, is, type)
  // Limits and steps together may take less than each of them.
  const isPlain = was['multipleOf'] === undefined
  return every([isStep || isPlain ? isStep : undefined, isInside || isPlain ? isInside : undefined])
}

/** Whether every multiple of a step, in whole numbers, is a multiple of another. */
function isMultiple(step: unknown, of: unknown): boolean {
  return Number.isInteger(step) && Number.isInteger(of) && Number(step) % Number(of) === 0
}

function isInLimits(was: JsonSchema, is: JsonSchema, type: 'number' | 'integer'): boolean {
  const [least, above] = [numberAt(was, 'minimum', -Infinity), numberAt(was, 'exclusiveMinimum', -Infinity)]
  const [most, below] = [numberAt(was, 'maximum', Infinity), numberAt(was, 'exclusiveMaximum', Infinity)]
  const first = type === 'integer' ? Math.max(Math.ceil(least), Math.floor(above) + 1) : least
  const last = type === 'integer' ? Math.min(Math.floor(most), Math.ceil(below) - 1) : most
  const lowest = numberAt(is, 'minimum', -Infinity)
  const highest = numberAt(is, 'maximum', Infinity)
  const lowestAbove = numberAt(is, 'exclusiveMinimum', -Infinity)
  const highestBelow = numberAt(is, 'exclusiveMaximum', Infinity)
  return (
    Math.max(first, above) >= lowest &&
    Math.min(last, below) <= highest &&
    (lowestAbove === -Infinity || first > lowestAbove || above >= lowestAbove) &&
    (highestBelow === Infinity || last < highestBelow || below <= highestBelow)
  )
}

function numberAt(schema: JsonSchema, name: string, standIn: number): number {
  const value = schema[name]
  return typeof value === 'number' ? value : standIn
}
