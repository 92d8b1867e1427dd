import * as z from 'zod/v4/core'
import type { ConfigDefinition } from '../config-definition.ts'
import { LivetreeError } from '../errors.ts'
import type { Path } from '../issue.ts'
import { isPlainObject } from '../pipeline/document.ts'
import { pathText } from '../format/path-text.ts'
import { shareFrozen } from '../pipeline/share.ts'
import { storedPath } from '../pipeline/stored-path.ts'
import { validate } from '../pipeline/validate.ts'
import { isNamed } from '../schema/directory.ts'
import {
  coreOf,
  type MapNode,
  type ObjectNode,
  type RecordNode,
  type SchemaNode,
  type UnionNode,
} from '../schema/schema-node.ts'
import type { LayerInfo } from '../source/source.ts'
import { typeText } from './type-text.ts'

/** One place of a schema that has a value of its own: a scalar, a list, or what the schema does not describe further. */
export interface SchemaLeaf {
  /** Names of the schema; `<key>` for the names of a record, a map or a catchall. */
  readonly path: Path
  /** `db.pool.max` */
  readonly pathText: string
  /** As a store or a file has it, by `naming`: segments joined by `/`. */
  readonly key: string
  /** The environment variable, without the prefix of `env()`: `DB__POOL__MAX`. */
  readonly environment: string
  /** What it takes, for people: `integer`, `"debug" | "info"`, `array of string`. Of a secret, without its values. */
  readonly type: string
  /** The default of a missing value; undefined if nothing does, and for a secret. Frozen. */
  readonly default: unknown
  /** From `.describe()` or `.meta()` of the schema, or of what wraps it. */
  readonly description: string | undefined
  /** It is secret, or holds a secret. */
  readonly isSecret: boolean
  /** A tree without it may be valid: it has a default, may be missing, or is part of something that may be. */
  readonly isOptional: boolean
}

/** A sub-schema that is used at several places has leaves at each, so that a short schema may have any number of them. */
const MAX_VISITS = 100_000

const KEY = '<key>'
const STORED: LayerInfo = { name: 'stored', keyPrefix: '', separator: '/', naming: 'stored' }
const ENVIRONMENT: LayerInfo = { name: 'env', keyPrefix: '', separator: '__', naming: 'env' }

/**
 * Every leaf that the schema describes, in the order of the schema. Where it reads a place in several ways (a union), each
 * leaf is listed once, with all its types. A recursive schema is followed to where it comes back to itself.
 *
 * @throws LivetreeError `invalid_schema` for a schema with more than about 100,000 places
 */
export function leavesOf(definition: ConfigDefinition<z.$ZodType>): readonly SchemaLeaf[] {
  const walk = new LeafWalk(definition)
  walk.visit(definition.compiled, {
    path: [],
    isOptional: false,
    isSecret: false,
    fallback: undefined,
    above: [],
  })
  return walk.leaves()
}

/** What is known of a place before its own schema is looked at. */
interface Context {
  readonly path: Path
  readonly isOptional: boolean
  readonly isSecret: boolean
  /** What the schema puts in place of a missing value. */
  readonly fallback: unknown
  readonly description?: string | undefined
  readonly isNullable?: boolean
  /** The objects around it. */
  readonly above: readonly SchemaNode[]
}

/** One of the ways in which the schema reads a place. */
interface Reading {
  readonly node: SchemaNode
  readonly isNullable: boolean
}

/** What is known of a leaf so far. */
interface Draft {
  readonly path: Path
  readonly readings: Reading[]
  fallback: unknown
  description: string | undefined
  isSecret: boolean
  isOptional: boolean
}

class LeafWalk {
  readonly #definition: ConfigDefinition<z.$ZodType>
  readonly #drafts = new Map<string, Draft>()
  #visits = 0

  constructor(definition: ConfigDefinition<z.$ZodType>) {
    this.#definition = definition
  }

