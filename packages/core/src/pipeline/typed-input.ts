import type { ListPlan, ObjectPlan, Plan, UnionPlan } from '../schema/plan.ts'
import { isMadeWhenAbsent } from '../schema/plan.ts'
import { bareObject, isNullText, isPlainObject, parseJson } from './document.ts'
import { judge } from './judge.ts'

/** What zod is given for a text, or for a typed value out of a document. */
export function inputFrom(plan: Plan, value: unknown): unknown {
  if (plan.type === 'wrapper') {
    return plan.wrapper === 'nullable' && isNullText(value) ? null : inputFrom(plan.inner, value)
  }
  if (plan.type === 'union') return inputOfUnion(plan, value)
  if (plan.type === 'intersection')
    return mergeInputs(inputFrom(plan.left, value), inputFrom(plan.right, value))
  if (plan.type === 'leaf') return inputOfLeaf(plan, value)
  if (plan.type === 'raw') return value
  if (typeof value === 'string') {
    const parsed = /^\s*[[{]/.test(value) ? parseJson(value) : undefined
    return parsed === undefined ? value : inputFrom(plan, parsed.value)
  }
  if (plan.type === 'list') {
    if (!Array.isArray(value)) return value
    const items = value.map((item, index) => {
      const inner = itemPlan(plan, index)
      return inner === undefined ? item : inputFrom(inner, item)
    })
    return plan.as === 'set' ? new Set(items) : items
  }
  if (
    plan.type === 'map' &&
    Array.isArray(value) &&
    // a list with holes has no pairs there, and `every` passes over them
    Array.from(value as unknown[]).every((pair) => Array.isArray(pair) && pair.length === 2)
  ) {
    return new Map(value.map(([key, inner]) => [inputFrom(plan.key, key), inputFrom(plan.value, inner)]))
  }
  if (!isPlainObject(value)) return value
  if (plan.type === 'object') return inputOfObject(plan, value)
  const entries = Object.entries(value).filter(([name]) => name !== '__proto__')
  const pairs = entries.map(([name, inner]) => [name, inputFrom(plan.value, inner)] as const)
  return plan.type === 'map'
    ? new Map(pairs.map(([name, inner]) => [inputFrom(plan.key, name), inner]))
    : Object.assign(bareObject(), Object.fromEntries(pairs))
}

function inputOfLeaf(plan: Plan & { type: 'leaf' }, value: unknown): unknown {
  if (typeof value === 'string') return plan.read(value)
  // JSON and YAML have no bigint; a whole number is one, where the schema says so
  const isBigint = Number.isSafeInteger(value) && plan.schema._zod.def.type === 'bigint'
  return isBigint ? BigInt(value as number) : value
}

function inputOfUnion(plan: UnionPlan, value: unknown): unknown {
  if (plan.isJson) return typeof value === 'string' ? readJson(value) : value
  const tagged =
    plan.discriminator !== undefined && isPlainObject(value) ? value[plan.discriminator] : undefined
  const option = tagged === undefined ? undefined : optionByTag(plan, tagged)
  if (option !== undefined) return inputFrom(option, value)
  for (const candidate of plan.options) {
    const input = inputFrom(candidate, value)
    if (judge(candidate.schema, input).isValid) return input
  }
  return value
}

/** JSON text stands for what it says, any other text for itself. */
function readJson(text: string): unknown {
  const parsed = parseJson(text)
  return parsed === undefined ? text : parsed.value
}

function inputOfObject(plan: ObjectPlan, value: Record<string, unknown>): Record<string, unknown> {
  const input = bareObject()
  for (const [name, inner] of Object.entries(value)) {
    const property = plan.properties.get(name) ?? plan.byStored.get(name)
    const below = property?.plan ?? plan.catchall
    if (name !== '__proto__')
      input[property?.name ?? name] = below === undefined ? inner : inputFrom(below, inner)
  }
  for (const property of plan.properties.values()) {
    if (Object.hasOwn(input, property.name) || !isMadeWhenAbsent(property.plan)) continue
    input[property.name] = inputFrom(property.plan, {})
  }
  return input
}

/** Both sides of an intersection read the same tree; where they differ, the side that made more than text of it is right. */
export function mergeInputs(left: unknown, right: unknown): unknown {
  if (isPlainObject(left) && isPlainObject(right)) {
    const merged = Object.assign(bareObject(), left)
    for (const [name, value] of Object.entries(right)) {
      if (name === '__proto__') continue
      merged[name] = Object.hasOwn(left, name) ? mergeInputs(left[name], value) : value
    }
    return merged
  }
  if (left === undefined) return right
  return typeof left === 'string' && right !== undefined ? right : left
}

/** The plan of a list's item by its place. */
export function itemPlan(plan: ListPlan, index: number): Plan | undefined {
  return plan.as === 'tuple' ? (plan.items[index] ?? plan.rest) : plan.items[0]
}

/** The option of a discriminated union for a tag, as it stands in the tree. */
export function optionByTag(plan: UnionPlan, tag: unknown): Plan | undefined {
  // names no option, and may be nothing that can be made into text
  if (typeof tag === 'object' && tag !== null) return undefined
  for (const option of plan.options) {
    for (const value of option.schema._zod.propValues?.[plan.discriminator!] ?? []) {
      if (value !== undefined && (value === tag || String(value) === String(tag).replace(/\r?\n$/, '')))
        return option
    }
  }
  return undefined
}
