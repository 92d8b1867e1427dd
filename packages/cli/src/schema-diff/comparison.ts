import type { JsonSchema } from '@livetree/core/tools'
import { accepts, areDisjoint } from './accepts.ts'
import { compareLists, isPlainList } from './compare-lists.ts'
import { compareObjects, isPlainObject } from './compare-objects.ts'
import type { Compare, Finding } from './finding.ts'
import { ruleText, rulesOf, SchemaDocument } from './schema-document.ts'
import { takesNumbers, takesStrings } from './scalar-rules.ts'
import { isAmong, typesOf, valuesOf } from './type-names.ts'
import { every, some, type Verdict } from './verdict.ts'

/** Schemas that refer to themselves in many ways are not compared to their end. */
const MOST_STEPS = 100_000
const MOST_LEVELS = 200

/** Rules that are compared. Where another one of JSON Schema differs, the verdict is "cannot tell". */
const UNJUDGED = [
  ...[
    'not',
    'if',
    'then',
    'else',
    'nullable',
    'contains',
    'minContains',
    'maxContains',
    '$dynamicRef',
    '$ref',
  ],
  ...['patternProperties', 'dependentRequired', 'dependentSchemas', 'dependencies', 'additionalItems'],
  ...['unevaluatedItems', 'unevaluatedProperties'],
]

/** The comparison of two documents: whether the later one takes every value that the earlier one takes. */
export class Comparison {
  readonly #old: SchemaDocument
  readonly #now: SchemaDocument
  /** Pairs that are being compared: inside of them they count as compatible. */
  readonly #open = new Map<JsonSchema, Set<JsonSchema>>()
  #steps = 0
  #levels = 0

  constructor(before: JsonSchema, after: JsonSchema) {
    this.#old = new SchemaDocument(before)
    this.#now = new SchemaDocument(after)
  }

  /** Every place at and below a path where the two differ. */
  readonly compare: Compare = (before, after, path) => {
    const [was, is] = [this.#old.resolve(before), this.#now.resolve(after)]
    const open = this.#open.get(was) ?? new Set()
    if (open.has(is)) return []
    this.#steps += 1
    if (this.#steps > MOST_STEPS || this.#levels > MOST_LEVELS)
      return [{ path, what: 'is too large to be compared from here on', verdict: undefined }]
    this.#open.set(was, open.add(is))
    this.#levels += 1
    try {
      return [...this.#changes(was, is, path), ...defaultChange(was, is, path)]
    } finally {
      this.#levels -= 1
      open.delete(is)
    }
  }

  #changes(was: JsonSchema, is: JsonSchema, path: readonly string[]): readonly Finding[] {
    if (isPlainObject(was) && isPlainObject(is))
      return compareObjects([was, is], path, this.compare, this.#acceptsName)
    if (isPlainList(was) && isPlainList(is)) return compareLists([was, is], path, this.compare)
    const [before, after] = [ruleText(was), ruleText(is)]
    const verdict = before === after && !before.includes('"$ref"') ? true : this.#takes(was, is)
    if (verdict === true && before === after) return []
    const what =
      before === after ? 'uses a schema that has changed' : `takes ${shown(after)}, and took ${shown(before)}`
    return [{ path, what, verdict }]
  }

  readonly #acceptsName = (schema: unknown, name: string) => accepts(this.#now, schema, name)

  /** Whether one part takes everything that another takes. */
  readonly #contains = (before: unknown, after: unknown): Verdict =>
    every(this.compare(before, after, []).map(({ verdict }) => verdict))

  #takes(was: JsonSchema, is: JsonSchema): Verdict {
    if (ruleText(was) === '{"not":{}}') return true
    const values = valuesOf(was)
    if (values !== undefined) return every(values.map((value) => accepts(this.#now, is, value)))
    // Also what JSON Schema has no words for, such as a check in code, is without rules.
    if (rulesOf(is).length === 0) return rulesOf(was).length === 0 ? true : undefined
    const alternatives = alternativesOf(was)
    if (alternatives !== undefined) return every(alternatives.map((each) => this.#contains(each, is)))
    if (Array.isArray(is['allOf']) && rulesOf(is).length === 1)
      return every(is['allOf'].map((part) => this.#contains(was, part)))
    if (Array.isArray(was['allOf']) && rulesOf(was).length === 1)
      return some(was['allOf'].map((part) => this.#contains(part, is))) === true ? true : undefined
    const others = alternativesOf(is)
    return others === undefined ? this.#takesByType(was, is) : this.#takesOneOf(was, others, is)
  }

  #takesOneOf(was: JsonSchema, alternatives: readonly unknown[], is: JsonSchema): Verdict {
    const types = typesOf(was)
    if (types.length > 1) return every(types.map((type) => this.#contains({ ...was, type }, is)))
    const near = alternatives.filter((each) => !areDisjoint([this.#old, this.#now], [was, each]))
    const verdicts = near.map((each) => this.#contains(was, each))
    if (near.length <= 1) return verdicts[0] ?? false
    // One of exactly one: what two of them take is refused.
    return is['anyOf'] !== undefined && verdicts.includes(true) ? true : undefined
  }

  #takesByType(was: JsonSchema, is: JsonSchema): Verdict {
    const isUnjudged = ['anyOf', 'oneOf', 'allOf', ...UNJUDGED].some(
      (name) => is[name] !== undefined || name in was,
    )
    if (isUnjudged) return undefined
    const choices = valuesOf(is)
    if (choices !== undefined && !isBooleans(was, choices)) return false
    const [types, taken] = [typesOf(was), typesOf(is)]
    return every(
      types.map((type): Verdict => {
        const isWhole = type === 'number' && taken.includes('integer') && Number.isInteger(was['multipleOf'])
        if (!isAmong(type, taken) && !isWhole) return false
        if (type === 'string') return takesStrings(was, is)
        if (type === 'number' || type === 'integer') return takesNumbers(was, is, type)
        if (type !== 'object' && type !== 'array') return true
        if (types.length === 1 && taken.length === 1) return undefined
        return this.#contains({ ...was, type }, { ...is, type })
      }),
    )
  }
}

/** The alternatives of a union that has no other rule. */
function alternativesOf(schema: JsonSchema): readonly unknown[] | undefined {
  const given = schema['anyOf'] ?? schema['oneOf']
  return Array.isArray(given) && rulesOf(schema).length === 1 ? given : undefined
}

/** Whether the choices are all that a yes or no can be. */
function isBooleans(was: JsonSchema, choices: readonly unknown[]): boolean {
  return typesOf(was).join() === 'boolean' && choices.includes(true) && choices.includes(false)
}

function defaultChange(was: JsonSchema, is: JsonSchema, path: readonly string[]): readonly Finding[] {
  const [before, after] = [was, is].map((schema) => JSON.stringify(schema['default']) ?? 'nothing')
  if (before === after) return []
  return [
    {
      path,
      what: `has the default ${shown(String(after))}, and had ${shown(String(before))}`,
      verdict: true,
    },
  ]
}

/** A rule on one line that a person reads. */
function shown(text: string): string {
  return text.length > 300 ? `${text.slice(0, 300)}…` : text
}
