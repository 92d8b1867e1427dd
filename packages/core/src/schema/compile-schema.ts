import * as z from 'zod/v4/core'
import { checkOptions } from '../check-options.ts'
import { holdingPromises } from '../holding-promises.ts'
import { assertZod } from './assert-zod.ts'
import { environmentName, type Naming, namingKind, storedName } from './naming.ts'
import { refuse, refuseAsync, refuseEndless, refuseClashes, refuseSecretKey } from './refuse.ts'
import { refuseUnreadable } from './refuse-unreadable.ts'
import { isEndless, MAX_LEVELS } from './endless.ts'
import { isJson } from './is-json.ts'
import { hasAsyncCode } from './own-code.ts'
import { namingThrown } from './naming-thrown.ts'
import { otherNames } from './loose-record.ts'
import { invariantsOf, isInvariant } from './invariant.ts'
import type {
  IntersectionNode,
  ListNode,
  MapNode,
  ObjectNode,
  PropertyNode,
  RecordNode,
  SchemaNode,
  UnionNode,
  WrapperNode,
} from './schema-node.ts'
import { hasHiddenEncrypted, hasHiddenSecret, holdsSecret, isEncrypted, isSecret } from './secret.ts'
import { spreadSecrets } from './spread-secrets.ts'
import { scalarText } from './text.ts'

/** How `compileSchema` reads a schema. */
export interface CompileOptions {
  /** How property names are written as keys. Default `exact`. */
  readonly naming?: Naming | undefined
}

/**
 * Walks a zod 4 schema (classic or mini) once and gives the schema node by which trees are read. Pure; reads no data.
 *
 * @throws LivetreeError `invalid_schema` for a kind that no tree can hold, with its path; `name_clash` when two
 *   properties would share a key; `invalid_options` for an option that is unknown or wrong.
 */
export function compileSchema(schema: z.$ZodType, options: CompileOptions = {}): SchemaNode {
  checkOptions('compileSchema()', options, { naming: namingKind })
  const compiler = new Compiler(options.naming ?? 'exact')
  return holdingPromises(() => {
    const schemaNode = compiler.compile(schema, [])
    compiler.refuseUnreadable()
    refuseClashes(schemaNode)
    spreadSecrets(compiler.schemaNodes)
    return schemaNode
  })
}

type SecretMark = 'isSecret' | 'hasSecret' | 'isEncrypted' | 'hasEncrypted'
type Def = z.$ZodTypes['_zod']['def']

class Compiler {
  readonly #naming: Naming
  readonly #schemaNodes = new Map<z.$ZodType, SchemaNode>()
  /** The schemas that hold the one that is compiled. */
  readonly #holders = new Set<z.$ZodType>()
  /** Whether a schema was met inside itself. */
  #isRecursive = false
  /** Where each schema node was met first. */
  readonly #paths = new Map<SchemaNode, readonly string[]>()

  constructor(naming: Naming) {
    this.#naming = naming
  }

