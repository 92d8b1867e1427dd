import { Unreadable } from './source.ts'
import { DocumentStack } from './yaml-profiles.ts'

/** Variables by their names. */
export type Environment = Readonly<Record<string, string | undefined>>

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
const NAME_START = /^[A-Za-z_][A-Za-z0-9_]*/

/** The most characters of all texts of a document together: a few references to a long variable would fill the memory. */
const MAX_EXPANDED = 16 * 2 ** 20

/**
 * Replaces `${VAR}` and `${VAR:-default}` in the texts of a document by variables; names, numbers and what a variable
 * holds are left as they are. A text that names a variable which is not set, or is written wrong, is `Unreadable`, and so
 * is a document whose texts have more than 16 million characters together.
 */
export function expandVariables(document: unknown, environment: Environment): unknown {
  return new Expansion(environment).expand(document)
}

class TooLarge extends Error {}

class Expansion {
  readonly #environment: Environment
  /** What an alias repeats is one object. */
  readonly #known = new Map<object, unknown>()
  #length = 0

  constructor(environment: Environment) {
    this.#environment = environment
  }

  expand(document: unknown): unknown {
    try {
      return this.#visit(document)
    } catch (error) {
      if (!(error instanceof TooLarge)) throw error
      const limit = `${MAX_EXPANDED / 2 ** 20} million characters`
      return new Unreadable(`more than ${limit} of text once its variables are put in`)
    }
  }

  #visit(value: unknown): unknown {
    if (typeof value === 'string') return this.#text(value)
    if (typeof value !== 'object' || value === null) return value
    if (this.#known.has(value)) return this.#known.get(value)
    const expanded = this.#parts(value)
    this.#known.set(value, expanded)
    return expanded
  }

  #parts(value: object): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#visit(item))
    if (value instanceof Map) return new Map(Array.from(value, ([name, part]) => [name, this.#visit(part)]))
    if (value instanceof DocumentStack)
      return new DocumentStack(value.documents.map((document) => this.#visit(document)))
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null) return value
    return new Map(Object.entries(value).map(([name, part]) => [name, this.#visit(part)]))
  }

  /** `$${` stands for `${`. Takes time in proportion to the text and what it is replaced by. */
  #text(text: string): string | Unreadable {
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
      const found = valueOfReference(text.slice(start + 2, end), this.#environment)
      if (found instanceof Unreadable) return found
      this.#count(found.length)
      expanded += text.slice(at, start) + found
      at = end + 1
    }
    this.#count(text.length)
    return expanded + text.slice(at)
  }

  #count(length: number): void {
    this.#length += length
    if (this.#length > MAX_EXPANDED) throw new TooLarge()
  }
}

/** The text may be a password that only looks like a reference, so that no reason quotes it. */
function valueOfReference(reference: string, environment: Environment): string | Unreadable {
  const at = reference.indexOf(':-')
  const name = at < 0 ? reference : reference.slice(0, at)
  const fallback = at < 0 ? undefined : reference.slice(at + 2)
  if (!NAME.test(name)) {
    const reason = 'a reference that is neither ${VAR} nor ${VAR:-default}'
    const begin = NAME_START.exec(name)?.[0]
    return new Unreadable(
      `${reason} (write "$\${" for the characters "\${")`,
      begin === undefined ? undefined : `${reason} after ${begin.slice(0, 80)}`,
    )
  }
  if (fallback?.includes('${') === true)
    return new Unreadable(
      'the default of a variable, which is itself a reference',
      `the default of the variable ${name}, which is itself a reference`,
    )
  const value = Object.hasOwn(environment, name) ? environment[name] : undefined
  // as in a shell, an empty variable has its default too
  if (fallback !== undefined) return value === undefined || value === '' ? fallback : value
  return (
    value ??
    new Unreadable(
      'a variable that is not set. Set it, or write ${VAR:-default}; "$${" stands for "${"',
      `the variable ${name}, which is not set. Set it, or write \${${name}:-default}`,
    )
  )
}