  leaves(): readonly SchemaLeaf[] {
    return [...this.#drafts.values()].map((draft) => this.#leafOf(draft))
  }

  visit(node: SchemaNode, given: Context): void {
    if (++this.#visits > MAX_VISITS) throw tooManyPlaces(this.#definition.name)
    const description = given.description ?? descriptionOf(node.schema)
    const isSecret = given.isSecret || node.isSecret
    const context = { ...given, description, isSecret }
    if (node.type === 'wrapper')
      this.visit(node.inner, { ...context, isNullable: given.isNullable || node.wrapper === 'nullable' })
    else if (!isNamed(node) && node.type !== 'union' && node.type !== 'intersection') this.#add(node, context)
    else if (given.above.includes(node)) this.#add(node, context)
    else this.#inside(node, { ...context, above: [...given.above, node] })
  }

  #inside(node: SchemaNode, context: Context): void {
    const below = { ...context, description: undefined, isNullable: false }
    if (node.type === 'object') this.#object(node, below)
    else if (node.type === 'record' || node.type === 'map') this.#named(node, below)
    else if (node.type === 'union') this.#union(node, context)
    else if (node.type === 'intersection') for (const side of node.sides) this.visit(side, context)
  }

  #object(node: ObjectNode, { fallback, ...context }: Context): void {
    for (const { name, alone, schemaNode } of node.properties.values()) {
      const absent = validate(alone, {})
      const own = absent.isValid ? (absent.value as Record<string, unknown>)[name] : undefined
      this.visit(schemaNode, {
        ...context,
        path: [...context.path, name],
        isOptional: context.isOptional || absent.isValid,
        fallback: isPlainObject(fallback) && Object.hasOwn(fallback, name) ? fallback[name] : own,
      })
    }
    const { catchall } = node
    if (catchall !== undefined && catchall.schema._zod.def.type !== 'never')
      this.#part(catchall, KEY, context)
  }

  #named(node: RecordNode | MapNode, { fallback: _, ...context }: Context): void {
    const listed = node.type === 'record' ? [...(node.key.schema._zod.values ?? [])].map(String) : []
    for (const name of listed.length > 0 ? listed : [KEY]) this.#part(node.value, name, context)
  }

  #part(node: SchemaNode, name: string, context: Omit<Context, 'fallback'>): void {
    const isOptional = context.isOptional || name === KEY
    this.visit(node, { ...context, path: [...context.path, name], isOptional, fallback: undefined })
  }

  /** Directories among the options have leaves of their own, which the other options may lack. */
  #union(node: UnionNode, context: Context): void {
    const isOneLeaf = node.isJson === true || !node.options.some((option) => hasParts(option))
    if (isOneLeaf) this.#add(node, context)
    else for (const option of node.options) this.visit(option, { ...context, isOptional: true })
  }

  #add(node: SchemaNode, context: Context): void {
    const place = JSON.stringify(context.path)
    const isSecret = context.isSecret || node.hasSecret
    const isNullable = context.isNullable === true
    const draft = this.#drafts.get(place) ?? {
      path: context.path,
      readings: [],
      fallback: undefined,
      description: undefined,
      isSecret: false,
      isOptional: false,
    }
    this.#drafts.set(place, draft)
    if (!draft.readings.some((reading) => reading.node === node && reading.isNullable === isNullable))
      draft.readings.push({ node, isNullable })
    draft.fallback ??= context.fallback
    draft.description ??= context.description
    draft.isSecret ||= isSecret
    draft.isOptional ||= context.isOptional
  }

  #leafOf({ path, readings, fallback, ...draft }: Draft): SchemaLeaf {
    const { compiled } = this.#definition
    // A constant that one reading lists may be another's secret.
    const types = readings.flatMap((reading) => [
      ...typeText(reading.node, draft.isSecret).split(' | '),
      ...(reading.isNullable ? ['null'] : []),
    ])
    return {
      ...draft,
      path,
      pathText: pathText(path),
      key: storedPath(compiled, path, STORED),
      environment: storedPath(compiled, path, ENVIRONMENT),
      type: [...new Set(types)].join(' | '),
      default: draft.isSecret ? undefined : shareFrozen(undefined, fallback, undefined),
    }
  }
}

function tooManyPlaces(name: string): LivetreeError {
  return new LivetreeError(
    'invalid_schema',
    `The schema of "${name}" has more than ${MAX_VISITS} places, too many to list: a sub-schema counts wherever it is used. toJsonSchema() writes it once.`,
  )
}

/** Whether a part of a union has leaves below it. */
function hasParts(node: SchemaNode, seen = new Set<SchemaNode>()): boolean {
  const core = coreOf(node)
  if (seen.has(core)) return false
  seen.add(core)
  if (core.type === 'union') return core.options.some((option) => hasParts(option, seen))
  if (core.type === 'intersection') return core.sides.some((side) => hasParts(side, seen))
  return isNamed(core)
}

/** Reads the registry of this copy of zod, and of the one that made the schema. */
function descriptionOf(schema: z.$ZodType): string | undefined {
  const { meta } = schema as { meta?: () => { readonly description?: unknown } | undefined }
  const own = z.globalRegistry.get(schema)?.description
  const description = own ?? (typeof meta === 'function' ? meta.call(schema)?.description : undefined)
  return typeof description === 'string' ? description : undefined
}
