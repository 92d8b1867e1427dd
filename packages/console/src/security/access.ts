import type { Path } from '@livetree/core'
import { checkOptions, optionKinds, type OptionTable } from '@livetree/core/source'
import { isWithin, parsePathText } from '@livetree/core/tools'
import { ConsoleError } from '../errors.ts'

/** Who asks, and what they may. */
export interface Principal {
  /** As the history shows it: 1 to 200 characters. */
  readonly user: string
  /** Default: everything. */
  readonly can?: Permissions | undefined
}

/** Paths with all that is below them, such as `['features', 'http.timeoutMs']`; `['']` is everything. */
export interface Permissions {
  /** What may be seen. Default: everything. */
  readonly read?: readonly string[] | undefined
  /** What may be changed, of what may be seen. Default: the same. */
  readonly write?: readonly string[] | undefined
}

const PATHS = {
  expected: "a list of paths such as ['features', 'http.timeoutMs']",
  test: (paths: unknown) => Array.isArray(paths) && paths.every((path) => typeof path === 'string'),
}

const PRINCIPAL_TABLE: OptionTable = { user: optionKinds.name, can: { read: PATHS, write: PATHS } }

/**
 * Reads what `authorize` returned. It is code of the application, whose types need not have been checked, and whatever is missing of
 * a principal is a permission for everything.
 *
 * @returns undefined for nobody: whatever is not true
 * @throws LivetreeError `invalid_options`, ConsoleError `invalid_options` for anything else that is not a principal
 */
export function readPrincipal(returned: unknown): Principal | undefined {
  if (!returned) return undefined
  checkOptions('authorize()', returned, PRINCIPAL_TABLE)
  const { user, can } = returned as Partial<Principal>
  if (user === undefined)
    throw new ConsoleError(
      'invalid_options',
      'authorize() returned no user; expected an object such as { user }.',
    )
  return { user, can }
}

/** What one user may see and change. Nothing of what they may not see is in any answer to them. */
export class Access {
  readonly user: string
  /** Equal for users who see the same. */
  readonly scope: string
  readonly #read: readonly Path[]
  readonly #write: readonly Path[]

  constructor({ user, can = {} }: Principal) {
    const { read = [''], write = read } = can
    this.user = user
    this.scope = JSON.stringify([...read].sort())
    this.#read = read.map(parsePathText)
    this.#write = write.map(parsePathText)
  }

  /** Whether everything may be seen. */
  get seesAll(): boolean {
    return this.#read.some((top) => top.length === 0)
  }

  get canWrite(): boolean {
    return this.#write.length > 0
  }

  /** Whether a place may be seen with all that is in it. */
  sees(path: Path): boolean {
    return this.#read.some((top) => isWithin(path, top))
  }

  /** Whether a place, or something in it, may be seen. */
  reaches(path: Path): boolean {
    return this.#read.some((top) => isWithin(path, top) || isWithin(top, path))
  }

  mayWrite(path: Path): boolean {
    return this.sees(path) && this.#write.some((top) => isWithin(path, top))
  }
}
