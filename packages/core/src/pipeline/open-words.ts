import { isSecretAt } from '../schema/describe.ts'
import { childSchemaNode } from '../schema/child-node.ts'
import { coreOf, type SchemaNode } from '../schema/schema-node.ts'
import type { LocatedIssue } from './located-issues.ts'
import { bareObject } from './document.ts'
import type { Given } from './given-input.ts'
import { numberOf } from './number-of.ts'
import { validate, type RawIssue, type ValidationResult } from './validate.ts'

/**
 * Finds the issues that may be shown with their own message, among those raised where zod validated a secret with other values:
 * the ones that a part without secrets raises with the same message when it is validated alone. Any other message of the schema's
 * own code may be derived from a secret, in a form that no search for its text would find. Each part is validated once.
 */
export class OpenWords {
  readonly #numbers = new Map<string, number>()
  /** By the value that was validated and the place of a part in it: the part's own issues, by `wordsKey`. */
  readonly #issues = new WeakMap<Given, Map<string, ReadonlyMap<string, RawIssue>>>()

  /** The issue as a part without secrets raises it; undefined where none does. */
  find({ given, schemaNode, at, path, ...issue }: LocatedIssue): RawIssue | undefined {
    if (given === undefined) return undefined
    const inside = path.slice(at)
    const part = openPart(schemaNode, given.input, inside)
    if (part === undefined) return undefined
    const parts = this.#issues.get(given) ?? new Map<string, ReadonlyMap<string, RawIssue>>()
    this.#issues.set(given, parts)
    const place = this.#key(inside.slice(0, part.depth))
    const issues = parts.get(place) ?? this.#issuesByWords(part.validate())
    parts.set(place, issues)
    return issues.get(this.#wordsKey({ ...issue, path: inside.slice(part.depth) }))
  }

  #issuesByWords(results: readonly ValidationResult[]): ReadonlyMap<string, RawIssue> {
    const issues = results.flatMap((result) => (result.isValid ? [] : result.issues))
    return new Map(issues.map((issue) => [this.#wordsKey(issue), issue]))
  }

  #wordsKey({ path, code, message }: RawIssue): string {
    return this.#key([code, message, ...path])
  }

  /** By numbers: a name may be a megabyte long, and stand in the path of any number of issues. */
  #key(parts: readonly PropertyKey[]): string {
    return parts.map((part) => numberOf(String(part), this.#numbers)).join(' ')
  }
}

interface OpenPart {
  /** How many segments of the path lead to it. */
  readonly depth: number
  validate(): readonly ValidationResult[]
}

/** The largest part on the way to a path that holds no secret; of a strict object with secrets, the names in it. */
function openPart(
  schemaNode: SchemaNode,
  input: unknown,
  path: readonly PropertyKey[],
): OpenPart | undefined {
  let at: SchemaNode = schemaNode
  let value = input
  for (let depth = 0; ; depth++) {
    const here = at
    const part = value
    if (!here.hasSecret) {
      const isHidden = isSecretAt(schemaNode, path.slice(0, depth))
      return isHidden ? undefined : { depth, validate: () => resultsOf(here, part) }
    }
    const segment = path[depth]
    if (segment === undefined) return namesPart(here, part, depth)
    const below = childSchemaNode(here, String(segment))
    if (below === undefined) return undefined
    at = below
    value = partOf(value, segment)
  }
}

function namesPart(schemaNode: SchemaNode, input: unknown, depth: number): OpenPart | undefined {
  const core = coreOf(schemaNode)
  if (core.type !== 'object' || core.strict === undefined) return undefined
  const { strict, properties } = core
  if (typeof input !== 'object' || input === null) return undefined
  const names = bareObject()
  for (const name of Object.keys(input)) if (!properties.has(name)) names[name] = undefined
  return { depth, validate: () => [validate(strict, names)] }
}

/** Schema nodes made only for lookup have no schema to validate with; their parts have. */
function resultsOf(schemaNode: SchemaNode, input: unknown): readonly ValidationResult[] {
  if (schemaNode.type === 'intersection') return schemaNode.sides.flatMap((side) => resultsOf(side, input))
  if (schemaNode.type === 'union' && schemaNode.isJoined)
    return schemaNode.options.flatMap((option) => resultsOf(option, input))
  return [validate(schemaNode.schema, input)]
}

/** The part of an input that a segment of zod's paths leads to. */
export function partOf(value: unknown, segment: PropertyKey): unknown {
  if (value instanceof Map) return value.get(segment)
  return isHeld(value, segment) ? (value as Record<PropertyKey, unknown>)[segment] : undefined
}

/** Whether an input has a part of that name: the schema's own code may say any. */
export function isHeld(value: unknown, segment: PropertyKey): boolean {
  if (typeof value !== 'object' || value === null) return false
  return value instanceof Map ? value.has(segment) : Object.hasOwn(value, segment)
}
