import * as z from 'zod/v4/core'
import { reachable } from '../reachable.ts'
import { innerSchemas } from '../schema/secret.ts'
import { type Part, partsOf } from './doubling.ts'

/** zod may always validate a value this often, counted over all of its parts. */
const MAX_VALIDATIONS = 100_000
/** How often it may validate each part of a larger value. */
const MAX_FOR_EACH = 32

/**
 * Whether zod would validate the parts of a value again and again. Where several schemas read one place, such as the two
 * steps of a pipe, and each of them leads to the same inner schema, each level of a value is validated twice as often as the
 * one above it: a thousand times at ten levels. Counts without validating, each pair of a schema and a part once.
 */
export function isRepeatedWork(schema: z.$ZodType, value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !mayRepeat(schema)) return false
  const work = new Work()
  return work.of(schema, value) > Math.max(MAX_VALIDATIONS, MAX_FOR_EACH * work.pairs)
}

class Work {
  readonly #known = new Map<z.$ZodType, Map<unknown, number>>()
  /** Pairs of a schema and a part of the value. */
  pairs = 0

  /** How many validations the schema makes of a value. */
  of(schema: z.$ZodType, value: unknown): number {
    if (typeof value !== 'object' || value === null) return 1
    const values = this.#known.get(schema) ?? new Map<unknown, number>()
    this.#known.set(schema, values)
    const known = values.get(value)
    if (known !== undefined) return known
    this.pairs += 1
    // A value that holds itself ends here.
    values.set(value, 1)
    const work = 1 + this.#ofParts(schema, value)
    values.set(value, work)
    return work
  }

  #ofParts(schema: z.$ZodType, value: object): number {
    const readers = readersOf(schema)
    if (readers.length === 0)
      return partsBelow(schema, value).reduce((sum, [inner, part]) => sum + this.of(inner, part), 0)
    const each = readers.map((reader) => this.of(reader, value))
    return isEachRun(schema) ? each.reduce((sum, work) => sum + work, 0) : Math.max(...each)
  }
}

/** The schemas that one place is given to, where there are several. */
function readersOf(schema: z.$ZodType): readonly z.$ZodType[] {
  const { def } = (schema as z.$ZodTypes)._zod
  if (def.type === 'pipe') return [def.in, def.out]
  if (def.type === 'intersection') return [def.left, def.right]
  return def.type === 'union' ? def.options : []
}

/**
 * Whether each option validates the same parts again. A discriminator chooses one option. Schemas of `zod` from 4.6 on remember
 * their result for an object, those of `zod/mini` and of earlier versions do not; and the second step of a pipe gets new
 * objects.
 */
function isEachRun(schema: z.$ZodType): boolean {
  const { def } = (schema as z.$ZodTypes)._zod
  if (def.type === 'pipe') return true
  if ('discriminator' in def && def.discriminator !== undefined) return false
  return z.globalConfig.memoizer === undefined || !('optional' in schema)
}

function partsBelow(schema: z.$ZodType, value: object): readonly Part[] {
  const { def } = (schema as z.$ZodTypes)._zod
  if (def.type === 'record') return Object.values(value).map((part) => [def.valueType, part])
  const parts = partsOf(schema, value)
  return parts.length > 0 ? parts : wrapped(schema, value)
}

/** What zod gives to which schema where a wrapper hands the whole value on, such as `catch`. */
function wrapped(schema: z.$ZodType, value: object): readonly Part[] {
  const { def } = (schema as z.$ZodTypes)._zod
  return 'innerType' in def ? [[def.innerType as z.$ZodType, value]] : []
}

const repeating = new WeakMap<z.$ZodType, boolean>()

/** Whether several readers of one place lead to the same place with several readers. */
function mayRepeat(schema: z.$ZodType): boolean {
  let answer = repeating.get(schema)
  if (answer === undefined) {
    const places = [...reachable([schema], innerSchemas)].filter(
      (each) => readersOf(each).length > 1 && isEachRun(each),
    )
    answer = places.some((place) => {
      const met = new Set<z.$ZodType>()
      return readersOf(place).some((reader) => {
        const within = [...reachable([reader], innerSchemas)].filter((each) => places.includes(each))
        const isMet = within.some((each) => met.has(each))
        for (const each of within) met.add(each)
        return isMet
      })
    })
    repeating.set(schema, answer)
  }
  return answer
}