  /** One node for each schema instance; an instance met again inside itself is the same node, so recursion ends. */
  compile(schema: z.$ZodType, path: readonly string[]): SchemaNode {
    const known = this.#schemaNodes.get(schema)
    if (known !== undefined) {
      this.#isRecursive ||= this.#holders.has(schema)
      return known
    }
    this.#holders.add(schema)
    if (this.#holders.size > MAX_LEVELS) refuseEndless(path)
    const schemaNode = namingThrown(path, () => this.#compileNew(schema, path))
    this.#holders.delete(schema)
    return schemaNode
  }

  #compileNew(schema: z.$ZodType, path: readonly string[]): SchemaNode {
    assertZod(schema, path)
    const def = (schema as z.$ZodTypes)._zod.def as Def
    if (def.type === 'pipe' && isEndless(def.out)) refuseEndless(path)
    if (hasAsyncCode(schema)) refuseAsync(path)
    const secret = isSecret(schema) || hasHiddenSecret(schema)
    const encrypted = isEncrypted(schema) || hasHiddenEncrypted(schema)
    const marks = { isSecret: secret, hasSecret: secret, isEncrypted: encrypted, hasEncrypted: encrypted }
    const base = { schema, ...marks, isDecomposable: false }
    const checks = def.checks ?? []
    const hasChecks = checks.length > 0
    // a value that is secret as a whole is validated as a whole, so that every part of it is redacted
    const canDecompose = checks.every(isInvariant) && !secret
    const keep = <P extends SchemaNode>(schemaNode: P): P => {
      this.#schemaNodes.set(schema, schemaNode)
      this.#paths.set(schemaNode, path)
      return schemaNode
    }
    const wrapper = (kind: WrapperNode['wrapper'], inner: z.$ZodType): SchemaNode => {
      const schemaNode = keep<WrapperNode>({
        ...base,
        type: 'wrapper',
        wrapper: kind,
        inner: undefined as unknown as SchemaNode,
      })
      schemaNode.inner = this.compile(inner, path)
      schemaNode.isDecomposable =
        !hasChecks && !secret && kind !== 'catch' && kind !== 'pipe' && isComposite(schemaNode.inner)
      return schemaNode
    }

    switch (def.type) {
      case 'optional':
      case 'nullable':
      case 'readonly':
      case 'nonoptional':
      case 'catch':
        return wrapper(def.type, def.innerType)
      case 'default':
      case 'prefault':
        return wrapper('default', def.innerType)
      case 'success':
        return wrapper('pipe', def.innerType)
      case 'lazy':
        return wrapper('lazy', (schema as z.$ZodLazy)._zod.innerType)
      case 'pipe':
        // preprocess is a pipe that starts with a transform: it needs the value unchanged
        return isTransform(def.in) ? keep({ ...base, type: 'raw' }) : wrapper('pipe', def.in)
      case 'object':
        return this.#object(keep, { ...base, isDecomposable: canDecompose }, def, path)
      case 'record': {
        const others = otherNames(def)
        const invariants = invariantsOf(schema)
        const record = { ...base, type: 'record', others, invariants } as const
        const schemaNode = this.#keyed<RecordNode>(keep, record, def, path)
        schemaNode.isDecomposable = canDecompose && others === undefined && isPlainStringKey(def.keyType)
        return schemaNode
      }
      case 'map':
        return this.#keyed<MapNode>(keep, { ...base, type: 'map' }, def, path)
      case 'array':
      case 'set': {
        const schemaNode = keep<ListNode>({ ...base, type: 'list', as: def.type, items: [], rest: undefined })
        schemaNode.items = [
          this.compile(def.type === 'array' ? def.element : def.valueType, [...path, '<index>']),
        ]
        return schemaNode
      }
      case 'tuple': {
        const schemaNode = keep<ListNode>({ ...base, type: 'list', as: 'tuple', items: [], rest: undefined })
        schemaNode.items = def.items.map((item, index) => this.compile(item, [...path, String(index)]))
        schemaNode.rest = def.rest === null ? undefined : this.compile(def.rest, [...path, '<index>'])
        return schemaNode
      }
      case 'union': {
        const discriminator = (def as z.$ZodDiscriminatedUnionDef).discriminator as string | undefined
        const schemaNode = keep<UnionNode>({ ...base, type: 'union', options: [], discriminator })
        schemaNode.options = def.options.map((option) => this.compile(option, path))
        schemaNode.isJson = isJson(schemaNode)
        return schemaNode
      }
      case 'intersection': {
        const schemaNode = keep<IntersectionNode>({ ...base, type: 'intersection', sides: [] })
        schemaNode.sides = [this.compile(def.left, path), this.compile(def.right, path)]
        return schemaNode
      }
      case 'symbol':
      case 'function':
      case 'promise':
      case 'file':
        return refuse(path, `z.${def.type}()`, 'keep it out of the configuration, or describe what is stored')
      default: {
        const scalar = scalarText(schema)
        if (scalar === undefined) return keep({ ...base, type: 'raw' })
        const isAnyText =
          def.type === 'string' &&
          !hasChecks &&
          !('format' in def) &&
          !('coerce' in def && def.coerce === true)
        return keep({ ...base, type: 'leaf', ...scalar, isAnyText })
      }
    }
  }

  #keyed<N extends RecordNode | MapNode>(
    keep: (schemaNode: SchemaNode) => SchemaNode,
    base: Omit<N, 'keysByEnvironment' | 'key' | 'value'>,
    { keyType, valueType }: z.$ZodRecordDef | z.$ZodMapDef,
    path: readonly string[],
  ): N {
    refuseSecretKey(keyType, path)
    const unfinished = { key: undefined as unknown as SchemaNode, value: undefined as unknown as SchemaNode }
    const schemaNode = { ...base, ...unfinished, keysByEnvironment: environmentKeys(keyType) } as N
    keep(schemaNode)
    schemaNode.key = this.compile(keyType, [...path, '<key>'])
    schemaNode.value = this.compile(valueType, [...path, '<key>'])
    return schemaNode
  }

