import { coreOf, type ObjectPlan, type Plan, type UnionPlan } from '../schema/plan.ts'
import { isPlainObject } from './document.ts'
import { judge } from './judge.ts'
import { sortedNames } from './name-order.ts'
import { documentIn, inputFrom, itemPlan, optionByTag, propertyIn, UnreadableText } from './typed-input.ts'

/** A name inside a list, a map or a document that no schema knows. */
export interface UnusedName {
  /** From the value that was looked into. */
  readonly path: readonly string[]
  /** What the schema knows around it. */
  readonly known: readonly string[]
}

/** Names in a value of one key that the schema has no place for: what zod would leave out in silence. */
export function unusedInside(plan: Plan, value: unknown): readonly UnusedName[] {
  const core = coreOf(plan)
  switch (core.type) {
    case 'leaf':
    case 'raw':
      return NONE
    case 'union':
      return insideUnion(core, value)
    case 'intersection':
      return inAll([unusedInside(core.left, value), unusedInside(core.right, value)])
    default:
      return typeof value === 'string' ? insideText(core, value) : insideComposite(core, value)
  }
}

const NONE: readonly UnusedName[] = []

function insideText(plan: Plan, text: string): readonly UnusedName[] {
  try {
    const parsed = documentIn(text)
    return parsed === undefined ? NONE : unusedInside(plan, parsed.value)
  } catch (error) {
    if (error instanceof UnreadableText) return NONE
    throw error
  }
}

function insideComposite(plan: Plan, value: unknown): readonly UnusedName[] {
  if (Array.isArray(value)) {
    if (plan.type === 'list')
      return value.flatMap((item, index) => under(String(index), itemPlan(plan, index), item))
    if (plan.type !== 'map') return NONE
    const pairs = value.filter((pair): pair is unknown[] => Array.isArray(pair))
    return pairs.flatMap(([key, inner]) => under(String(key), plan.value, inner))
  }
  if (!isPlainObject(value)) return NONE
  if (plan.type === 'object') return insideObject(plan, value)
  if (plan.type !== 'record' && plan.type !== 'map') return NONE
  return sortedNames(value).flatMap((name) => under(name, plan.value, value[name]))
}

function insideObject(plan: ObjectPlan, value: Record<string, unknown>): readonly UnusedName[] {
  return sortedNames(value).flatMap((name) => {
    const property = propertyIn(plan, value, name)
    const below = property?.plan ?? (plan.properties.has(name) ? undefined : plan.catchall)
    if (below === undefined) return [{ path: [name], known: [...plan.properties.keys()] }]
    return under(name, below, value[name])
  })
}

/** As in a directory, a name is known when any option that could be meant knows it. */
function insideUnion(plan: UnionPlan, value: unknown): readonly UnusedName[] {
  if (plan.isJson) return NONE
  const tag = plan.discriminator !== undefined && isPlainObject(value) ? value[plan.discriminator] : undefined
  const option = tag === undefined ? undefined : optionByTag(plan, tag)
  if (option !== undefined) return unusedInside(option, value)
  if (typeof value === 'string') {
    const taker = plan.options.find((candidate) => takes(candidate, value))
    return taker === undefined ? NONE : unusedInside(taker, value)
  }
  return inAll(plan.options.filter((each) => fits(each, value)).map((each) => unusedInside(each, value)))
}

function takes(plan: Plan, value: unknown): boolean {
  try {
    return judge(plan.schema, inputFrom(plan, value)).isValid
  } catch (error) {
    if (error instanceof UnreadableText) return false
    throw error
  }
}

/** Whether a value could be meant by a plan, going by what it is. */
function fits(plan: Plan, value: unknown): boolean {
  const { type } = coreOf(plan)
  if (type === 'leaf') return false
  if (type === 'list') return Array.isArray(value)
  return type === 'object' || type === 'record' ? isPlainObject(value) : true
}

function under(name: string, plan: Plan | undefined, value: unknown): readonly UnusedName[] {
  if (plan === undefined) return NONE
  return unusedInside(plan, value).map(({ path, known }) => ({ path: [name, ...path], known }))
}

/** What none of several readings has a place for. */
function inAll(readings: readonly (readonly UnusedName[])[]): readonly UnusedName[] {
  const [first = NONE, ...others] = readings
  const texts = others.map((names) => new Map(names.map((name) => [JSON.stringify(name.path), name])))
  return first.flatMap(({ path, known }) => {
    const same = texts.map((names) => names.get(JSON.stringify(path)))
    if (same.includes(undefined)) return []
    return [{ path, known: [...known, ...same.flatMap((name) => name!.known)] }]
  })
}
