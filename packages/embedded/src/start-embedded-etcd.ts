import { isIPv6 } from 'node:net'
import { hashPassword } from './auth/password.ts'
import { checkOptions } from './check-options.ts'
import type { EmbeddedEtcdOptions } from './embedded-etcd-options.ts'
import { systemClock } from './clock.ts'
import type { Journal } from './durable/journal.ts'
import { createMemoryJournal } from './durable/memory-journal.ts'
import { openSqliteJournal } from './durable/sqlite-journal.ts'
import { Engine } from './engine.ts'
import { type Faults, noFaults } from './faults.ts'
import { CallServer } from './grpc/call-server.ts'
import { Listener, type ListenerHandlers, type ListenerOptions } from './grpc/listener.ts'
import { gateway } from './http/gateway.ts'
import { isGrpc, servePlain } from './http/http2-requests.ts'
import { plainPages } from './http/plain-pages.ts'
import { authService } from './service/auth-service.ts'
import { clusterService } from './service/cluster-service.ts'
import { electionService } from './service/election-service.ts'
import { healthService } from './service/health-service.ts'
import { kvService } from './service/kv-service.ts'
import { leaseService } from './service/lease-service.ts'
import { lockService } from './service/lock-service.ts'
import { maintenanceService } from './service/maintenance-service.ts'
import { watchService } from './service/watch-service.ts'
import { ETCD_ERROR } from './status.ts'

/** A running server. */
export interface EmbeddedEtcd extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, or `https://…` with TLS. */
  readonly endpoint: string
  readonly port: number
  /** Injects faults, for tests of clients. */
  readonly faults: Faults
  /** Ends streams with "server stopped", then closes all connections. Leaves no socket or timer. Idempotent. */
  close(): Promise<void>
}

const DEFAULT_QUOTA_BYTES = 2 * 1024 ** 3
const DEFAULT_TOKEN_TTL_MS = 300_000
const DEFAULT_PROGRESS_INTERVAL_MS = 600_000
/** How long connections may take to finish calls in progress when the server closes, in milliseconds. */
const CLOSE_GRACE_MS = 1000

async function switchAuthOn(engine: Engine, password: string): Promise<void> {
  if (engine.auth.isEnabled) return
  const hash = await hashPassword(password)
  await engine.changeAuth((auth) => {
    if (!auth.hasUser('root')) auth.addUser('root', hash)
    auth.changePassword('root', hash)
    if (!auth.roleNames().includes('root')) auth.addRole('root')
    auth.grantRole('root', 'root')
    auth.enable()
  })
}

/** Calls a user's function. What it throws or rejects with becomes a process warning. */
function callGuarded(call: () => unknown): void {
  new Promise((resolve) => resolve(call())).catch((error: unknown) => {
    process.emitWarning(
      `onError of the embedded etcd threw: ${error instanceof Error ? error.message : error}`,
    )
  })
}

async function openJournal(
  { dataFile, onError }: EmbeddedEtcdOptions,
  stop: () => void,
): Promise<(onCommitted: () => void) => Journal> {
  if (dataFile === undefined) return createMemoryJournal
  let onCommitted = (): void => {}
  const journal = await openSqliteJournal(dataFile, {
    onCommitted: () => onCommitted(),
    onFailed(error) {
      stop()
      const told = new Error(`The data file ${dataFile} cannot be written: ${error.message}`, {
        cause: error,
      })
      if (onError === undefined) process.emitWarning(told)
      else callGuarded(() => onError(told))
    },
  })
  return (listener) => {
    onCommitted = listener
    return journal
  }
}

function openListener(where: ListenerOptions, handlers: ListenerHandlers): Listener {
  try {
    return new Listener(where, handlers)
  } catch (cause) {
    if (where.tls === undefined) throw cause
    const expected = 'Expected a certificate, its key and perhaps a ca in PEM that belong together.'
    throw new Error(`The option tls cannot be used: ${(cause as Error).message}. ${expected}`, { cause })
  }
}

function warnOfOpenDoor(endpoint: string): void {
  process.emitWarning(
    `The embedded etcd at ${endpoint} listens on every address of this machine and auth is off: whoever reaches it ` +
      'may read and write everything. Listen on 127.0.0.1, or switch auth on with the option auth (livetree-etcd: ' +
      '--root-password-env).',
    { code: 'LIVETREE_EMBEDDED_OPEN' },
  )
}

