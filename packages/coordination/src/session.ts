import { setMaxListeners } from 'node:events'
import { EtcdError, type EtcdClient, guardLogger, type Lease, type Logger } from '@livetree/etcd'
import { CallerWait } from './caller-wait.ts'
import {
  hasMethods,
  LEASE_ID,
  LOGGER,
  LONGEST_MS,
  MILLISECONDS_OR_NONE,
  type OptionChecks,
  readOptions,
  refuse,
  SIGNAL,
  whole,
} from './check-argument.ts'
import { CoordinationError } from './errors.ts'
import { KeyNames } from './key-names.ts'
import type { Session, SessionOptions } from './session-contract.ts'
import type { SessionPorts } from './session-ports.ts'

const DEFAULT_TTL_SECONDS = 15
const LEAST_CALL_MS = 1_000
const LONGEST_CLOSE_MS = 5_000
/** How long the timer waits at most, because timers pause while the machine sleeps. */
const LOOK_MS = 1_000

/** The checks of `SessionOptions`. */
export const SESSION_CHECKS: OptionChecks<SessionOptions> = {
  ttlSeconds: whole(1, Math.floor(LONGEST_MS / 1_000)),
  marginMs: MILLISECONDS_OR_NONE,
  lease: LEASE_ID,
  signal: SIGNAL,
  logger: LOGGER,
}

/** @throws CoordinationError `invalid_argument` for anything but a client of `@livetree/etcd` */
export function checkClient(client: unknown): asserts client is EtcdClient {
  const isClient = ['kv', 'lease', 'watch'].every((name) => {
    const service: unknown = hasMethods(client, 'close') ? Reflect.get(client as object, name) : undefined
    return typeof service === 'object' && service !== null
  })
  if (!isClient) throw refuse('the client is not one that createEtcdClient made')
}

/**
 * Grants a lease, or takes over one, and keeps it until `close()`.
 *
 * @throws CoordinationError `invalid_argument`, `cancelled`, `session_lost` if the answers take longer than the TTL;
 * EtcdError as the client
 */
export async function openSession(client: EtcdClient, options?: SessionOptions): Promise<Session> {
  checkClient(client)
  const given = readOptions('openSession', SESSION_CHECKS, options)
  const { ttlSeconds = DEFAULT_TTL_SECONDS, marginMs, lease: id, signal } = given
  if (marginMs !== undefined && id === undefined && marginMs >= ttlSeconds * 1_000)
    throw refuse(`marginMs is ${marginMs}, and ttlSeconds only ${ttlSeconds}: nothing would be left`)
  using wait = new CallerWait('openSession', signal === undefined ? {} : { signal })
  wait.signal.throwIfAborted()
  const opening =
    id === undefined ? client.lease.grant({ ttlSeconds }) : client.lease.adopt(id, { signal: wait.signal })
  let lease: Lease
  try {
    lease = await wait.race(opening)
  } catch (error) {
    // A grant is not cancelled, because nobody would know its lease: it is given back when it is answered.
    if (id === undefined) opening.then((late) => late.revoke()).catch(() => undefined)
    throw error
  }
  const session = new OpenSession(client, lease, given)
  session.assertOpen()
  return session
}

/**
 * The session that a recipe is made with.
 *
 * @throws CoordinationError `invalid_argument` for anything that `openSession` did not return
 */
export function openedSession(session: Session): OpenSession {
  if (session instanceof OpenSession) return session
  throw refuse('the session is not one that openSession returned; await it')
}

/** Waits until all have settled, but not longer than this. */
async function settledWithin(work: Iterable<Promise<unknown>>, mostMs: number): Promise<void> {
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, mostMs)
  await Promise.race([Promise.all(work), late.promise])
  clearTimeout(timer)
}

/** A session, with what the recipes need of it. */
export class OpenSession implements Session, SessionPorts {
  readonly client: EtcdClient
  readonly logger: Logger
  readonly names: KeyNames
  /** The cluster that granted the lease: no other one knows it. */
  readonly control: { readonly clusterId?: bigint }
  readonly #lease: Lease
  readonly #marginMs: number
  readonly #controller = new AbortController()
  readonly #endings = new Set<(reason: Error) => void>()
  readonly #work = new Set<Promise<unknown>>()
  #cleanup: () => void = () => undefined
  #timer: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined
  #asking: Promise<void> | undefined

