import { isBuiltin } from 'node:module'

/** Names that npm keeps for itself. */
const RESERVED: readonly string[] = ['node_modules', 'favicon.ico', 'livetree', 'test']

/** npm's limit, for the scope and the name together. */
const MOST_LETTERS = 214

const PART = /^[a-z0-9][a-z0-9._-]*$/

/**
 * Why a text is no name for a new app; undefined if it is one. A name is one that npm takes, with a scope or without, and the
 * name of a new folder: so it leads nowhere else.
 */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'it is empty'
  if (name.length > MOST_LETTERS) return `it has more than ${MOST_LETTERS} letters`
  const [scope, bare] = name.startsWith('@') ? partsOf(name) : [undefined, name]
  if (bare === undefined || (scope !== undefined && !PART.test(scope)))
    return 'a name with a scope is "@scope/name"'
  if (/[/\\]/.test(bare)) return 'it is a path; give the name of a new folder here'
  if (/[A-Z]/.test(bare)) return `npm takes no capital letters: "${bare.toLowerCase()}"`
  if (!PART.test(bare)) return 'it may have a-z, 0-9, "-", "_" and ".", and begins with a letter or a digit'
  if (RESERVED.includes(bare)) return 'this name is taken'
  if (isBuiltin(bare)) return 'a module of Node has this name'
  return undefined
}

function partsOf(name: string): [scope: string | undefined, bare: string | undefined] {
  const [scope = '', bare, ...others] = name.slice(1).split('/')
  return others.length > 0 ? [scope, undefined] : [scope, bare]
}

/** The name without its scope. */
export function bareName(name: string): string {
  return name.slice(name.indexOf('/') + 1)
}
