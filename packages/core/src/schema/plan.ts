import type * as z from 'zod/v4/core'
import type { ReadText } from './text.ts'

interface PlanBase {
  readonly schema: z.$ZodType
  /** Marked with `secret()` itself. */
  readonly isSecret: boolean
  /** A secret is here or somewhere inside. Filled in when the whole schema has been walked. */
  hasSecret: boolean
  /** zod's own word on the whole node can be put together from its word on the parts. */
  isDecomposable: boolean
}

/** A scalar: one key, one text. */
export interface LeafPlan extends PlanBase {
  readonly type: 'leaf'
  readonly read: ReadText
  /** `z.string()` and nothing more: every text is valid as it is. */
  readonly isAnyText: boolean
}

/** `any`, `unknown`, custom predicates, preprocess: gets what is there, unread. */
export interface RawPlan extends PlanBase {
  readonly type: 'raw'
}

export interface PropertyPlan {
  readonly name: string
  readonly stored: string
  readonly environment: string
  readonly plan: Plan
  /** A schema of this one property, to hear from zod what its absence comes to. */
  readonly alone: z.$ZodType
}

export interface ObjectPlan extends PlanBase {
  readonly type: 'object'
  readonly properties: Map<string, PropertyPlan>
  readonly byStored: Map<string, PropertyPlan>
  readonly byEnvironment: Map<string, PropertyPlan>
  /** undefined: unknown keys are unused; otherwise zod judges them by `rest`. */
  catchall: Plan | undefined
  /** An object schema of the catchall alone, to hear zod on unknown keys. */
  rest: z.$ZodType | undefined
}

export interface RecordPlan extends PlanBase {
  readonly type: 'record'
  key: Plan
  value: Plan
}

export interface MapPlan extends PlanBase {
  readonly type: 'map'
  key: Plan
  value: Plan
}

/** Array, tuple and set: one value, supplied whole by the highest layer that has it. */
export interface ListPlan extends PlanBase {
  readonly type: 'list'
  readonly as: 'array' | 'tuple' | 'set'
  items: readonly Plan[]
  rest: Plan | undefined
}

export interface UnionPlan extends PlanBase {
  readonly type: 'union'
  options: readonly Plan[]
  readonly discriminator: string | undefined
}

export interface IntersectionPlan extends PlanBase {
  readonly type: 'intersection'
  left: Plan
  right: Plan
}

/** A schema around another: what the tree holds is read by `inner`. */
export interface WrapperPlan extends PlanBase {
  readonly type: 'wrapper'
  readonly wrapper:
    | 'optional'
    | 'nullable'
    | 'default'
    | 'catch'
    | 'readonly'
    | 'nonoptional'
    | 'lazy'
    | 'pipe'
  inner: Plan
}

/** The schema as the pipeline uses it: compiled once, shared, never written to afterwards. */
export type Plan =
  | LeafPlan
  | RawPlan
  | ObjectPlan
  | RecordPlan
  | MapPlan
  | ListPlan
  | UnionPlan
  | IntersectionPlan
  | WrapperPlan

/** The plan under all wrappers, and whether one of them takes `null`. */
export function unwrap(plan: Plan): { core: Plan; isNullable: boolean } {
  let isNullable = false
  let core = plan
  for (let depth = 0; core.type === 'wrapper' && depth < 100; depth++) {
    isNullable ||= core.wrapper === 'nullable'
    core = core.inner
  }
  return { core, isNullable }
}

/** The plan of the child `segment`, as far as the schema knows one. */
export function childPlan(plan: Plan, segment: string): Plan | undefined {
  const { core } = unwrap(plan)
  switch (core.type) {
    case 'object':
      return core.properties.get(segment)?.plan ?? core.catchall
    case 'record':
    case 'map':
      return core.value
    case 'list':
      return core.as === 'tuple' ? (core.items[Number(segment)] ?? core.rest) : core.items[0]
    case 'union':
      return firstDefined(core.options, segment)
    case 'intersection':
      return childPlan(core.left, segment) ?? childPlan(core.right, segment)
    default:
      return undefined
  }
}

function firstDefined(options: readonly Plan[], segment: string): Plan | undefined {
  for (const option of options) {
    const found = childPlan(option, segment)
    if (found !== undefined) return found
  }
  return undefined
}

/** Whether typed objects are spread over child nodes, so that layers merge leaf by leaf. */
export function isDirectory(plan: Plan): boolean {
  const { core } = unwrap(plan)
  switch (core.type) {
    case 'object':
    case 'record':
    case 'map':
      return true
    case 'union':
      return core.options.some(isDirectory)
    case 'intersection':
      return isDirectory(core.left) || isDirectory(core.right)
    default:
      return false
  }
}

/** Whether text can only mean a JSON document here (never where a plain text would do as well). */
export function isPureDirectory(plan: Plan): boolean {
  const { core } = unwrap(plan)
  if (core.type === 'union') return core.options.every(isPureDirectory)
  if (core.type === 'intersection') return isPureDirectory(core.left) && isPureDirectory(core.right)
  return core.type === 'object' || core.type === 'record' || core.type === 'map'
}

/** The name under which a child is kept, from a segment as a layer writes it. */
export function canonicalName(plan: Plan | undefined, segment: string, naming: 'stored' | 'env'): string {
  const own = plan === undefined ? undefined : namedProperty(plan, segment, naming)
  if (own !== undefined) return own.name
  return naming === 'env' ? segment.toLowerCase() : segment
}

function namedProperty(plan: Plan, segment: string, naming: 'stored' | 'env'): PropertyPlan | undefined {
  const { core } = unwrap(plan)
  switch (core.type) {
    case 'object':
      return (naming === 'env' ? core.byEnvironment : core.byStored).get(segment)
    case 'union':
      for (const option of core.options) {
        const found = namedProperty(option, segment, naming)
        if (found !== undefined) return found
      }
      return undefined
    case 'intersection':
      return namedProperty(core.left, segment, naming) ?? namedProperty(core.right, segment, naming)
    default:
      return undefined
  }
}
