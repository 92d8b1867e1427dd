import * as z from 'zod/v4/core'
import { LivetreeError } from '../errors.ts'
import { environmentName, type Naming, storedName } from './naming.ts'
import type { ListPlan, ObjectPlan, Plan, PropertyPlan, UnionPlan, WrapperPlan } from './plan.ts'
import { isSecret } from './secret.ts'
import { textReader } from './text.ts'

export interface CompileOptions {
  /** How property names are written as keys. Default `exact`. */
  readonly naming?: Naming
}

/**
 * Walks a zod 4 schema (classic or mini) once and gives the plan by which trees are read. Pure; reads no data.
 *
 * @throws LivetreeError `invalid_schema` for a kind that no tree can hold, with its path; `name_clash` when two
 *   properties would share a key.
 */
export function compileSchema(schema: z.$ZodType, options: CompileOptions = {}): Plan {
  const compiler = new Compiler(options.naming ?? 'exact')
  const plan = compiler.compile(schema, [])
  compiler.spreadSecrets()
  return plan
}

type Def = z.$ZodTypes['_zod']['def']

class Compiler {
  readonly #naming: Naming
  readonly #plans = new Map<z.$ZodType, Plan>()

  constructor(naming: Naming) {
    this.#naming = naming
  }

  /** One plan for each schema instance; an instance met again inside itself is the same plan, so recursion ends. */
  compile(schema: z.$ZodType, path: readonly string[]): Plan {
    const known = this.#plans.get(schema)
    if (known !== undefined) return known
    const def = (schema as z.$ZodTypes)._zod.def as Def
    const secret = isSecret(schema)
    const base = { schema, isSecret: secret, hasSecret: secret, isDecomposable: false }
    const hasChecks = (def.checks?.length ?? 0) > 0
    const keep = <P extends Plan>(plan: P): P => {
      this.#plans.set(schema, plan)
      return plan
    }
    const wrapper = (kind: WrapperPlan['wrapper'], inner: z.$ZodType): Plan => {
      const plan = keep<WrapperPlan>({
        ...base,
        type: 'wrapper',
        wrapper: kind,
        inner: undefined as unknown as Plan,
      })
      plan.inner = this.compile(inner, path)
      plan.isDecomposable = !hasChecks && kind !== 'catch' && kind !== 'pipe' && isComposite(plan.inner)
      return plan
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
        // preprocess is a pipe that starts with a transform: it wants the value as it stands
        return (def.in as z.$ZodTypes)._zod.def.type === 'transform'
          ? keep({ ...base, type: 'raw' })
          : wrapper('pipe', def.in)
      case 'object':
        return this.#object(keep, { ...base, isDecomposable: !hasChecks }, def, path)
      case 'record': {
        const plan = keep({
          ...base,
          type: 'record',
          key: undefined as unknown as Plan,
          value: undefined as unknown as Plan,
        })
        plan.isDecomposable =
          !hasChecks && !('mode' in def && def.mode === 'loose') && isPlainStringKey(def.keyType)
        plan.key = this.compile(def.keyType, [...path, '<key>'])
        plan.value = this.compile(def.valueType, [...path, '<key>'])
        return plan
      }
      case 'map': {
        const plan = keep({
          ...base,
          type: 'map',
          key: undefined as unknown as Plan,
          value: undefined as unknown as Plan,
        })
        plan.key = this.compile(def.keyType, [...path, '<key>'])
        if (!isScalar(plan.key))
          refuse(path, 'a map whose keys are not scalars', 'use text, numbers or an enum as keys')
        plan.value = this.compile(def.valueType, [...path, '<key>'])
        return plan
      }
      case 'array':
      case 'set': {
        const plan = keep<ListPlan>({ ...base, type: 'list', as: def.type, items: [], rest: undefined })
        plan.items = [this.compile(def.type === 'array' ? def.element : def.valueType, [...path, '<index>'])]
        return plan
      }
      case 'tuple': {
        const plan = keep<ListPlan>({ ...base, type: 'list', as: 'tuple', items: [], rest: undefined })
        plan.items = def.items.map((item, index) => this.compile(item, [...path, String(index)]))
        plan.rest = def.rest === null ? undefined : this.compile(def.rest, [...path, '<index>'])
        return plan
      }
      case 'union': {
        const discriminator = (def as z.$ZodDiscriminatedUnionDef).discriminator as string | undefined
        const plan = keep<UnionPlan>({ ...base, type: 'union', options: [], discriminator })
        plan.options = def.options.map((option) => this.compile(option, path))
        return plan
      }
      case 'intersection': {
        const plan = keep({
          ...base,
          type: 'intersection',
          left: undefined as unknown as Plan,
          right: undefined as unknown as Plan,
        })
        plan.left = this.compile(def.left, path)
        plan.right = this.compile(def.right, path)
        return plan
      }
      case 'symbol':
      case 'function':
      case 'promise':
      case 'file':
        return refuse(path, `z.${def.type}()`, 'keep it out of the configuration, or describe what is stored')
      default: {
        const read = textReader(schema)
        if (read === undefined) return keep({ ...base, type: 'raw' })
        const isAnyText =
          def.type === 'string' &&
          !hasChecks &&
          !('format' in def) &&
          !('coerce' in def && def.coerce === true)
        return keep({ ...base, type: 'leaf', read, isAnyText })
      }
    }
  }

