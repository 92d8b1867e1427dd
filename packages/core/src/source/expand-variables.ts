import { Unreadable } from './source.ts'

/** Variables by their names. */
export type Environment = Readonly<Record<string, string | undefined>>

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
const NAME_START = /^[A-Za-z_][A-Za-z0-9_]*/

/**
 * A document with `${VAR}` and `${VAR:-default}` in its texts replaced by variables; names, numbers and what a variable
 * holds are left as they are. A text that names a variable which is not set, or is written wrong, is `Unreadable`.
 */
export function expandVariables(document: unknown, environment: Environment): unknown {
  // what an alias repeats is one object
  const known = new Map<object, unknown>()
  const visit = (value: unknown): unknown => {
    if (typeof value === 'string') return expandText(value, environment)
    if (typeof value !== 'object' || value === null) return value
    if (known.has(value)) return known.get(value)
    const expanded = visitParts(value, visit)
    known.set(value, expanded)
    return expanded
  }
  return visit(document)
}

function visitParts(value: object, visit: (part: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(visit)
  if (value instanceof Map) return new Map(Array.from(value, ([name, part]) => [name, visit(part)]))
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  return new Map(Object.entries(value).map(([name, part]) => [name, visit(part)]))
}

/** `$${` stands for `${`. Takes time in proportion to the text and what it is replaced by. */
function expandText(text: string, environment: Environment): string | Unreadable {
  let expanded = ''
  let at = 0
  for (let start = text.indexOf('${'); start >= 0; start = text.indexOf('${', at)) {
    if (start > at && text[start - 1] === '$') {
      expanded += `${text.slice(at, start - 1)}\${`
      at = start + 2
      continue
    }
    const end = text.indexOf('}', start)
    if (end < 0) return new Unreadable('a "${" without its "}" (write "$${" for the characters themselves)')
    const found = valueOfReference(text.slice(start + 2, end), environment)
    if (found instanceof Unreadable) return found
    expanded += text.slice(at, start) + found
    at = end + 1
  }
  return expanded + text.slice(at)
}

function valueOfReference(reference: string, environment: Environment): string | Unreadable {
  const at = reference.indexOf(':-')
  const name = at < 0 ? reference : reference.slice(0, at)
  const fallback = at < 0 ? undefined : reference.slice(at + 2)
  if (!NAME.test(name)) {
    const begin = NAME_START.exec(name)?.[0]
    const where = begin === undefined ? '' : ` after ${begin.slice(0, 80)}`
    return new Unreadable(`a reference that is neither \${VAR} nor \${VAR:-default}${where}`)
  }
  if (fallback?.includes('${') === true)
    return new Unreadable(`the default of the variable ${name}, which is itself a reference`)
  const value = Object.hasOwn(environment, name) ? environment[name] : undefined
  // as in a shell, an empty variable has its default too
  if (fallback !== undefined) return value === undefined || value === '' ? fallback : value
  const remedy = `Set it, or write \${${name}:-default}`
  return value ?? new Unreadable(`the variable ${name}, which is not set. ${remedy}`)
}
