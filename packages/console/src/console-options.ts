import type { Admin } from '@livetree/admin'
import { checkOptions, type Logger, optionKinds, type OptionTable } from '@livetree/core/source'
import { ConsoleError } from './errors.ts'
import type { Principal } from './security/access.ts'

/**
 * Decides who asks. For nobody, and for whatever else is not exactly a principal (a name that is missing, a misspelt permission), the
 * console answers 401; the latter is reported to the logger.
 */
export type Authorize = (
  request: Request,
) => Principal | undefined | null | false | Promise<Principal | undefined | null | false>

/** Options of `createConsole`. One of `token` and `authorize` is needed. */
export interface ConsoleOptions {
  /** Reads and writes the tree. Whoever made it closes it. */
  readonly admin: Admin<unknown>
  /**
   * Trees of the same schema that can be compared with, and promoted from, by their names: `{ staging: createAdmin(…) }`. Whoever made
   * them closes them. What a user may see here, they may see there. Default: none.
   */
  readonly environments?: Readonly<Record<string, Admin<unknown>>> | undefined
  /** Where the console is mounted, for servers that leave that in the address: `/ops/config`. Default: at the top. */
  readonly basePath?: string | undefined
  /**
   * Puts the console behind a login of the application. It is called for every request of data with the request as it came; the page
   * itself, which holds no data, is sent to everybody. Nobody, what it throws, and what is no principal is answered with 401. While a
   * stream is open, it is called again every 15 seconds with the request that opened it.
   */
  readonly authorize?: Authorize | undefined
  /** What a request must have in `Authorization: Bearer …`: at least 32 characters. Who has it may do everything. */
  readonly token?: string | undefined
  /** With `token`: who it is, as the history shows it. Default: the author of the admin. */
  readonly user?: string | undefined
  /** Answer 403 to everything that writes. Default false. */
  readonly readOnly?: boolean | undefined
  /**
   * The names of hosts that it is served at, without ports; those of this machine always are. Default: with `authorize` every one,
   * since a login belongs to its own host; with `token` none more.
   */
  readonly hosts?: readonly string[] | undefined
  /** Where failures are reported that a user only learns of. Default: nowhere. */
  readonly logger?: Logger | undefined
}

/** `ConsoleOptions` with every default applied. */
export interface ResolvedConsole {
  readonly admin: Admin<unknown>
  readonly environments: ReadonlyMap<string, Admin<unknown>>
  /** Without a slash at its end. */
  readonly basePath: string
  readonly authorize: Authorize | undefined
  readonly token: string | undefined
  readonly user: string
  readonly readOnly: boolean
  /** Undefined: every one. */
  readonly hosts: readonly string[] | undefined
  readonly logger: Logger | undefined
}

const isAdmin = optionKinds.withMethods('read', 'change', 'history', 'revisions', 'diff', 'export')

const OPTION_TABLE: OptionTable = {
  admin: isAdmin,
  environments: {
    expected: 'admins by their names, such as { staging: createAdmin(…) }',
    test: (environments) =>
      optionKinds.isObject(environments) &&
      Object.entries(environments).every(
        ([name, admin]) => name !== '' && name.length <= 200 && isAdmin.test(admin),
      ),
  },
  basePath: {
    expected: 'a path such as "/ops/config"',
    test: (path) => typeof path === 'string' && /^(\/[\w.~-]+)*\/?$/.test(path),
    isShown: true,
  },
  authorize: optionKinds.callback,
  token: {
    expected: 'text of at least 32 letters, digits, - and _',
    test: (token) => typeof token === 'string' && /^[\w-]{32,}$/.test(token),
  },
  user: optionKinds.name,
  readOnly: optionKinds.flag,
  hosts: {
    expected: 'a list of names without ports, such as ["config.example.com"]',
    test: (hosts) => Array.isArray(hosts) && hosts.every((host) => typeof host === 'string' && host !== ''),
  },
  logger: optionKinds.withMethods('debug', 'info', 'warn', 'error'),
}

/** @throws ConsoleError `invalid_options` */
export function resolveConsole(options: ConsoleOptions): ResolvedConsole {
  try {
    checkOptions('createConsole()', options, OPTION_TABLE)
  } catch (error) {
    throw new ConsoleError('invalid_options', (error as Error).message.replace(/^\[\w+\] /, ''))
  }
  const { admin, authorize, token, hosts } = options
  if (admin === undefined)
    throw new ConsoleError(
      'invalid_options',
      'createConsole() needs an admin. Give what createAdmin() returned.',
    )
  if (authorize === undefined && token === undefined)
    throw new ConsoleError(
      'invalid_options',
      'createConsole() needs to know who may use it. Give authorize, which decides by the request, or a token.',
    )
  return Object.freeze({
    admin,
    environments: new Map(Object.entries(options.environments ?? {})),
    basePath: (options.basePath ?? '').replace(/\/$/, ''),
    authorize,
    token,
    user: options.user ?? admin.author,
    readOnly: options.readOnly ?? false,
    hosts: hosts ?? (token === undefined ? undefined : []),
    logger: options.logger,
  })
}