  #object(
    keep: (plan: ObjectPlan) => ObjectPlan,
    base: Pick<ObjectPlan, 'schema' | 'isSecret' | 'hasSecret' | 'isDecomposable'>,
    def: z.$ZodObjectDef,
    path: readonly string[],
  ): ObjectPlan {
    const plan = keep({
      ...base,
      type: 'object',
      properties: new Map(),
      byStored: new Map(),
      byEnvironment: new Map(),
      catchall: undefined,
      rest: undefined,
    })
    for (const [name, schema] of Object.entries(def.shape)) {
      const property: PropertyPlan = {
        name,
        stored: storedName(name, this.#naming),
        environment: environmentName(name),
        plan: this.compile(schema, [...path, name]),
        alone: new z.$ZodObject({ type: 'object', shape: { [name]: schema } }),
      }
      if (name === '__proto__') refuse([...path, name], 'the property name __proto__', 'give it another name')
      addName(plan.byStored, property.stored, property, path, `the key segment "${property.stored}"`)
      plan.byEnvironment.set(property.environment, property)
      plan.properties.set(name, property)
    }
    if (def.catchall !== undefined) {
      plan.catchall = this.compile(def.catchall, [...path, '<key>'])
      plan.rest = new z.$ZodObject({ type: 'object', shape: {}, catchall: def.catchall })
    }
    return plan
  }

  /** A plan has a secret when it is one or reaches one; repeated until nothing changes, since schemas may be recursive. */
  spreadSecrets(): void {
    for (let changed = true; changed; ) {
      changed = false
      for (const plan of this.#plans.values()) {
        if (plan.hasSecret || !parts(plan).some((part) => part.hasSecret)) continue
        plan.hasSecret = true
        changed = true
      }
    }
  }
}

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

function isComposite(plan: Plan | undefined): boolean {
  return plan?.isDecomposable === true
}

function isScalar(plan: Plan): boolean {
  if (plan.type === 'wrapper') return isScalar(plan.inner)
  if (plan.type === 'union') return plan.options.every(isScalar)
  return plan.type === 'leaf'
}

function isPlainStringKey(schema: z.$ZodType): boolean {
  const def = (schema as z.$ZodTypes)._zod.def
  return def.type === 'string' && !('coerce' in def && def.coerce === true)
}

function addName(
  names: Map<string, PropertyPlan>,
  key: string,
  property: PropertyPlan,
  path: readonly string[],
  what: string,
): void {
  const other = names.get(key)
  if (other !== undefined) {
    const at = path.length === 0 ? 'the root' : `"${path.join('.')}"`
    throw new LivetreeError(
      'name_clash',
      `Properties "${other.name}" and "${property.name}" of ${at} both map to ${what}. Rename one, or use naming "exact".`,
    )
  }
  names.set(key, property)
}

function refuse(path: readonly string[], what: string, remedy: string): never {
  const at = path.length === 0 ? 'the root' : `"${path.join('.')}"`
  throw new LivetreeError(
    'invalid_schema',
    `Cannot hold ${what} at ${at} in a tree of text values: ${remedy}.`,
  )
}
