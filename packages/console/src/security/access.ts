import type { Path } from '@livetree/core'
import { checkOptions, optionKinds, type OptionTable } from '@livetree/core/source'
import { isWithin, parsePathText } from '@livetree/core/tools'
import { ConsoleError } from '../errors.ts'

/** Who asks, and what they may. */
export interface Principal {
  /** As the history shows it: 1 to 200 characters. */
  readonly user: string
  /** Default: everything. */
  readonly can?: Permissions
}

/** Paths with all that is below them, such as `['features', 'http.timeoutMs']`; `['']` is everything. */
export interface Permissions {
  /** What may be seen. Default: everything. */
  readonly read?: readonly string[]
  /** What may be changed, of what may be seen. Default: the same. */
  readonly write?: readonly string[]
}

const PATHS = {
  expected: "a list of paths such as ['features', 'http.timeoutMs']",
  test: (paths: unknown) => Array.isArray(paths) && paths.every((path) => typeof path === 'string'),
}

const PRINCIPAL_TABLE: OptionTable = { user: optionKinds.name, can: { read: PATHS, write: PATHS } }

/**
 * Reads what `authorize` returned. It is code of the application, whose types need not have been checked, and whatever is missing of
 * a principal is a permission for everything: a permission that is named has a value.
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
  assertValued('can', returned)
  if (can === undefined) return { user }
  assertValued('read', can)
  assertValued('write', can)
  return { user, can }
}

/** @throws ConsoleError `invalid_options` where a permission was looked up and not found */
function assertValued(name: string, holder: object): void {
  if (!(name in holder) || (holder as Readonly<Record<string, unknown>>)[name] !== undefined) return
  throw new ConsoleError(
    'invalid_options',
    `authorize() returned ${name} = undefined. Leave ${name} out where everything is allowed, and return [] where nothing is.`,
  )
}

/** What one user may see and change. Nothing of what they may not see is in any answer to them. */
export class Access {
  readonly user: string
  /** Equal for users who see the same. */
  readonly scope: string
  /** Equal for users who may change the same, if they see it. */
  readonly writeScope: string
  readonly #read: readonly Path[]
  readonly #write: readonly Path[]

  constructor({ user, can = {} }: Principal) {
    const { read = [''], write = read } = can
    this.user = user
    this.scope = JSON.stringify([...read].sort())
    this.writeScope = JSON.stringify([...write].sort())
    this.#read = read.map(parsePathText)
    this.#write = write.map(parsePathText)
  }

  /** Whether everything may be seen. */
  get seesAll(): boolean {
    return this.#read.some((top) => top.length === 0)
  }

  /** Whether it is of the same user, who may see and change the same. */
  isSameAs({ user, scope, writeScope }: Access): boolean {
    return user === this.user && scope === this.scope && writeScope === this.writeScope
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
