import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import type { ConsoleOptions } from './console-options.ts'
import { createConsole } from './create-console.ts'
import { ConsoleError } from './errors.ts'
import { isLoopback } from './security/request-guard.ts'
import { newToken } from './security/token.ts'

/** Options of `startConsole`. */
export interface StartConsoleOptions extends ConsoleOptions {
  /** Default 0: one that is free. */
  readonly port?: number | undefined
  /**
   * The name or address to listen at. Default `127.0.0.1`, which is reached from this machine alone. `0.0.0.0` and `::` are all
   * addresses of this machine: it is served at each of them and at the machine's name, and at others that `hosts` names instead.
   */
  readonly host?: string | undefined
}

/** A console with a server of its own. */
export interface RunningConsole extends AsyncDisposable {
  /** What to open, with the token: whoever has it may do everything that the console can. */
  readonly url: string
  /** The same without the token. */
  readonly address: string
  /** Reads the tree before somebody asks for it; see `LivetreeConsole.ready`. @throws AdminError */
  ready(): Promise<void>
  /** Ends the server and every stream. The admin stays open. Idempotent. */
  close(): Promise<void>
}

/**
 * Serves the console of an admin's tree. Without `authorize` and `token` a random token is made for it.
 *
 * @throws ConsoleError `invalid_options`; `listen_failed`
 */
export async function startConsole(options: StartConsoleOptions): Promise<RunningConsole> {
  const { port = 0, host = '127.0.0.1', ...rest } = options
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new ConsoleError('invalid_options', 'startConsole() needs a port from 0 to 65535.')
  if (typeof host !== 'string' || host === '')
    throw new ConsoleError('invalid_options', 'startConsole() needs a host such as "127.0.0.1".')
  const token = rest.token ?? (rest.authorize === undefined ? newToken() : undefined)
  const names = isEvery(host) ? ownNames() : [hostName(host)]
  const hosts = rest.hosts ?? (token === undefined || isLoopback(host) ? undefined : names)
  const console = createConsole({ ...rest, token, ...(hosts !== undefined && { hosts }) })
  const server = createServer((request, response) => void console.node(request, response))
  await listening(server, port, host)
  const address = `http://${names[0]}:${(server.address() as AddressInfo).port}/`
  const close = async () => {
    await console.close()
    const closed = new Promise<void>((resolve) => void server.close(() => resolve()))
    server.closeAllConnections()
    await closed
  }
  return {
    address,
    // After the `#`, which browsers send to nobody.
    url: token === undefined ? address : `${address}#token=${token}`,
    ready: () => console.ready(),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** As it stands in an address. */
function hostName(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

/** The addresses of this machine that others reach it at, and its name. One that leads here is no name that another site can take. */
function ownNames(): readonly string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  const others = all.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
  const sorted = others.toSorted((a, b) => a.family.localeCompare(b.family))
  return [...sorted.map(({ address }) => hostName(address)), hostname().toLowerCase(), 'localhost']
}

/** Whether an address stands for all of this machine's, also as `0`, as the system reads it. */
function isEvery(host: string): boolean {
  return host === '::' || /^0(\.0){0,3}$/.test(host)
}

function listening(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(new ConsoleError('listen_failed', `Cannot listen at ${host}:${port}. ${error.message}`, error)),
    )
    server.listen(port, host, resolve)
  })
}
