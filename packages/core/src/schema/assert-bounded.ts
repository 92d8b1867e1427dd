import type * as z from 'zod/v4/core'
import { LivetreeError } from '../errors.ts'
import { isFilledIn, prefaultOf, readable } from './filled-in.ts'
import { placeText } from './name-clash.ts'
import { namingThrown } from './naming-thrown.ts'
import { parseCopy } from './parse-copy.ts'
import { innerSchemas } from './secret.ts'

/** How many parts a value may get from schemas that stand at several places, where no layer has any key. */
const MAX_REPEATED = 100_000

/**
 * Checks that no value of the schema is large before anything is given. An object that requires a shared object twice,
 * which requires another one twice, has twice as many parts at each level: loading it would never end. So has a list
 * whose `prefault` has two items, and what a `preprocess` makes.
 *
 * @throws LivetreeError `invalid_schema` with the path of the innermost place that is too large, or if the schema's own code
 *   throws
 */
export function assertBounded(schema: z.$ZodType): void {
  namingThrown([], () => new Sizes().sizeOf(schema, []))
}

type Place = readonly string[]

/** Counts each schema once, however often it is met. */
class Sizes {
  readonly #known = new Map<z.$ZodType, number>()

  /** How many schemas validate one place that has no keys, as often as each of them does. */
  sizeOf(schema: z.$ZodType, path: Place): number {
    const known = this.#known.get(schema)
    if (known !== undefined) return known
    // What comes back to itself without end is refused elsewhere.
    this.#known.set(schema, 1)
    const size = this.#count(schema, path)
    this.#known.set(schema, this.#checked(size, path))
    return size
  }

  #checked(size: number, path: Place): number {
    if (size > MAX_REPEATED + this.#known.size) refuseLarge(path)
    return size
  }

  #count(schema: z.$ZodType, path: Place): number {
    const { def } = (schema as z.$ZodTypes)._zod
    switch (def.type) {
      case 'object': {
        if (def.catchall !== undefined) this.sizeOf(def.catchall, [...path, '<key>'])
        return sum(Object.entries(def.shape), ([name, part]) => this.#propertySize(part, [...path, name]))
      }
      case 'record':
      case 'map':
      case 'set':
      case 'array':
      case 'tuple':
        for (const part of innerSchemas(schema)) this.sizeOf(part, [...path, '<key>'])
        return 1
      case 'prefault':
        return 1 + new GivenSizes(this, path).sizeOf(def.innerType, prefaultOf(schema))
      case 'pipe':
        return new GivenSizes(this, path).ofPipe(def, undefined)
      case 'union': {
        const sizes = def.options.map((option) => this.sizeOf(option, path))
        return isOneChosen(def) ? Math.max(...sizes) : sum(sizes, (size) => size)
      }
      default:
        return sum(innerSchemas(schema), (part) => this.sizeOf(part, path))
    }
  }

  #propertySize(schema: z.$ZodType, path: Place): number {
    const inside = this.sizeOf(schema, path)
    return isFilledIn(schema) ? inside : 1
  }
}

/** Counts the schemas that validate a value which a `prefault` gives, or the author's own function. */
class GivenSizes {
  readonly #sizes: Sizes
  readonly #path: Place
  readonly #known = new Map<z.$ZodType, Map<unknown, number>>()
  /** Values met so far: a function of the author may make another one each time. */
  #met = 0

  constructor(sizes: Sizes, path: Place) {
    this.#sizes = sizes
    this.#path = path
  }

  sizeOf(schema: z.$ZodType, value: unknown): number {
    const ofNothing = this.#sizes.sizeOf(schema, this.#path)
    if (value === undefined) return ofNothing
    this.#met += 1
    if (this.#met > MAX_REPEATED) refuseLarge(this.#path)
    const known = this.#known.get(schema) ?? new Map<unknown, number>()
    this.#known.set(schema, known)
    const before = known.get(value)
    if (before !== undefined) return before
    known.set(value, 1)
    const size = this.#count(schema, value)
    known.set(value, size)
    return size
  }

  ofPipe(def: z.$ZodPipeDef, value: unknown): number {
    const first = this.sizeOf(def.in, value)
    return 1 + first + this.sizeOf(def.out, madeOf(def, value))
  }

  #count(schema: z.$ZodType, value: unknown): number {
    const { def } = (schema as z.$ZodTypes)._zod
    switch (def.type) {
      case 'object':
        return sum(Object.entries(def.shape), ([name, part]) => this.#propertySize(part, value, name))
      case 'record':
        return sum(valuesOf(value), (part) => this.sizeOf(def.valueType, part))
      case 'map':
      case 'set':
        return sum(valuesOf(value), (part) => this.sizeOf(def.valueType, part))
      case 'array':
        return sum(valuesOf(value), (part) => this.sizeOf(def.element, part))
      case 'tuple':
        return sum([...valuesOf(value).entries()], ([index, part]) => {
          const item = def.items[index] ?? def.rest
          return item === null ? 1 : this.sizeOf(item, part)
        })
      case 'union': {
        const sizes = def.options.map((option) => this.sizeOf(option, value))
        return isOneChosen(def) ? Math.max(...sizes) : sum(sizes, (size) => size)
      }
      case 'pipe':
        return this.ofPipe(def, value)
      default:
        return sum(innerSchemas(schema), (part) => this.sizeOf(part, value))
    }
  }

  #propertySize(schema: z.$ZodType, value: unknown, name: string): number {
    if (typeof value !== 'object' || value === null) return 1
    if (Object.hasOwn(value, name)) return this.sizeOf(schema, Reflect.get(value, name))
    return isFilledIn(schema) ? this.#sizes.sizeOf(schema, [...this.#path, name]) : 1
  }
}

/** The parts of a list, a set, a map or an object that a schema may validate one by one. */
function valuesOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  if (value instanceof Map || value instanceof Set) return [...value.values()]
  return typeof value === 'object' && value !== null ? Object.values(value) : []
}

/** What the first schema of a pipe hands on, where the second one has parts; undefined if it refuses the value. */
function madeOf(def: z.$ZodPipeDef, value: unknown): unknown {
  if (def.out._zod.def.type === 'transform') return undefined
  return readable(() => {
    const result = parseCopy(def.in, value)
    return result.success ? result.data : undefined
  })
}

function isOneChosen(def: z.$ZodUnionDef): boolean {
  return 'discriminator' in def && def.discriminator !== undefined
}

/** One for the schema itself, and its parts. */
function sum<T>(parts: readonly T[], sizeOf: (part: T) => number): number {
  return parts.reduce((total, part) => total + sizeOf(part), 1)
}

function refuseLarge(path: Place): never {
  throw new LivetreeError(
    'invalid_schema',
    `The schema at ${placeText(path)} has more than ${MAX_REPEATED.toLocaleString('en')} parts in every value: objects that require a shared schema several times, level upon level. Make the repeated parts optional, or keep them in a record.`,
  )
}
