import type * as z from 'zod/v4/core'
import type { ScalarReader } from './text.ts'

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
export interface LeafPlan extends PlanBase, ScalarReader {
  readonly type: 'leaf'
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
  /** What unknown keys are read by; undefined: they are unused. */
  catchall: Plan | undefined
  /** Where unknown keys are refused: a schema of nothing else, to hear zod say so. */
  strict: z.$ZodType | undefined
}

export interface RecordPlan extends PlanBase {
  readonly type: 'record'
  /** The keys there may be, by environment variable; empty where there may be any. */
  readonly keysByEnvironment: ReadonlyMap<string, string>
  key: Plan
  value: Plan
}

export interface MapPlan extends PlanBase {
  readonly type: 'map'
  readonly keysByEnvironment: ReadonlyMap<string, string>
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
  /** Made by `childPlan` out of the options of another. */
  readonly isJoined?: boolean
  /** `z.json()`: text that is JSON stands for what it says. */
  isJson?: boolean
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

/** The plans directly inside a plan. */
export function parts(plan: Plan): readonly Plan[] {
  switch (plan.type) {
    case 'object': {
      const inner = [...plan.properties.values()].map((property) => property.plan)
      return plan.catchall === undefined ? inner : [...inner, plan.catchall]
    }
    case 'record':
    case 'map':
      return [plan.key, plan.value]
    case 'list':
      return plan.rest === undefined ? plan.items : [...plan.items, plan.rest]
    case 'union':
      return plan.options
    case 'intersection':
      return [plan.left, plan.right]
    case 'wrapper':
      return [plan.inner]
    default:
      return []
  }
}

/** Whether an absent node is read as an empty directory, so that what is inside can have its defaults. */
export function isMadeWhenAbsent(plan: Plan): boolean {
  if (plan.type === 'wrapper')
    return (plan.wrapper === 'readonly' || plan.wrapper === 'pipe') && isMadeWhenAbsent(plan.inner)
  return plan.type === 'object' || plan.type === 'record' || plan.type === 'map'
}

/** Whether an object cannot be without another of its kind inside, so that no value is ever complete. */
export function requiresItself(plan: Plan, at: Plan = plan, seen = new Set<Plan>()): boolean {
  if (seen.has(at)) return at === plan
  seen.add(at)
  if (!isMadeWhenAbsent(at)) return false
  if (at.type === 'wrapper') return requiresItself(plan, at.inner, seen)
  if (at.type !== 'object') return false
  return [...at.properties.values()].some((property) => requiresItself(plan, property.plan, seen))
}

/** The plan under all wrappers. */
export function coreOf(plan: Plan): Plan {
  let core = plan
  for (let depth = 0; core.type === 'wrapper' && depth < 100; depth++) core = core.inner
  return core
}

/** The plan of the child `segment`, as far as the schema knows one. Where it may be read in several ways, all of them in one. */
export function childPlan(plan: Plan, segment: string): Plan | undefined {
  const core = coreOf(plan)
  switch (core.type) {
    case 'object':
      return core.properties.get(segment)?.plan ?? core.catchall
    case 'record':
    case 'map':
      return core.value
    case 'list':
      // names give the order of a tuple's items, not their places
      return joined(core, parts(core))
    case 'union':
      return joined(core, childPlans(core.options, segment))
    case 'intersection': {
      const [left, right] = childPlans([core.left, core.right], segment)
      return left === undefined || right === undefined ? left : intersectionOf(core, left, right)
    }
    case 'raw':
      return core
    default:
      return undefined
  }
}

/** What several plans say of one child, each plan once. */
function childPlans(plans: readonly Plan[], segment: string): Plan[] {
  const found = new Set<Plan>()
  for (const plan of plans) {
    const child = childPlan(plan, segment)
    if (child !== undefined) found.add(child)
  }
  return [...found]
}

/** A union for looking only: nothing is ever judged by it. */
function joined(origin: Plan, plans: readonly Plan[]): Plan | undefined {
  if (plans.length < 2) return plans[0]
  // joined ones are taken apart again, so that a recursive schema cannot pile them up
  const options = new Set(
    plans.flatMap((plan) => (plan.type === 'union' && plan.isJoined ? plan.options : plan)),
  )
  return {
    ...looking(origin, plans),
    type: 'union',
    options: [...options],
    discriminator: undefined,
    isJoined: true,
  }
}

/** The same for the two sides of an intersection. */
export function intersectionOf(origin: Plan, left: Plan, right: Plan): Plan {
  return { ...looking(origin, [left, right]), type: 'intersection', left, right }
}

function looking(origin: Plan, plans: readonly Plan[]) {
  return {
    schema: origin.schema,
    isSecret: plans.some((plan) => plan.isSecret),
    hasSecret: plans.some((plan) => plan.hasSecret),
    isDecomposable: false,
  }
}

/** Whether typed objects are spread over child nodes, so that layers merge leaf by leaf. */
export function isDirectory(plan: Plan): boolean {
  const core = coreOf(plan)
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
  const core = coreOf(plan)
  if (core.type === 'union') return core.options.every(isPureDirectory)
  if (core.type === 'intersection') return isPureDirectory(core.left) && isPureDirectory(core.right)
  return core.type === 'object' || core.type === 'record' || core.type === 'map'
}

/** Whether it is one key's text and never a directory. */
export function isScalar(plan: Plan): boolean {
  const core = coreOf(plan)
  if (core.type === 'union') return core.options.every(isScalar)
  if (core.type === 'intersection') return isScalar(core.left) && isScalar(core.right)
  return core.type === 'leaf'
}

/**
 * The name under which a child is kept, from a segment as a layer writes it; undefined where that is not how the name is
 * written, since two keys for one place would each undo the other.
 */
export function canonicalName(
  plan: Plan | undefined,
  segment: string,
  naming: 'stored' | 'env',
): string | undefined {
  const own = plan === undefined ? undefined : propertyOf(plan, segment, NAMES[naming])
  if (own !== undefined) return own.name
  const key = naming === 'env' && plan !== undefined ? keysByEnvironment(plan)?.get(segment) : undefined
  if (key !== undefined) return key
  if (naming === 'env' && segment !== segment.toUpperCase()) return undefined
  const name = naming === 'env' ? segment.toLowerCase() : segment
  return plan !== undefined && propertyOf(plan, name, 'properties') !== undefined ? undefined : name
}

/** Where the schema lists the keys of a record: each by its environment variable. */
export function keysByEnvironment(plan: Plan): ReadonlyMap<string, string> | undefined {
  const core = coreOf(plan)
  return core.type === 'record' || core.type === 'map' ? core.keysByEnvironment : undefined
}

const NAMES = { stored: 'byStored', env: 'byEnvironment' } as const

/** The property that goes by a name in one of an object's tables; the first, where the schema may be read in several ways. */
export function propertyOf(
  plan: Plan,
  name: string,
  table: 'properties' | 'byStored' | 'byEnvironment',
): PropertyPlan | undefined {
  const core = coreOf(plan)
  switch (core.type) {
    case 'object':
      return core[table].get(name)
    case 'union':
      for (const option of core.options) {
        const found = propertyOf(option, name, table)
        if (found !== undefined) return found
      }
      return undefined
    case 'intersection':
      return propertyOf(core.left, name, table) ?? propertyOf(core.right, name, table)
    default:
      return undefined
  }
}
