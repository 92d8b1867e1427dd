import type * as z from 'zod/v4/core'
import { reachable } from '../reachable.ts'
import type { ScalarText } from './scalar-text.ts'

interface SchemaNodeBase {
  readonly schema: z.$ZodType
  /** Marked with `secret()` itself. */
  readonly isSecret: boolean
  /** A secret is here or somewhere inside. Filled in when the whole schema has been walked. */
  hasSecret: boolean
  /** Marked with `secret(…, { encrypted: true })` itself, or a part of it is that has no key of its own. */
  readonly isEncrypted: boolean
  /** Something encrypted is here or somewhere inside. Filled in as `hasSecret` is. */
  hasEncrypted: boolean
  /** zod's result for the whole node can be assembled from its results for the parts. */
  isDecomposable: boolean
}

/** A scalar: one key, one text. */
export interface LeafNode extends SchemaNodeBase, ScalarText {
  readonly type: 'leaf'
  /** `z.string()` and nothing more: every text is valid as it is. */
  readonly isAnyText: boolean
}

/** `any`, `unknown`, custom predicates, preprocess: gets what is there, unread. */
export interface RawNode extends SchemaNodeBase {
  readonly type: 'raw'
}

/** The names of a loose record that are no key of it: zod passes the values under them unchanged. */
export interface OtherNames {
  readonly isKey: (name: string) => boolean
  readonly schemaNode: RawNode
}

/** A property of an object, with its name in keys (`stored`) and in environment variables (`environment`). */
export interface PropertyNode {
  readonly name: string
  readonly stored: string
  readonly environment: string
  readonly schemaNode: SchemaNode
  /**
   * An object schema with only this property. Parsing `{}` with it tells whether a missing value is an error, a default or
   * allowed.
   */
  readonly alone: z.$ZodType
}

/** An object: a directory with a fixed set of names. */
export interface ObjectNode extends SchemaNodeBase {
  readonly type: 'object'
  readonly properties: Map<string, PropertyNode>
  readonly byStored: Map<string, PropertyNode>
  readonly byEnvironment: Map<string, PropertyNode>
  /** What unknown keys are read by; undefined: they are unused. */
  catchall: SchemaNode | undefined
  /** Where unknown keys are rejected: an object schema without properties, whose parse gives zod's issue for them. */
  strict: z.$ZodType | undefined
  /** The rules over several parts, for a value put together from them. */
  readonly invariants: z.$ZodType | undefined
}

/** A record: a directory whose names are data, read by `key`. */
export interface RecordNode extends SchemaNodeBase {
  readonly type: 'record'
  /** Set for a loose record. */
  readonly others: OtherNames | undefined
  /** The rules over several parts, for a value put together from them. */
  readonly invariants: z.$ZodType | undefined
  /** The keys there may be, by environment variable; empty where there may be any. */
  readonly keysByEnvironment: ReadonlyMap<string, string>
  key: SchemaNode
  value: SchemaNode
}

/** A `z.map()`: written like a record, read as a `Map`. */
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

/** A union of schemas; with a `discriminator`, that property selects the option. */
export interface UnionNode extends SchemaNodeBase {
  readonly type: 'union'
  options: readonly SchemaNode[]
  readonly discriminator: string | undefined
  /** Made by `childSchemaNode` for looking only: nothing is validated by its schema. */
  readonly isJoined?: boolean
  /** `z.json()`: text that is JSON is parsed. */
  isJson?: boolean
}

/** An intersection: each side reads the whole value, and their results are merged. */
export interface IntersectionNode extends SchemaNodeBase {
  readonly type: 'intersection'
  /** Two as the schema has it; more where `childSchemaNode` puts several intersections together. */
  sides: readonly SchemaNode[]
  /** Made by `intersectionOf`: nothing is validated by its schema. */
  readonly isJoined?: boolean
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

/** The schema nodes directly inside a schema node. */
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
      return schemaNode.sides
    case 'wrapper':
      return [schemaNode.inner]
    default:
      return []
  }
}

const OF_ONE_PLACE: ReadonlySet<string> = new Set(['wrapper', 'union', 'intersection'])

/** All schema nodes that read the place of these, from the outermost to those under wrappers, unions and intersections. */
export function readersOf(place: Iterable<SchemaNode>): ReadonlySet<SchemaNode> {
  return reachable(place, (each) => (OF_ONE_PLACE.has(each.type) ? parts(each) : []))
}

/** The wrappers around a schema node, the outermost first. */
export function* wrappersOf(schemaNode: SchemaNode): Generator<WrapperNode, undefined> {
  let at = schemaNode
  for (let depth = 0; at.type === 'wrapper' && depth < 100; depth++) {
    yield at
    at = at.inner
  }
  return undefined
}

/** The schema node under all wrappers. */
export function coreOf(schemaNode: SchemaNode): SchemaNode {
  let core = schemaNode
  for (let depth = 0; core.type === 'wrapper' && depth < 100; depth++) core = core.inner
  return core
}

/**
 * What a value may be read by at one place: the schema node under its wrappers, or those of all options of a union and of all
 * sides of an intersection. Each once, however often the schema comes back to it; neither wrappers nor unions nor
 * intersections. Only for compiled schemas: the answer is kept.
 */
export function readingsOf(schemaNode: SchemaNode): readonly SchemaNode[] {
  return placeOf(schemaNode).readings
}

type ReadingTest = (reading: SchemaNode) => boolean

/** Whether all `readingsOf` a place pass a test. */
export function everyReading(schemaNode: SchemaNode, test: ReadingTest): boolean {
  const only = onlyReading(schemaNode)
  return only === undefined ? readingsOf(schemaNode).every(test) : test(only)
}

/** Whether any of `readingsOf` a place passes a test. */
export function someReading(schemaNode: SchemaNode, test: ReadingTest): boolean {
  const only = onlyReading(schemaNode)
  return only === undefined ? readingsOf(schemaNode).some(test) : test(only)
}

/** Most places have one reading, which needs no lookup: these tests are asked of every leaf. */
function onlyReading(schemaNode: SchemaNode): SchemaNode | undefined {
  const core = coreOf(schemaNode)
  return core.type === 'union' || core.type === 'intersection' || core.type === 'wrapper' ? undefined : core
}

/** Whether some of the readings are alternatives, as the options of a union are and the sides of an intersection are not. */
export function hasAlternatives(schemaNode: SchemaNode): boolean {
  return placeOf(schemaNode).hasUnion
}

interface ReadingPlace {
  readonly readings: readonly SchemaNode[]
  readonly hasUnion: boolean
}

const knownPlaces = new WeakMap<SchemaNode, ReadingPlace>()

function placeOf(schemaNode: SchemaNode): ReadingPlace {
  const core = coreOf(schemaNode)
  let place = knownPlaces.get(core)
  if (place === undefined) {
    const met = [...collectReadings(core, new Set())]
    const isReading = ({ type }: SchemaNode) =>
      type !== 'union' && type !== 'intersection' && type !== 'wrapper'
    place = { readings: met.filter(isReading), hasUnion: met.some(({ type }) => type === 'union') }
    knownPlaces.set(core, place)
  }
  return place
}

function collectReadings(schemaNode: SchemaNode, met: Set<SchemaNode>): Set<SchemaNode> {
  const core = coreOf(schemaNode)
  if (met.has(core)) return met
  met.add(core)
  if (core.type === 'union' || core.type === 'intersection')
    for (const part of parts(core)) collectReadings(part, met)
  return met
}
