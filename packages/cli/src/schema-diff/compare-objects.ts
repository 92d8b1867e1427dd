import type { JsonSchema } from '@livetree/core/tools'
import type { Compare, Finding } from './finding.ts'
import { takesCount } from './scalar-rules.ts'
import { isObject, rulesOf } from './schema-document.ts'
import { every, type Verdict } from './verdict.ts'

const RULES: ReadonlySet<string> = new Set([
  ...['type', 'properties', 'additionalProperties', 'required'],
  ...['propertyNames', 'minProperties', 'maxProperties'],
])

/** Whether a schema takes objects alone, by rules that are compared here. */
export function isPlainObject(schema: JsonSchema): boolean {
  return schema['type'] === 'object' && rulesOf(schema).every((rule) => RULES.has(rule))
}

/** An object of a schema: the names it knows, and what it does with others. */
interface Known {
  readonly schema: JsonSchema
  readonly properties: JsonSchema
  readonly required: readonly string[]
  /** The schema of each value of a record. */
  readonly others: unknown
  readonly isRecord: boolean
}

/** Where two schemas of objects differ: name by name, then in what they do with other names. */
export function compareObjects(
  [before, after]: readonly [JsonSchema, JsonSchema],
  path: readonly string[],
  compare: Compare,
  acceptsName: (schema: unknown, name: string) => Verdict,
): readonly Finding[] {
  const [was, is] = [known(before), known(after)]
  const names = new Set(
    [was, is].flatMap(({ properties, required }) => [...Object.keys(properties), ...required]),
  )
  return [
    ...[...names].flatMap((name) => compareName(was, is, name, [...path, name], compare)),
    ...otherNames(was, is, path, compare),
    ...nameRule(was, is, path, compare, acceptsName),
    ...countRule(was, is, path),
  ]
}

function known(schema: JsonSchema): Known {
  const { properties, required, additionalProperties } = schema
  return {
    schema,
    properties: isObject(properties) ? properties : {},
    required: Array.isArray(required) ? required.map(String) : [],
    others: additionalProperties,
    isRecord: additionalProperties === true || isObject(additionalProperties),
  }
}

function compareName(
  was: Known,
  is: Known,
  name: string,
  path: readonly string[],
  compare: Compare,
): readonly Finding[] {
  const [isOld, isNow] = [was, is].map(({ properties }) => Object.hasOwn(properties, name))
  const [wasRequired, isRequired] = [was.required.includes(name), is.required.includes(name)]
  const [before, after] = [was, is].map((each) =>
    Object.hasOwn(each.properties, name) ? each.properties[name] : each.others,
  )
  const found: Finding[] = []
  if (isOld === true && isNow === false && !is.isRecord)
    return [{ path, what: 'is gone: a tree that has it has an unknown key', verdict: false }]
  if (isOld === false && isNow === true && !was.isRecord) {
    if (isRequired) return [{ path, what: 'is new and required: trees have not got it', verdict: false }]
    return [{ path, what: 'is new, and may be missing', verdict: true }]
  }
  if (wasRequired !== isRequired)
    found.push({ path, what: isRequired ? 'is required now' : 'may be missing now', verdict: !isRequired })
  // Where neither names it, it is compared among the other names.
  return isOld === true || isNow === true ? [...found, ...compare(before, after, path)] : found
}

function otherNames(was: Known, is: Known, path: readonly string[], compare: Compare): readonly Finding[] {
  const at = [...path, '<key>']
  if (was.isRecord && is.isRecord) return compare(was.others, is.others, at)
  if (was.isRecord)
    return [{ path: at, what: 'is gone: only names that the schema knows are taken', verdict: false }]
  if (is.isRecord)
    // An object that leaves unknown names out takes them, whatever they hold.
    return [
      {
        path: at,
        what: 'is new: names that were unknown are taken, and must fit',
        verdict: was.others === false || compare(undefined, is.others, at).length === 0,
      },
    ]
  if (was.others === is.others) return []
  const what = is.others === false ? 'refuses names that it does not know' : 'no longer refuses unknown names'
  return [{ path, what, verdict: is.others !== false }]
}

function nameRule(
  was: Known,
  is: Known,
  path: readonly string[],
  compare: Compare,
  acceptsName: (schema: unknown, name: string) => Verdict,
): readonly Finding[] {
  const [before, after] = [was.schema['propertyNames'], is.schema['propertyNames']]
  const at = [...path, '<name>']
  if (was.isRecord) {
    // Names are strings, also where the rule does not say so.
    const found = compare(asNames(before), asNames(after), at)
    return found.map((finding) => ({ ...finding, what: `as a key ${finding.what}` }))
  }
  if (after === undefined) return []
  const verdict = every(Object.keys(was.properties).map((name) => acceptsName(after, name)))
  return verdict === true ? [] : [{ path: at, what: 'has a rule for keys now', verdict }]
}

function asNames(rule: unknown): JsonSchema {
  return isObject(rule) ? { type: 'string', ...rule } : { type: 'string' }
}

function countRule(was: Known, is: Known, path: readonly string[]): readonly Finding[] {
  const [before, after] = [was, is].map(
    ({ schema }) =>
      `${String(schema['minProperties'] ?? 0)} to ${String(schema['maxProperties'] ?? 'any number of')} names`,
  )
  if (before === after) return []
  const verdict = takesCount(was.schema, is.schema, ['minProperties', 'maxProperties'])
  return [{ path, what: `takes ${after}, and took ${before}`, verdict }]
}
