import type { ListPlan, ObjectPlan, Plan, UnionPlan } from '../schema/plan.ts'
import { unwrap } from '../schema/plan.ts'
import { Unreadable } from '../source/source.ts'
import { isPlainObject, parseJson } from './document.ts'
import { judge, type JudgedIssue } from './judge.ts'
import { isPresent, topEntry, topLayer, TreeNode } from './tree-node.ts'

const NOTHING = Object.freeze(new TreeNode())

/**
 * What zod is given for a node: the tree read by the schema, text made into what the schema takes. Layers up to `floor`
 * do not count. Values that cannot be read at all are added to `issues`, with their path from the node.
 */
export function inputOf(plan: Plan, node: TreeNode, floor: number, issues: JudgedIssue[]): unknown {
  return new InputReader(issues).read(plan, node, floor, [])
}

/** Whether the schema, read at this node, finds anything. Keys below a scalar do not count. */
export function isGiven(plan: Plan, node: TreeNode, floor: number): boolean {
  if (node.leafCount === 0) return false
  const { core } = unwrap(plan)
  if (core.type === 'leaf') return topEntry(node, floor) !== undefined
  if (core.type === 'union') return core.options.some((option) => isGiven(option, node, floor))
  return isPresent(node, floor)
}

/** Whether an absent node is read as an empty directory, so that what is inside can have its defaults. */
export function isMadeWhenAbsent(plan: Plan): boolean {
  if (plan.type === 'wrapper')
    return (plan.wrapper === 'readonly' || plan.wrapper === 'pipe') && isMadeWhenAbsent(plan.inner)
  return plan.type === 'object' || plan.type === 'record' || plan.type === 'map'
}

/** The scalar that stands at a directory's node, if no layer above it has children; else the floor for the children. */
export function scalarOrFloor(
  node: TreeNode,
  floor: number,
): { scalar: { value: unknown } } | { floor: number } {
  const top = topEntry(node, floor)
  if (top === undefined) return { floor }
  if ((node.documents?.at(-1)?.layer ?? -1) > top.layer) return { floor: top.layer }
  for (const child of node.children?.values() ?? []) {
    if (isPresent(child, top.layer)) return { floor: top.layer }
  }
  return { scalar: top }
}

class InputReader {
  readonly #issues: JudgedIssue[]

  constructor(issues: JudgedIssue[]) {
    this.#issues = issues
  }

  read(plan: Plan, node: TreeNode, floor: number, path: readonly PropertyKey[]): unknown {
    switch (plan.type) {
      case 'wrapper':
        if (!isGiven(plan, node, floor) && !isMadeWhenAbsent(plan)) return undefined
        if (plan.wrapper === 'nullable' && isNull(node, floor)) return null
        return this.read(plan.inner, node, floor, path)
      case 'leaf': {
        const top = topEntry(node, floor)
        return top === undefined ? undefined : this.#scalar(plan, top.value, path)
      }
      case 'list':
        return this.#list(plan, node, floor, path)
      case 'union':
        return this.#union(plan, node, floor, path)
      case 'intersection': {
        const left = this.read(plan.left, node, floor, path)
        return mergeInputs(left, this.read(plan.right, node, floor, path))
      }
      default:
        return this.#directory(plan, node, floor, path)
    }
  }

  #scalar(plan: Plan, value: unknown, path: readonly PropertyKey[]): unknown {
    if (!(value instanceof Unreadable)) return inputFrom(plan, value)
    this.#issues.push({ path, code: 'unreadable', message: `Cannot be read: ${value.reason}` })
    return undefined
  }

  #directory(plan: Plan, node: TreeNode, floor: number, path: readonly PropertyKey[]): unknown {
    const found = scalarOrFloor(node, floor)
    if ('scalar' in found) return this.#scalar(plan, found.scalar.value, path)
    const children = node.children ?? NO_CHILDREN
    if (plan.type === 'object') return this.#object(plan, children, found.floor, path)
    if (plan.type === 'record') return this.#named(plan.value, children, found.floor, path)
    if (plan.type === 'map') {
      const entries = Object.entries(this.#named(plan.value, children, found.floor, path))
      return new Map(entries.map(([key, value]) => [inputFrom(plan.key, key), value]))
    }
    return isPresent(node, floor) ? this.#raw(node, floor) : undefined
  }

  #object(
    plan: ObjectPlan,
    children: ReadonlyMap<string, TreeNode>,
    floor: number,
    path: readonly PropertyKey[],
  ): Record<string, unknown> {
    const input: Record<string, unknown> = {}
    for (const property of plan.properties.values()) {
      const child = children.get(property.name) ?? NOTHING
      if (!isGiven(property.plan, child, floor) && !isMadeWhenAbsent(property.plan)) continue
      input[property.name] = this.read(property.plan, child, floor, [...path, property.name])
    }
    if (plan.catchall === undefined) return input
    for (const [name, child] of children) {
      if (plan.properties.has(name) || !isPresent(child, floor)) continue
      input[name] = this.read(plan.catchall, child, floor, [...path, name])
    }
    return input
  }

  #named(
    plan: Plan,
    children: ReadonlyMap<string, TreeNode>,
    floor: number,
    path: readonly PropertyKey[],
  ): Record<string, unknown> {
    const input: Record<string, unknown> = {}
    for (const [name, child] of children) {
      if (isGiven(plan, child, floor)) input[name] = this.read(plan, child, floor, [...path, name])
    }
    return input
  }

  /** The highest layer that has the list supplies it whole. */
  #list(plan: ListPlan, node: TreeNode, floor: number, path: readonly PropertyKey[]): unknown {
    const top = isPresent(node, floor) ? topLayer(node) : -1
    if (top < 0) return undefined
    const own = node.entries?.at(-1)
    if (own?.layer === top) return this.#scalar(plan, own.value, path)
    const items = listedChildren(node, top).map(({ child }, index) => {
      const item = itemPlan(plan, index)
      return item === undefined
        ? this.#raw(child, top - 1)
        : this.read(item, child, top - 1, [...path, index])
    })
    return plan.as === 'set' ? new Set(items) : items
  }

  #union(plan: UnionPlan, node: TreeNode, floor: number, path: readonly PropertyKey[]): unknown {
    const tagged = this.#taggedOption(plan, node, floor)
    if (tagged !== undefined) return this.read(tagged, node, floor, path)
    for (const option of plan.options) {
      const issues: JudgedIssue[] = []
      const input = inputOf(option, node, floor, issues)
      if (issues.length === 0 && input !== undefined && judge(option.schema, input).isValid) return input
    }
    const top = topEntry(node, floor)
    if (top?.value instanceof Unreadable) return this.#scalar(plan, top.value, path)
    return isPresent(node, floor) ? this.#raw(node, floor) : undefined
  }

  #taggedOption(plan: UnionPlan, node: TreeNode, floor: number): Plan | undefined {
    const tag = plan.discriminator
    const child = tag === undefined ? undefined : node.children?.get(tag)
    const entry = child === undefined ? undefined : topEntry(child, floor)
    return entry === undefined ? undefined : optionByTag(plan, entry.value)
  }

  /** What is there, untouched: text and typed values, directories as plain objects. */
  #raw(node: TreeNode, floor: number): unknown {
    const found = scalarOrFloor(node, floor)
    if ('scalar' in found) return found.scalar.value
    const input: Record<string, unknown> = {}
    for (const [name, child] of node.children ?? NO_CHILDREN) {
      if (isPresent(child, found.floor)) input[name] = this.#raw(child, found.floor)
    }
    return input
  }
}

