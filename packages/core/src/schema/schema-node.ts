import type * as z from 'zod/v4/core'
import type { ScalarReader } from './text.ts'

interface SchemaNodeBase {
  readonly schema: z.$ZodType
  /** Marked with `secret()` itself. */
  readonly isSecret: boolean
  /** A secret is here or somewhere inside. Filled in when the whole schema has been walked. */
  hasSecret: boolean
  /** zod's own word on the whole node can be put together from its word on the parts. */
  isDecomposable: boolean
}

/** A scalar: one key, one text. */
export interface LeafNode extends SchemaNodeBase, ScalarReader {
  readonly type: 'leaf'
  /** `z.string()` and nothing more: every text is valid as it is. */
  readonly isAnyText: boolean
}

/** `any`, `unknown`, custom predicates, preprocess: gets what is there, unread. */
export interface RawNode extends SchemaNodeBase {
  readonly type: 'raw'
}

export interface PropertyNode {
  readonly name: string
  readonly stored: string
  readonly environment: string
  readonly schemaNode: SchemaNode
  /** A schema of this one property, to hear from zod what its absence comes to. */
  readonly alone: z.$ZodType
}

export interface ObjectNode extends SchemaNodeBase {
  readonly type: 'object'
  readonly properties: Map<string, PropertyNode>
  readonly byStored: Map<string, PropertyNode>
  readonly byEnvironment: Map<string, PropertyNode>
  /** What unknown keys are read by; undefined: they are unused. */
  catchall: SchemaNode | undefined
  /** Where unknown keys are refused: a schema of nothing else, to hear zod say so. */
  strict: z.$ZodType | undefined
}

export interface RecordNode extends SchemaNodeBase {
  readonly type: 'record'
  /** The keys there may be, by environment variable; empty where there may be any. */
  readonly keysByEnvironment: ReadonlyMap<string, string>
  key: SchemaNode
  value: SchemaNode
}

export interface MapNode extends SchemaNodeBase {
  readonly type: 'map'
  readonly keysByEnvironment: ReadonlyMap<string, string>
  key: SchemaNode
  value: SchemaNode
}

/** Array, tuple and set: one value, supplied whole by the highest layer that has it. */
export interface ListNode extends SchemaNodeBase {
  readonly type: 'list'
  readonly as: 'array' | 'tuple' | 'set'
  items: readonly SchemaNode[]
  rest: SchemaNode | undefined
}

export interface UnionNode extends SchemaNodeBase {
  readonly type: 'union'
  options: readonly SchemaNode[]
  readonly discriminator: string | undefined
  /** Made by `childPlan` out of the options of another. */
  readonly isJoined?: boolean
  /** `z.json()`: text that is JSON stands for what it says. */
  isJson?: boolean
}

export interface IntersectionNode extends SchemaNodeBase {
  readonly type: 'intersection'
  left: SchemaNode
  right: SchemaNode
}

/** A schema around another: what the tree holds is read by `inner`. */
export interface WrapperNode extends SchemaNodeBase {
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
  inner: SchemaNode
}

/** The schema as the pipeline uses it: compiled once, shared, never written to afterwards. */
export type SchemaNode =
  | LeafNode
  | RawNode
  | ObjectNode
  | RecordNode
  | MapNode
  | ListNode
  | UnionNode
  | IntersectionNode
  | WrapperNode

/** The plans directly inside a plan. */
export function parts(schemaNode: SchemaNode): readonly SchemaNode[] {
  switch (schemaNode.type) {
    case 'object': {
      const inner = [...schemaNode.properties.values()].map((property) => property.schemaNode)
      return schemaNode.catchall === undefined ? inner : [...inner, schemaNode.catchall]
    }
    case 'record':
    case 'map':
      return [schemaNode.key, schemaNode.value]
    case 'list':
      return schemaNode.rest === undefined ? schemaNode.items : [...schemaNode.items, schemaNode.rest]
    case 'union':
      return schemaNode.options
    case 'intersection':
      return [schemaNode.left, schemaNode.right]
    case 'wrapper':
      return [schemaNode.inner]
    default:
      return []
  }
}

/** Whether an absent node is read as an empty directory, so that what is inside can have its defaults. */
export function isMadeWhenAbsent(schemaNode: SchemaNode): boolean {
  if (schemaNode.type === 'wrapper')
    return (
      (schemaNode.wrapper === 'readonly' || schemaNode.wrapper === 'pipe') &&
      isMadeWhenAbsent(schemaNode.inner)
    )
  return schemaNode.type === 'object' || schemaNode.type === 'record' || schemaNode.type === 'map'
}

