import { readFileSync } from 'node:fs'
import { absolutePath } from '@livetree/core/source'
import type { ClientOverrides } from 'livetree/operate'
import type { GlobalOptions } from '../command-line/global-options.ts'
import { usageError } from '../errors/cli-error.ts'
import type { Io } from '../output/io.ts'

/** Where nothing says where etcd is. */
export const DEFAULT_ENDPOINT = 'http://127.0.0.1:2379'

/**
 * The options of the client that flags and environment give, in place of those of the configuration file: flags, then
 * `LIVETREE_*` (as flags have them), then `ETCDCTL_*`.
 *
 * @throws CliError 64 for a file that cannot be read, or a user without a password
 */
export function clientOverrides(options: GlobalOptions, io: Io): ClientOverrides {
  const endpoints = options.endpoints ?? listIn(io.env['ETCDCTL_ENDPOINTS'])
  const tls = tlsOf(options, io)
  const auth = authOf(options, io)
  return {
    ...(endpoints !== undefined && { endpoints }),
    ...(tls !== undefined && { tls }),
    ...(auth !== undefined && { auth }),
  }
}

function listIn(text: string | undefined): readonly string[] | undefined {
  const names = (text ?? '').split(',').map((name) => name.trim())
  const given = names.filter((name) => name !== '')
  return given.length === 0 ? undefined : given
}

function tlsOf({ cacert, cert, key }: GlobalOptions, { env, cwd }: Io): ClientOverrides['tls'] {
  const files = {
    ca: cacert ?? filled(env['ETCDCTL_CACERT']),
    cert: cert ?? filled(env['ETCDCTL_CERT']),
    key: key ?? filled(env['ETCDCTL_KEY']),
  }
  if ((files.cert === undefined) !== (files.key === undefined))
    throw usageError(
      `--cert and --key belong together, and ${files.cert === undefined ? '--cert' : '--key'} is missing`,
      'Give both files.',
    )
  const read = Object.entries(files).flatMap(([name, file]) =>
    file === undefined
      ? []
      : [[name, pemOf(name === 'ca' ? '--cacert' : `--${name}`, absolutePath(file, cwd))]],
  )
  return read.length === 0 ? undefined : (Object.fromEntries(read) as ClientOverrides['tls'])
}

function pemOf(flag: string, file: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw usageError(`${flag} ${file} cannot be read: ${(error as Error).message}`)
  }
  if (text.includes('-----BEGIN')) return text
  throw usageError(`${flag} ${file} is no PEM file: it has no line that begins with -----BEGIN`)
}

function authOf({ user }: GlobalOptions, { env }: Io): ClientOverrides['auth'] {
  const given = user ?? filled(env['ETCDCTL_USER'])
  if (given === undefined) return undefined
  const colon = given.indexOf(':')
  const isArgument = user !== undefined && filled(env['LIVETREE_USER']) !== user
  if (colon >= 0 && isArgument)
    throw usageError(
      '--user takes a name alone: other users of this machine can read a password in the arguments',
      'Put the password in LIVETREE_PASSWORD or ETCDCTL_PASSWORD.',
    )
  const username = colon < 0 ? given : given.slice(0, colon)
  const password =
    (colon < 0 ? undefined : filled(given.slice(colon + 1))) ??
    filled(env['LIVETREE_PASSWORD']) ??
    filled(env['ETCDCTL_PASSWORD'])
  if (password !== undefined) return { username, password }
  throw usageError(
    `There is no password for the user ${username}`,
    'Put it in LIVETREE_PASSWORD or ETCDCTL_PASSWORD.',
  )
}

function filled(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text
}