  constructor(client: EtcdClient, lease: Lease, options: SessionOptions) {
    this.client = client
    this.logger = guardLogger(options.logger)
    this.#lease = lease
    this.#marginMs = options.marginMs ?? lease.ttlSeconds * 100
    const { clusterId = 0n } = client.channel
    this.control = clusterId === 0n ? {} : { clusterId }
    this.names = new KeyNames(this, options.lease === undefined)
    setMaxListeners(0, this.signal)
    lease.lost.addEventListener('abort', () => this.#onLeaseLost(), { once: true })
    lease.keepAlive()
    if (lease.lost.aborted) this.#onLeaseLost()
    else this.#look()
    if (options.signal !== undefined) this.#closeOn(options.signal)
  }

  get lease(): bigint {
    return this.#lease.id
  }

  get ttlSeconds(): number {
    return this.#lease.ttlSeconds
  }

  get expiresAt(): number {
    return this.#lease.expiresAt - this.#marginMs
  }

  get isLost(): boolean {
    return this.signal.aborted || this.#leftMs <= 0
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** @throws CoordinationError the reason why the session is over. Reads the clock. */
  assertOpen(): void {
    if (!this.signal.aborted && this.#leftMs <= 0) this.#onTimeOver()
    this.signal.throwIfAborted()
  }

  /** Calls `run` once with the reason when the session ends, at once if it is over. Returns how to unsubscribe. */
  onEnd(run: (reason: Error) => void): () => void {
    if (this.signal.aborted) run(this.signal.reason)
    else this.#endings.add(run)
    return () => void this.#endings.delete(run)
  }

  /** Ends the session for good. */
  lose(what: string, cause?: unknown): void {
    this.#end(new CoordinationError('session_lost', { what, cause }))
    this.#lease.letExpire()
  }

  /** Ends the session if an error of etcd shows that its lease does not exist. */
  noteError(error: unknown): void {
    if (!(error instanceof EtcdError)) return
    if (error.code === 'lease_not_found') this.lose(`lease ${this.#name} does not exist any more`, error)
    if (error.code === 'cluster_changed') this.lose(`the endpoints answer for another store`, error)
  }

  /**
   * As `noteError`, for a request with operations of the user, which may name other leases or go to another cluster: the
   * session ends only if its own cluster confirms that the lease is gone. Never rejects.
   */
  async noteUserError(error: unknown): Promise<void> {
    if (!(error instanceof EtcdError)) return
    if (error.code === 'lease_not_found' || error.code === 'cluster_changed') await this.suspect()
  }

  /** A key of the session is gone: asks whether the lease is, too. Never rejects. */
  suspect(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  /** Work that `close()` awaits. */
  track(work: Promise<unknown>): void {
    const remove = (): void => void this.#work.delete(settled)
    const settled: Promise<void> = work.then(remove, remove)
    this.#work.add(settled)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  get #name(): string {
    return this.lease.toString(16)
  }

  get #leftMs(): number {
    return this.#lease.leftMs - this.#marginMs
  }

  #look(): void {
    if (this.signal.aborted) return
    const leftMs = this.#leftMs
    if (leftMs <= 0) this.#onTimeOver()
    else this.#timer = setTimeout(() => this.#look(), Math.min(leftMs, LOOK_MS)).unref()
  }

  #onTimeOver(): void {
    const ttl = `${this.ttlSeconds} s, of which ${this.#marginMs} ms are margin`
    const { trouble } = this.#lease
    const why = trouble === undefined ? '' : `: ${trouble.what}`
    this.lose(`lease ${this.#name} was not renewed within its ${ttl}${why}`, trouble)
  }

  #onLeaseLost(): void {
    const cause: unknown = this.#lease.lost.reason
    const isClosed = cause instanceof EtcdError && cause.code === 'closed'
    const lost = cause instanceof Error ? cause.message : `lease ${this.#name} is lost`
    const what = isClosed ? 'the client of the session is closed' : lost
    this.#end(new CoordinationError(isClosed ? 'closed' : 'session_lost', { what, cause }))
  }

  #end(reason: CoordinationError): void {
    if (this.signal.aborted) return
    clearTimeout(this.#timer)
    this.#cleanup()
    this.#controller.abort(reason)
    const endings = [...this.#endings]
    this.#endings.clear()
    for (const run of endings) run(reason)
    if (reason.code === 'session_lost')
      this.logger.warn('A session is lost', { lease: this.#name, error: reason })
  }

  async #ask(): Promise<void> {
    const timeoutMs = Math.max(LEAST_CALL_MS, Math.min(LONGEST_CLOSE_MS, this.#lease.leftMs))
    try {
      const info = await this.client.lease.timeToLive(this.lease, { ...this.control, timeoutMs })
      if (info === undefined) this.lose(`lease ${this.#name} was revoked or has expired`)
    } catch (error) {
      this.noteError(error)
    }
  }

  #closeOn(signal: AbortSignal): void {
    const onAbort = (): void => void this.close()
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    this.#cleanup = () => signal.removeEventListener('abort', onAbort)
  }

  async #close(): Promise<void> {
    const longestMs = Math.max(LEAST_CALL_MS, Math.min(LONGEST_CLOSE_MS, this.#lease.leftMs))
    const startedAt = performance.now()
    this.#end(new CoordinationError('closed', { what: 'the session is closed' }))
    this.#lease.letExpire()
    // What is not deleted in half of the time is deleted with the lease.
    await settledWithin(this.#work, longestMs / 2)
    const timeoutMs = longestMs - (performance.now() - startedAt)
    try {
      await this.client.lease.revoke(this.lease, { ...this.control, timeoutMs })
    } catch (error) {
      // The lease is gone, or expires by itself: nobody renews it any more.
      this.logger.info('The lease of a closed session could not be revoked', { lease: this.#name, error })
    }
  }
}