/** Whether an object cannot be without another of its kind inside, so that no value is ever complete. */
export function requiresItself(
  schemaNode: SchemaNode,
  at: SchemaNode = schemaNode,
  seen = new Set<SchemaNode>(),
): boolean {
  if (seen.has(at)) return at === schemaNode
  seen.add(at)
  if (!isMadeWhenAbsent(at)) return false
  if (at.type === 'wrapper') return requiresItself(schemaNode, at.inner, seen)
  if (at.type !== 'object') return false
  return [...at.properties.values()].some((property) => requiresItself(schemaNode, property.schemaNode, seen))
}

/** The plan under all wrappers. */
export function coreOf(schemaNode: SchemaNode): SchemaNode {
  let core = schemaNode
  for (let depth = 0; core.type === 'wrapper' && depth < 100; depth++) core = core.inner
  return core
}

/** The plan of the child `segment`, as far as the schema knows one. Where it may be read in several ways, all of them in one. */
export function childSchemaNode(schemaNode: SchemaNode, segment: string): SchemaNode | undefined {
  const core = coreOf(schemaNode)
  switch (core.type) {
    case 'object':
      return core.properties.get(segment)?.schemaNode ?? core.catchall
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
function childPlans(plans: readonly SchemaNode[], segment: string): SchemaNode[] {
  const found = new Set<SchemaNode>()
  for (const schemaNode of plans) {
    const child = childSchemaNode(schemaNode, segment)
    if (child !== undefined) found.add(child)
  }
  return [...found]
}

/** A union for looking only: nothing is ever judged by it. */
function joined(origin: SchemaNode, plans: readonly SchemaNode[]): SchemaNode | undefined {
  if (plans.length < 2) return plans[0]
  // joined ones are taken apart again, so that a recursive schema cannot pile them up
  const options = new Set(
    plans.flatMap((schemaNode) =>
      schemaNode.type === 'union' && schemaNode.isJoined ? schemaNode.options : schemaNode,
    ),
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
export function intersectionOf(origin: SchemaNode, left: SchemaNode, right: SchemaNode): SchemaNode {
  return { ...looking(origin, [left, right]), type: 'intersection', left, right }
}

function looking(origin: SchemaNode, plans: readonly SchemaNode[]) {
  return {
    schema: origin.schema,
    isSecret: plans.some((schemaNode) => schemaNode.isSecret),
    hasSecret: plans.some((schemaNode) => schemaNode.hasSecret),
    isDecomposable: false,
  }
}

/** Whether typed objects are spread over child nodes, so that layers merge leaf by leaf. */
export function isDirectory(schemaNode: SchemaNode): boolean {
  const core = coreOf(schemaNode)
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
export function isPureDirectory(schemaNode: SchemaNode): boolean {
  const core = coreOf(schemaNode)
  if (core.type === 'union') return core.options.every(isPureDirectory)
  if (core.type === 'intersection') return isPureDirectory(core.left) && isPureDirectory(core.right)
  return core.type === 'object' || core.type === 'record' || core.type === 'map'
}

/** Whether it is one key's text and never a directory. */
export function isScalar(schemaNode: SchemaNode): boolean {
  const core = coreOf(schemaNode)
  if (core.type === 'union') return core.options.every(isScalar)
  if (core.type === 'intersection') return isScalar(core.left) && isScalar(core.right)
  return core.type === 'leaf'
}

/**
 * The name under which a child is kept, from a segment as a layer writes it; undefined where that is not how the name is
 * written, since two keys for one place would each undo the other.
 */
export function canonicalName(
  schemaNode: SchemaNode | undefined,
  segment: string,
  naming: 'stored' | 'env',
): string | undefined {
  const own = schemaNode === undefined ? undefined : propertyOf(schemaNode, segment, NAMES[naming])
  if (own !== undefined) return own.name
  const key =
    naming === 'env' && schemaNode !== undefined ? keysByEnvironment(schemaNode)?.get(segment) : undefined
  if (key !== undefined) return key
  if (naming === 'env' && segment !== segment.toUpperCase()) return undefined
  const name = naming === 'env' ? segment.toLowerCase() : segment
  return schemaNode !== undefined && propertyOf(schemaNode, name, 'properties') !== undefined
    ? undefined
    : name
}

/** Where the schema lists the keys of a record: each by its environment variable. */
export function keysByEnvironment(schemaNode: SchemaNode): ReadonlyMap<string, string> | undefined {
  const core = coreOf(schemaNode)
  return core.type === 'record' || core.type === 'map' ? core.keysByEnvironment : undefined
}

const NAMES = { stored: 'byStored', env: 'byEnvironment' } as const

/** The property that goes by a name in one of an object's tables; the first, where the schema may be read in several ways. */
export function propertyOf(
  schemaNode: SchemaNode,
  name: string,
  table: 'properties' | 'byStored' | 'byEnvironment',
): PropertyNode | undefined {
  const core = coreOf(schemaNode)
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
