import type { ObjectPlan, Plan, PropertyPlan, RecordPlan } from '../schema/plan.ts'
import { childPlan, isMadeWhenAbsent, coreOf } from '../schema/plan.ts'
import { bareObject, isPlainObject } from './document.ts'
import { inputOf, isGiven, type NestedLayers, scalarOrFloor } from './input.ts'
import { judge, type JudgedIssue, judgeRead, thrownIssue, type Verdict } from './judge.ts'
import { noteNames, notedNames } from './names.ts'
import { type Given, givenOf, noteGiven } from './open-words.ts'
import { freezeObject, shareFrozen } from './share.ts'
import { isPresent, topEntry, type TreeNode } from './tree-node.ts'
import { type UnusedNote, type UnusedSpot, unusedBelow, unusedChildren } from './unused.ts'

/** An issue with its path from the root. */
export interface LocatedIssue extends JudgedIssue {
  /** What was judged: zod, and the schema's own code, saw nothing else. */
  readonly node: TreeNode
  readonly plan: Plan
  /** How much of the path leads to the node; the rest is what zod, or the schema's own code, says. */
  readonly at: number
  /** What zod was given; undefined where it saw no value. */
  readonly given: Given | undefined
}

/**
 * Judges the tree, node by node, and remembers at each node what came of it; only nodes on the way to a change are
 * judged again. Objects and records without refinements of their own are put together from their parts, as zod would;
 * all else is given to zod whole.
 */
export class Decoder {
  /** Keys no schema knows, by the node whose judging found them; holds only while that node is judged for itself. */
  readonly unused = new Map<TreeNode, UnusedNote>()
  readonly #root: TreeNode
  readonly #plan: Plan
  /** The way to the node that is being judged. */
  readonly #path: string[] = []

  readonly #nested: NestedLayers

  constructor(plan: Plan, root: TreeNode, nested: NestedLayers = []) {
    this.#plan = plan
    this.#root = root
    this.#nested = nested
  }

  /** The root's value, sharing what it can with `previous`; undefined with `issues()` to ask when it is not valid. */
  decode(previous: unknown): { isValid: boolean; value: unknown } {
    const root = this.#root
    if (isGiven(this.#plan, root, -1) || isMadeWhenAbsent(this.#plan))
      this.#judge(this.#plan, root, -1, previous)
    else this.#judgeWhole(this.#plan, root, -1, previous)
    return { isValid: root.isValid, value: root.value }
  }

  issues(): LocatedIssue[] {
    const found: LocatedIssue[] = []
    collectIssues(this.#plan, this.#root, [], found)
    return found
  }

  #judge(plan: Plan, node: TreeNode, floor: number, previous: unknown): void {
    if (node.isFresh(floor)) return
    node.begin(floor)
    if (this.unused.size > 0) this.unused.delete(node)
    if (plan.type === 'leaf' && plan.isAnyText) {
      const text = topEntry(node, floor)?.value
      if (typeof text === 'string') {
        if (node.childCount > 0) this.#noteUnused(node, unusedBelow(plan, node, floor, [...this.#path]))
        node.keep(text)
        return
      }
    }
    if (plan.isDecomposable) {
      const found = scalarOrFloor(node, floor)
      if ('floor' in found) {
        this.#compose(plan, node, found.floor, previous)
        return
      }
    }
    this.#judgeWhole(plan, node, floor, previous)
  }

  #compose(plan: Plan, node: TreeNode, floor: number, previous: unknown): void {
    const core = coreOf(plan)
    const before = isPlainObject(previous) ? previous : undefined
    node.markComposed()
    if (core.type === 'object') this.#composeObject(core, node, floor, before)
    else if (core.type === 'record') this.#composeRecord(core, node, floor, before)
  }

  #composeObject(
    plan: ObjectPlan,
    node: TreeNode,
    floor: number,
    before: Record<string, unknown> | undefined,
  ): void {
    const value: Record<string, unknown> = {}
    let isValid = true
    for (const property of plan.properties.values()) {
      const { name } = property
      const child = node.makeChild(name)
      if (!child.isFresh(floor)) {
        const prior = ownPart(before, name)
        this.#path.push(name)
        if (isGiven(property.plan, child, floor) || isMadeWhenAbsent(property.plan))
          this.#judge(property.plan, child, floor, prior)
        else this.#judgeAbsent(property, child, floor, prior)
        this.#path.pop()
      }
      if (!child.isValid) isValid = false
      else if (child.isHeld) value[name] = child.value
    }
    if (node.childCount > plan.properties.size)
      isValid = this.#composeUnknown(plan, node, floor, { before, value }) && isValid
    if (isValid) node.keep(freezeObject(before, value, plan))
  }

