import { monotonicNow } from '../clock.ts'
import { type BackoffOptions, backoffMs } from './backoff.ts'
import { Connection, type ConnectionSettings } from './connection.ts'

/** One member's client URL, its connection, and how it has fared lately. */
export class Endpoint {
  readonly url: string
  readonly #settings: ConnectionSettings
  readonly #backoff: BackoffOptions
  #connection: Connection | undefined
  /** Connections given up that still have calls. */
  readonly #retired = new Set<Connection>()
  #failures = 0
  #restsUntil = 0
  /** Which cluster it answered for last; `undefined` before its first answer. */
  clusterId: bigint | undefined
  /** Until when an endpoint of another cluster is not asked, on the monotonic clock. */
  foreignUntil = 0

  constructor(url: string, settings: ConnectionSettings, backoff: BackoffOptions) {
    this.url = url
    this.#settings = settings
    this.#backoff = backoff
  }

  /** The connection for a new call. */
  get connection(): Connection {
    const before = this.#connection
    if (before?.isUsable) return before
    const next = new Connection(this.url, this.#settings)
    if (before !== undefined) {
      next.isProven = before.isProven
      this.#retired.add(before)
      for (const each of this.#retired) if (each.openCalls === 0) this.#retired.delete(each)
    }
    this.#connection = next
    return next
  }

  /** The last that was heard of it is a failure. */
  get hasFailed(): boolean {
    return this.#failures > 0
  }

  /** Until when other endpoints are preferred, on the monotonic clock. */
  get restsUntil(): number {
    return this.#restsUntil
  }

  succeeded(): void {
    this.#failures = 0
    this.#restsUntil = 0
  }

  failed(): void {
    this.#restsUntil = monotonicNow(this.#settings.clock) + backoffMs(this.#backoff, this.#failures)
    this.#failures += 1
  }

  /** Nothing came over this connection for as long as a call may take: the next call gets a new one. */
  suspect(connection: Connection): void {
    this.failed()
    connection.retire()
  }

  /** It left the rotation: its calls finish, then its connection closes. */
  retire(): void {
    this.#connection?.retire()
  }

  async close(error: Error): Promise<void> {
    const all = [...this.#retired, ...(this.#connection === undefined ? [] : [this.#connection])]
    await Promise.all(all.map((each) => each.destroy(error)))
  }
}
