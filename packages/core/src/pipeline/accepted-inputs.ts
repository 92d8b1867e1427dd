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
export class AcceptedInputs {
  readonly #known = new Map<SchemaNode, Map<object, boolean>>()

  /** Whether zod takes an input, or one that some option of it takes was put in its place. */
  accepts(schemaNode: SchemaNode, input: unknown): boolean {
    if (typeof input !== 'object' || input === null) return isValid(schemaNode.schema, input)
    const known = this.#known.get(schemaNode) ?? new Map<object, boolean>()
    this.#known.set(schemaNode, known)
    let isAccepted = known.get(input)
    if (isAccepted === undefined) {
      // An input that holds itself ends here.
      known.set(input, false)
      const parts = this.#acceptsParts(schemaNode, input)
      isAccepted = parts === 'accepted' || (parts === 'unknown' && isValid(schemaNode.schema, input))
      known.set(input, isAccepted)
    }
    return isAccepted
  }

  /** `unknown` where only zod can say. No schema takes an input whose parts it does not take, unless it catches that. */
  #acceptsParts(schemaNode: SchemaNode, input: object): 'accepted' | 'refused' | 'unknown' {
    const isAccepted = this.#acceptsAll(schemaNode, input)
    if (isAccepted === undefined) return 'unknown'
    if (!isAccepted) return 'refused'
    return hasChecks(schemaNode.schema) ? 'unknown' : 'accepted'
  }

  #acceptsAll(schemaNode: SchemaNode, input: object): boolean | undefined {
    switch (schemaNode.type) {
      case 'wrapper':
        return TRANSPARENT.has(schemaNode.wrapper) ? this.accepts(schemaNode.inner, input) : undefined
      case 'union':
        return isExclusive(schemaNode.schema)
          ? undefined
          : schemaNode.options.some((option) => this.accepts(option, input))
      case 'intersection': {
        const isAccepted = schemaNode.sides.every((side) => this.accepts(side, input))
        return isAccepted && !sidesMerge(schemaNode) ? undefined : isAccepted
      }
      case 'object':
        return isPlainObject(input) ? this.#acceptsObject(schemaNode, input) : undefined
      case 'record':
        return isPlainObject(input) && hasTextKeys(schemaNode.schema)
          ? Object.entries(input).every(
              ([name, value]) => this.accepts(schemaNode.key, name) && this.accepts(schemaNode.value, value),
            )
          : undefined
      case 'map':
        return input instanceof Map
          ? [...input].every(
              ([key, value]) => this.accepts(schemaNode.key, key) && this.accepts(schemaNode.value, value),
            )
          : undefined
      case 'list':
        return this.#acceptsList(schemaNode, input)
      default:
        return undefined
    }
  }

  #acceptsObject(schemaNode: ObjectNode, input: Record<string, unknown>): boolean {
    for (const { name, schemaNode: inner, alone } of schemaNode.properties.values()) {
      const isAccepted = Object.hasOwn(input, name)
        ? this.accepts(inner, input[name])
        : isValid(alone, NOTHING)
      if (!isAccepted) return false
    }
    const { catchall, properties } = schemaNode
    if (catchall === undefined) return true
    return Object.keys(input).every((name) => properties.has(name) || this.accepts(catchall, input[name]))
  }

  #acceptsList({ as, items, rest }: ListNode, input: object): boolean | undefined {
    if (as === 'set') return input instanceof Set ? this.#acceptsItems([], items[0], [...input]) : undefined
    if (!Array.isArray(input)) return undefined
    if (as === 'array') return this.#acceptsItems([], items[0], input)
    return input.length === items.length || (rest !== undefined && input.length > items.length)
      ? this.#acceptsItems(items, rest, input)
      : undefined
  }

  #acceptsItems(
    first: readonly SchemaNode[],
    rest: SchemaNode | undefined,
    input: readonly unknown[],
  ): boolean {
    // A list with holes has items there too.
    return Array.from(input).every((item, index) => {
      const schemaNode = first[index] ?? rest
      return schemaNode !== undefined && this.accepts(schemaNode, item)
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