/** Restores the state; if that fails, rejects with nothing left open. */
async function openEngine(options: EmbeddedEtcdOptions, stop: () => void): Promise<Engine> {
  const { dataFile } = options
  const openJournalWith = await openJournal(options, stop)
  try {
    return new Engine(openJournalWith, {
      clock: options.clock ?? systemClock,
      quotaBytes: options.quotaBytes ?? DEFAULT_QUOTA_BYTES,
      tokenTtlMs: options.tokenTtlMs ?? DEFAULT_TOKEN_TTL_MS,
      progressIntervalMs: options.progressIntervalMs ?? DEFAULT_PROGRESS_INTERVAL_MS,
      keepRevisions: options.autoCompaction?.keepRevisions ?? Number.POSITIVE_INFINITY,
    })
  } catch (cause) {
    if (dataFile === undefined) throw cause
    throw new Error(
      `Cannot read the data file ${dataFile}: ${(cause as Error).message}. It is damaged: put a backup in its ` +
        'place, or delete it to start anew.',
      { cause },
    )
  }
}

/**
 * Starts an etcd v3 server in this process: a single node for demos, development and tests; use an etcd cluster in
 * production. Resolves when it accepts requests. Rejects, with nothing left open, if an option is invalid, the port is in
 * use or the data file cannot be used.
 */
export async function startEmbeddedEtcd(options: EmbeddedEtcdOptions = {}): Promise<EmbeddedEtcd> {
  checkOptions(options)
  let stop = (): void => {}
  const engine = await openEngine(options, () => stop())
  try {
    return await serve(engine, options, (close) => {
      stop = close
    })
  } catch (error) {
    engine.close()
    throw error
  }
}

async function serve(
  engine: Engine,
  options: EmbeddedEtcdOptions,
  onStoppable: (stop: () => void) => void,
): Promise<EmbeddedEtcd> {
  const { host = '127.0.0.1', tls, clock = systemClock } = options
  const callFaults = noFaults()
  const endpoint = (): string =>
    `${tls === undefined ? 'http' : 'https'}://${isIPv6(host) ? `[${host}]` : host}:${listener.port}`
  const calls = new CallServer({
    routes: [
      ...kvService(engine),
      ...watchService(engine),
      ...leaseService(engine),
      ...authService(engine),
      ...maintenanceService(engine),
      ...healthService(),
      ...lockService(engine),
      ...electionService(engine),
      ...clusterService(engine, () => options.advertisedClientUrls ?? [endpoint()]),
    ],
    faults: callFaults,
    clock,
    caller: (token) => engine.caller(token),
  })
  const onRequest = gateway(calls, plainPages(engine))
  const listener = openListener(
    { host, port: options.port ?? 0, tls },
    {
      // As in etcd, HTTP/2 without TLS is gRPC.
      onStream: (stream, headers) =>
        tls === undefined || isGrpc(headers)
          ? calls.serve(stream, headers)
          : servePlain(stream, headers, onRequest),
      onRequest,
    },
  )
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => {
    calls.close()
    closing ??= listener.close(CLOSE_GRACE_MS).then(() => engine.close())
    return closing
  }
  onStoppable(() => {
    listener.cut()
    // Nobody waits for this call; a failure is returned to the caller of `close`.
    close().catch(() => {})
  })
  if (options.auth !== undefined) await switchAuthOn(engine, options.auth.rootPassword)
  await listener.open()
  if (listener.isOnEveryAddress && !engine.auth.isEnabled && tls?.ca === undefined) warnOfOpenDoor(endpoint())

  const faults: Faults = {
    dropStreams: () => calls.resetStreams(),
    dropConnections: () => listener.cut(),
    async refuseConnections(isRefused) {
      if (isRefused) listener.refuse()
      else if (closing === undefined) await listener.open()
      else throw new Error('The embedded etcd is closed and takes no connections. Start another one.')
    },
    delayAnswers(delayMs) {
      callFaults.delayMs = delayMs
    },
    loseAnswers(count) {
      callFaults.answersToLose = count
    },
    loseLeader(isLost) {
      callFaults.hasNoLeader = isLost
      if (isLost) calls.failStreams(ETCD_ERROR.noLeader(), (call) => call.requiresLeader)
    },
    expireTokens: () => engine.tokens.revokeAll(),
    async compact(revision = engine.store.revision) {
      await engine.compact(revision)
    },
  }
  return {
    get endpoint() {
      return endpoint()
    },
    get port() {
      return listener.port
    },
    faults,
    close,
    [Symbol.asyncDispose]: close,
  }
}