  #object(
    keep: (schemaNode: ObjectNode) => ObjectNode,
    base: Pick<ObjectNode, 'schema' | 'isDecomposable' | SecretMark>,
    def: z.$ZodObjectDef,
    path: readonly string[],
  ): ObjectNode {
    const schemaNode = keep({
      ...base,
      type: 'object',
      properties: new Map(),
      byStored: new Map(),
      byEnvironment: new Map(),
      catchall: undefined,
      strict: undefined,
      invariants: invariantsOf(base.schema),
    })
    for (const [name, schema] of Object.entries(def.shape)) {
      // Made when it is first asked for: of thousands of properties few are ever missing.
      let alone: z.$ZodType | undefined
      const property: PropertyNode = {
        name,
        stored: storedName(name, this.#naming),
        environment: environmentName(name),
        schemaNode: this.compile(schema, [...path, name]),
        get alone() {
          alone ??= new z.$ZodObject({ type: 'object', shape: { [name]: schema } })
          return alone
        },
      }
      if (name === '__proto__') refuse([...path, name], 'the property name __proto__', 'give it another name')
      // of two with one name the first has it; they are refused when the whole schema is known
      if (!schemaNode.byStored.has(property.stored)) schemaNode.byStored.set(property.stored, property)
      // of two with one variable the first has it; assertEnvironmentNames refuses that where it matters
      if (!schemaNode.byEnvironment.has(property.environment))
        schemaNode.byEnvironment.set(property.environment, property)
      schemaNode.properties.set(name, property)
    }
    const inside = def.catchall === undefined ? [] : [def.catchall]
    const hasSecret = () =>
      schemaNode.isSecret || [...Object.values(def.shape), ...inside].some((part) => holdsSecret(part))
    if (schemaNode.properties.has('toJSON') && hasSecret()) {
      refuse(
        [...path, 'toJSON'],
        'a property toJSON beside secrets',
        'it would keep them from being redacted; rename it',
      )
    }
    if (def.catchall !== undefined) {
      schemaNode.catchall = this.compile(def.catchall, [...path, '<key>'])
      if (def.catchall._zod.def.type === 'never')
        schemaNode.strict = new z.$ZodObject({ type: 'object', shape: {}, catchall: def.catchall })
    }
    return schemaNode
  }

  get schemaNodes(): readonly SchemaNode[] {
    return [...this.#schemaNodes.values()]
  }

  /** What only the whole schema tells, since schemas may be recursive. */
  refuseUnreadable(): void {
    for (const [schemaNode, path] of this.#paths) {
      if (schemaNode.type === 'leaf') continue
      namingThrown(path, () => refuseUnreadable(schemaNode, path, this.#isRecursive))
    }
  }
}

function environmentKeys(key: z.$ZodType): ReadonlyMap<string, string> {
  return new Map([...(key._zod.values ?? [])].map((value) => [environmentName(String(value)), String(value)]))
}

function isTransform(schema: z.$ZodType): boolean {
  return schema._zod.def.type === 'transform'
}

function isComposite(schemaNode: SchemaNode | undefined): boolean {
  return schemaNode?.isDecomposable === true
}

function isPlainStringKey(schema: z.$ZodType): boolean {
  const def = (schema as z.$ZodTypes)._zod.def
  return def.type === 'string' && !('coerce' in def && def.coerce === true)
}
