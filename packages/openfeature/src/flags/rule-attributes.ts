import { isIterating, OPERATORS } from '../schema/operators.ts'

/** The attributes of contexts that a rule reads, as paths; undefined for all that there are. */
export type Attributes = readonly (readonly string[])[] | undefined

/** Which attributes a rule may read. Whatever else it works with, it has from these, or is written in it. */
export function attributesOf(rule: unknown): Attributes {
  const names = new Set<string>()
  // A list that grows while it is walked.
  const open: [part: unknown, isOfItem: boolean][] = [[rule, false]]
  for (const [part, isOfItem] of open) {
    if (typeof part !== 'object' || part === null) continue
    if (Array.isArray(part)) {
      for (const each of part) open.push([each, isOfItem])
      continue
    }
    for (const [operator, given] of Object.entries(part)) {
      if (!OPERATORS.includes(operator)) return undefined
      if (operator === 'fractional') names.add('targetingKey')
      if (operator === 'var') {
        const name = attributeOf(given, isOfItem)
        if (name === undefined) return undefined
        names.add(name)
      } else if (isIterating(operator) && Array.isArray(given)) {
        const [list, each, ...others] = given as readonly unknown[]
        open.push([list, isOfItem], [each, true], [others, isOfItem])
      } else open.push([given, isOfItem])
    }
  }
  names.delete('')
  // These are flagd's own, whatever a context has there.
  return [...names].filter((name) => !name.startsWith('$flagd.')).map((name) => name.split('.'))
}

/** The attribute that a `var` names; an empty one for the item that is looked at, undefined for what may be anything. */
function attributeOf(given: unknown, isOfItem: boolean): string | undefined {
  const name: unknown = Array.isArray(given) ? given[0] : given
  if (typeof name !== 'string' || name.includes('\\')) return undefined
  if (name === '') return isOfItem ? '' : undefined
  return name.replace(/^(?:\.\.\/)+/, '') || undefined
}

/** The values that a context has for attributes. */
export function valuesOf(attributes: Attributes, context: object): readonly unknown[] {
  return attributes === undefined ? [context] : attributes.map((path) => valueAt(context, path))
}

function valueAt(context: unknown, path: readonly string[]): unknown {
  let value = context
  for (const name of path) value = (value as Readonly<Record<string, unknown>> | null | undefined)?.[name]
  return value
}
