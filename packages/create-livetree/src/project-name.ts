import { isBuiltin } from 'node:module'
import { packageNames } from './frameworks.ts'

/** Names that npm keeps for itself, and those of packages that an app has, which npm does not install into a namesake. */
const RESERVED: readonly string[] = ['node_modules', 'favicon.ico', ...packageNames()]

/** Devices of Windows, with or without an extension: no folder can have these names there. */
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/

/** The limit for the name of a configuration; npm's own is 214, for the scope and the name together. */
const MOST_LETTERS = 200

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
  if (bare.endsWith('.')) return 'it ends with a dot, which Windows leaves out'
  if (RESERVED.includes(name) || scope === 'livetree') return 'this name is taken'
  if (DEVICE.test(bare)) return 'a device of Windows has this name'
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