const NO_CHILDREN: ReadonlyMap<string, TreeNode> = new Map()

/** The children one layer has of a list, in the order of their numbers, then of their names. */
export function listedChildren(node: TreeNode, layer: number): { name: string; child: TreeNode }[] {
  const listed: { name: string; child: TreeNode }[] = []
  for (const [name, child] of node.children ?? NO_CHILDREN)
    if (isPresent(child, layer - 1)) listed.push({ name, child })
  const rank = (name: string) => (/^\d+$/.test(name) ? Number(name) : Number.POSITIVE_INFINITY)
  return listed.sort((a, b) => rank(a.name) - rank(b.name) || (a.name < b.name ? -1 : 1))
}

function itemPlan(plan: ListPlan, index: number): Plan | undefined {
  return plan.as === 'tuple' ? (plan.items[index] ?? plan.rest) : plan.items[0]
}

function isNull(node: TreeNode, floor: number): boolean {
  const found = scalarOrFloor(node, floor)
  return 'scalar' in found && isNullText(found.scalar.value)
}

function isNullText(value: unknown): boolean {
  return value === null || (typeof value === 'string' && /^null\r?\n?$/.test(value))
}

function optionByTag(plan: UnionPlan, tag: unknown): Plan | undefined {
  for (const option of plan.options) {
    for (const value of option.schema._zod.propValues?.[plan.discriminator!] ?? []) {
      if (value !== undefined && (value === tag || String(value) === String(tag).replace(/\r?\n$/, '')))
        return option
    }
  }
  return undefined
}

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
    value.every((pair) => Array.isArray(pair) && pair.length === 2)
  ) {
    return new Map(value.map(([key, inner]) => [inputFrom(plan.key, key), inputFrom(plan.value, inner)]))
  }
  if (!isPlainObject(value)) return value
  if (plan.type === 'object') return inputOfObject(plan, value)
  const entries = Object.entries(value).filter(([name]) => name !== '__proto__')
  const pairs = entries.map(([name, inner]) => [name, inputFrom(plan.value, inner)] as const)
  return plan.type === 'map'
    ? new Map(pairs.map(([name, inner]) => [inputFrom(plan.key, name), inner]))
    : Object.fromEntries(pairs)
}

function inputOfLeaf(plan: Plan & { type: 'leaf' }, value: unknown): unknown {
  if (typeof value === 'string') return plan.read(value)
  // JSON and YAML have no bigint; a whole number is one, where the schema says so
  const isBigint = Number.isSafeInteger(value) && plan.schema._zod.def.type === 'bigint'
  return isBigint ? BigInt(value as number) : value
}

function inputOfUnion(plan: UnionPlan, value: unknown): unknown {
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

function inputOfObject(plan: ObjectPlan, value: Record<string, unknown>): Record<string, unknown> {
  const input: Record<string, unknown> = {}
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
function mergeInputs(left: unknown, right: unknown): unknown {
  if (isPlainObject(left) && isPlainObject(right)) {
    const merged = { ...left }
    for (const [name, value] of Object.entries(right)) {
      merged[name] = Object.hasOwn(left, name) ? mergeInputs(left[name], value) : value
    }
    return merged
  }
  if (left === undefined) return right
  return typeof left === 'string' && right !== undefined ? right : left
}