  /** Keys that are no property: unused, refused, or what the catchall makes of them. Whether they are valid. */
  #composeUnknown(
    plan: ObjectPlan,
    node: TreeNode,
    floor: number,
    target: { before: Record<string, unknown> | undefined; value: Record<string, unknown> },
  ): boolean {
    const { catchall } = plan
    if (catchall === undefined) {
      this.#noteUnused(node, unusedChildren(plan, node, floor, [...this.#path]))
      return true
    }
    const refused = bareObject()
    let isValid = true
    for (const child of node.children) {
      const { name } = child
      if (plan.properties.has(name)) continue
      if (!isPresent(child, floor)) child.markDirty()
      else if (plan.strict !== undefined) refused[name] = undefined
      else {
        this.#path.push(name)
        this.#judge(catchall, child, floor, ownPart(target.before, name))
        this.#path.pop()
        if (!child.isValid) isValid = false
        else target.value[name] = child.value
      }
    }
    const verdict = plan.strict === undefined ? undefined : judge(plan.strict, refused)
    if (verdict?.isValid === false) {
      noteGiven(verdict.issues, refused)
      node.refuse(verdict.issues)
    }
    return isValid && verdict?.isValid !== false
  }

  #composeRecord(
    plan: RecordPlan,
    node: TreeNode,
    floor: number,
    before: Record<string, unknown> | undefined,
  ): void {
    const value: Record<string, unknown> = {}
    const issues: JudgedIssue[] = []
    const isAnyKey = plan.key.type === 'leaf' && plan.key.isAnyText
    let isValid = true
    let hasUnused = false
    let isOther = false
    let names = notedNames(before)
    let count = 0
    for (const child of node.children) {
      const { name } = child
      if (!child.isFresh(floor) && !isGiven(plan.value, child, floor)) {
        child.markDirty()
        hasUnused ||= isPresent(child, floor)
        continue
      }
      const key = isAnyKey ? name : this.#recordKey(plan, name, issues)
      if (typeof key !== 'string') {
        child.markDirty()
        continue
      }
      if (!child.isFresh(floor)) {
        const prior = ownPart(before, key)
        this.#path.push(name)
        this.#judge(plan.value, child, floor, prior)
        this.#path.pop()
        // of several names that come to one key, the last has it
        isOther ||= isAnyKey && child.isValid && !Object.is(child.value, prior)
      }
      if (!child.isValid) isValid = false
      else if (key !== '__proto__') {
        value[key] = child.value
        if (names !== undefined && names[count] !== key) names = undefined
        count++
      }
    }
    if (hasUnused) this.#noteUnused(node, unusedChildren(plan, node, floor, [...this.#path]))
    if (issues.length > 0) node.refuse(issues)
    if (!isValid || issues.length > 0) return
    if (names?.length === count) noteNames(value, names)
    node.keep(freezeObject(isOther ? undefined : before, value, plan))
  }

  #recordKey(plan: RecordPlan, name: string, issues: JudgedIssue[]): unknown {
    const verdict = judge(plan.key.schema, name)
    if (verdict.isValid) return verdict.value
    const reasons = verdict.issues.map((issue) => issue.message).join(', ')
    issues.push({ path: [name], code: 'invalid_key', message: `Invalid key in record: ${reasons}` })
    return undefined
  }

  /** Nothing is there: zod, given an object without the property, says whether that is an error, a default or nothing. */
  #judgeAbsent(property: PropertyPlan, node: TreeNode, floor: number, previous: unknown): void {
    node.begin(floor)
    if (this.unused.size > 0) this.unused.delete(node)
    if (node.leafCount > 0) this.#noteUnused(node, unusedBelow(property.plan, node, floor, [...this.#path]))
    const alone = judge(property.alone, NOTHING)
    if (!alone.isValid) {
      const issues = alone.issues.map((issue) => ({ ...issue, path: issue.path.slice(1) }))
      noteGiven(issues, undefined)
      node.refuse(issues)
      return
    }
    const made = alone.value as Record<string, unknown>
    const verdict = frozen({ isValid: true, value: made[property.name] }, previous, property.plan)
    settle(node, verdict, Object.hasOwn(made, property.name))
  }

  #judgeWhole(plan: Plan, node: TreeNode, floor: number, previous: unknown): void {
    node.begin(floor)
    if (plan.type !== 'leaf' || node.childCount > 0)
      this.#noteUnused(node, unusedBelow(plan, node, floor, [...this.#path]))
    const issues: JudgedIssue[] = []
    const input = inputOf(plan, node, floor, issues, this.#nested)
    const verdict = frozen(judgeRead(plan.schema, input, issues), previous, plan)
    if (!verdict.isValid) noteGiven(verdict.issues, input)
    settle(node, verdict)
  }

  #noteUnused(node: TreeNode, spots: readonly UnusedSpot[]): void {
    if (spots.length > 0) this.unused.set(node, { path: [...this.#path], spots })
  }
}

const NOTHING = Object.freeze(bareObject())

function ownPart(value: Record<string, unknown> | undefined, name: string): unknown {
  return value !== undefined && Object.hasOwn(value, name) ? value[name] : undefined
}

/** The value as a frozen copy; one that cannot be made (the value holds itself, a getter throws) is a complaint. */
function frozen(verdict: Verdict, previous: unknown, plan: Plan): Verdict {
  if (!verdict.isValid) return verdict
  try {
    return { isValid: true, value: shareFrozen(previous, verdict.value, plan) }
  } catch (error) {
    return { isValid: false, issues: [thrownIssue(error)] }
  }
}

function settle(node: TreeNode, verdict: Verdict, isHeld = true): void {
  if (verdict.isValid) node.keep(verdict.value, isHeld)
  else node.refuse(verdict.issues)
}

/** Goes down only where something is wrong; in the order of the schema, whatever that of the keys. */
function collectIssues(
  plan: Plan,
  node: TreeNode,
  path: readonly PropertyKey[],
  found: LocatedIssue[],
): void {
  if (node.isValid) return
  const given = givenOf(node.issues)
  const at = path.length
  for (const issue of node.issues)
    found.push({ ...issue, path: [...path, ...issue.path], node, plan, at, given })
  if (!node.isComposed) return
  const core = coreOf(plan)
  const properties = core.type === 'object' ? [...core.properties.keys()] : []
  const names = Array.from(node.children, (child) => child.name)
  for (const name of new Set([...properties, ...names])) {
    const child = node.child(name)
    const below = childPlan(core, name)
    const isJudged = child?.isDirty === false && below !== undefined
    if (isJudged) collectIssues(below, child, [...path, name], found)
  }
}
