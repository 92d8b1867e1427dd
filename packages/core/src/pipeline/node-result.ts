import { runsOwnCode } from '../schema/own-code.ts'
import type { ObjectNode, PropertyNode, RecordNode, SchemaNode } from '../schema/schema-node.ts'
import { bareObject } from './document.ts'
import { noteGiven } from './given-input.ts'
import { shareFrozen } from './share.ts'
import type { TreeNode } from './tree-node.ts'
import { sameKey } from './unique-keys.ts'
import { madeProblem, thrownIssue, validate, validateComposed, type ValidationResult } from './validate.ts'

const NOTHING = Object.freeze(bareObject())

/** What zod says of a property by itself, given an object without it, or with a value of its own for it. */
export function validateAlone(
  property: PropertyNode,
  node: TreeNode,
  previous: unknown,
  input: object = NOTHING,
): void {
  const alone = validate(property.alone, input)
  if (!alone.isValid) {
    const issues = alone.issues.map((issue) => ({ ...issue, path: issue.path.slice(1) }))
    noteGiven(issues, undefined)
    node.refuse(issues)
    return
  }
  const made = alone.value as Record<string, unknown>
  const result = frozen({ isValid: true, value: made[property.name] }, previous, property.schemaNode)
  settle(node, result, Object.hasOwn(made, property.name))
}

/** The issue of a record's key that another name gives as well. */
export function keyTwice(one: string, other: string) {
  const { reason, quoting } = sameKey(one, other)
  const inRecord = (what: string) => `Invalid key in record: ${what}`
  const message = inRecord(reason)
  return { code: 'invalid_key', message, isOurs: true, quoting: quoting && inRecord(quoting) }
}

/** A part of the accepted value. */
export function ownPart(value: Record<string, unknown> | undefined, name: string): unknown {
  return value !== undefined && Object.hasOwn(value, name) ? value[name] : undefined
}

/** The value as a frozen copy; one that cannot be made (the value holds itself, a getter throws) is a complaint. */
export function frozen(
  result: ValidationResult,
  previous: unknown,
  schemaNode: SchemaNode,
): ValidationResult {
  if (!result.isValid || typeof result.value !== 'object' || result.value === null) return result
  const problem = runsOwnCode(schemaNode.schema) ? madeProblem(result.value) : undefined
  if (problem !== undefined) return { isValid: false, issues: [problem] }
  try {
    return { isValid: true, value: shareFrozen(previous, result.value, schemaNode) }
  } catch (error) {
    return { isValid: false, issues: [thrownIssue(error)] }
  }
}

/** Stores a value put together from valid parts, if the rules over several of them hold. */
export function settleComposed(
  { invariants }: ObjectNode | RecordNode,
  node: TreeNode,
  value: Record<string, unknown>,
): void {
  if (invariants === undefined) {
    node.keep(value)
    return
  }
  const result = validateComposed(invariants, value)
  if (!result.isValid) noteGiven(result.issues, value, result.unlisted)
  settle(node, result)
}

/** Stores a result at its node. */
export function settle(node: TreeNode, result: ValidationResult, isHeld = true): void {
  if (result.isValid) node.keep(result.value, isHeld)
  else node.refuse(result.issues)
}
