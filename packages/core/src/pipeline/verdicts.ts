import type * as z from 'zod/v4/core'
import type { ListNode, ObjectNode, SchemaNode } from '../schema/schema-node.ts'
import { bareObject, isPlainObject } from './document.ts'
import { sidesMerge } from './merging-sides.ts'
import { isValid } from './validate.ts'

/**
 * Which inputs a schema takes, for choosing between the options of a union. The answer for a whole is put together from
 * the answers for its parts, and each is found once: a recursive union asks about the same parts at every level, and zod
 * would validate all that is below at each of them. zod is asked about scalars, and about what has refinements or
 * transforms.
 */
export class Verdicts {
  readonly #known = new Map<SchemaNode, Map<object, boolean>>()

  /** Whether zod takes an input, or one that some option of it takes was put in its place. */
  takes(schemaNode: SchemaNode, input: unknown): boolean {
    if (typeof input !== 'object' || input === null) return isValid(schemaNode.schema, input)
    const known = this.#known.get(schemaNode) ?? new Map<object, boolean>()
    this.#known.set(schemaNode, known)
    let verdict = known.get(input)
    if (verdict === undefined) {
      // An input that holds itself ends here.
      known.set(input, false)
      const parts = this.#takesParts(schemaNode, input)
      verdict = parts === 'taken' || (parts === 'unknown' && isValid(schemaNode.schema, input))
      known.set(input, verdict)
    }
    return verdict
  }

  /** `unknown` where only zod can say. No schema takes an input whose parts it does not take, unless it catches that. */
  #takesParts(schemaNode: SchemaNode, input: object): 'taken' | 'refused' | 'unknown' {
    const isTaken = this.#takesAll(schemaNode, input)
    if (isTaken === undefined) return 'unknown'
    if (!isTaken) return 'refused'
    return hasChecks(schemaNode.schema) ? 'unknown' : 'taken'
  }

  #takesAll(schemaNode: SchemaNode, input: object): boolean | undefined {
    switch (schemaNode.type) {
      case 'wrapper':
        return TRANSPARENT.has(schemaNode.wrapper) ? this.takes(schemaNode.inner, input) : undefined
      case 'union':
        return isExclusive(schemaNode.schema)
          ? undefined
          : schemaNode.options.some((option) => this.takes(option, input))
      case 'intersection': {
        const isTaken = schemaNode.sides.every((side) => this.takes(side, input))
        return isTaken && !sidesMerge(schemaNode) ? undefined : isTaken
      }
      case 'object':
        return isPlainObject(input) ? this.#takesObject(schemaNode, input) : undefined
      case 'record':
        return isPlainObject(input) && hasTextKeys(schemaNode.schema)
          ? Object.entries(input).every(
              ([name, value]) => this.takes(schemaNode.key, name) && this.takes(schemaNode.value, value),
            )
          : undefined
      case 'map':
        return input instanceof Map
          ? [...input].every(
              ([key, value]) => this.takes(schemaNode.key, key) && this.takes(schemaNode.value, value),
            )
          : undefined
      case 'list':
        return this.#takesList(schemaNode, input)
      default:
        return undefined
    }
  }

  #takesObject(schemaNode: ObjectNode, input: Record<string, unknown>): boolean {
    for (const { name, schemaNode: inner, alone } of schemaNode.properties.values()) {
      const isTaken = Object.hasOwn(input, name) ? this.takes(inner, input[name]) : isValid(alone, NOTHING)
      if (!isTaken) return false
    }
    const { catchall, properties } = schemaNode
    if (catchall === undefined) return true
    return Object.keys(input).every((name) => properties.has(name) || this.takes(catchall, input[name]))
  }

  #takesList({ as, items, rest }: ListNode, input: object): boolean | undefined {
    if (as === 'set') return input instanceof Set ? this.#takesItems([], items[0], [...input]) : undefined
    if (!Array.isArray(input)) return undefined
    if (as === 'array') return this.#takesItems([], items[0], input)
    return input.length === items.length || (rest !== undefined && input.length > items.length)
      ? this.#takesItems(items, rest, input)
      : undefined
  }

  #takesItems(
    first: readonly SchemaNode[],
    rest: SchemaNode | undefined,
    input: readonly unknown[],
  ): boolean {
    // A list with holes has items there too.
    return Array.from(input).every((item, index) => {
      const schemaNode = first[index] ?? rest
      return schemaNode !== undefined && this.takes(schemaNode, item)
    })
  }
}

const NOTHING = Object.freeze(bareObject())

/** Wrappers that hand a value that is there on to what is inside, and take what that takes. */
const TRANSPARENT: ReadonlySet<string> = new Set(['optional', 'nullable', 'default', 'readonly', 'lazy'])

/** `z.xor()`: exactly one of the options has to take the value. */
export function isExclusive(schema: z.$ZodType): boolean {
  const { def } = (schema as z.$ZodTypes)._zod
  return def.type === 'union' && (def as { inclusive?: boolean }).inclusive === false
}

function hasChecks(schema: z.$ZodType): boolean {
  return (schema._zod.def.checks?.length ?? 0) > 0
}

/** Whether each name of a record is a key by itself, and each value is validated. */
function hasTextKeys(schema: z.$ZodType): boolean {
  const { def } = (schema as z.$ZodTypes)._zod
  if (def.type !== 'record' || ('mode' in def && def.mode === 'loose')) return false
  return (def.keyType as z.$ZodType)._zod.def.type === 'string'
}
