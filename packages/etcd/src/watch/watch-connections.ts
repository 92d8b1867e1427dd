import type { ConnectionPorts } from './connection-ports.ts'
import { WatchConnection } from './watch-connection.ts'
import type { WatchState } from './watch-state.ts'

/** Maximum number of streams; beyond it, the watches of the oldest move to the newest. */
const MAX_CONNECTIONS = 4

/**
 * The watch connections of a client. Normally there is one. A watch that is refused because of an outdated
 * token starts another; the watches on the old stream stay there until it ends.
 */
export class WatchConnections {
  readonly #ports: Omit<ConnectionPorts, 'watchers' | 'has' | 'onStaleToken' | 'handOver'>
  readonly #connectionOf = new Map<WatchState, WatchConnection>()
  readonly #watchersOf = new Map<WatchConnection, Set<WatchState>>()
  /** Newest last. */
  readonly #connections: WatchConnection[] = []
  #isClosed = false

  constructor(ports: Omit<ConnectionPorts, 'watchers' | 'has' | 'onStaleToken' | 'handOver'>) {
    this.#ports = ports
    this.#begin()
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Adds a watch to the newest connection. */
  attach(watcher: WatchState): void {
    const connection = this.#newest
    const before = this.#connectionOf.get(watcher)
    if (before !== undefined) this.#watchersOf.get(before)?.delete(watcher)
    this.#connectionOf.set(watcher, connection)
    this.#watchersOf.get(connection)?.add(watcher)
    connection.attach(watcher)
  }

  /** Removes a watch from its connection. */
  detach(watcher: WatchState): void {
    const connection = this.#connectionOf.get(watcher)
    this.#connectionOf.delete(watcher)
    if (connection !== undefined) this.#watchersOf.get(connection)?.delete(watcher)
    connection?.detach(watcher)
    if (connection !== undefined) this.#retire(connection)
  }

  /** A watch waits for progress; see `Heartbeat.requestProgress`. */
  requestProgress(watcher: WatchState, isUrgent: boolean): void {
    this.#connectionOf.get(watcher)?.requestProgress(isUrgent)
  }

  close(): void {
    this.#isClosed = true
    for (const connection of this.#connections) connection.close()
  }

  get #newest(): WatchConnection {
    return this.#connections.at(-1)!
  }

  #begin(): WatchConnection {
    const watchers = new Set<WatchState>()
    const connection: WatchConnection = new WatchConnection({
      ...this.#ports,
      watchers: () => watchers,
      has: (watcher) => watchers.has(watcher),
      onStaleToken: (watcher) => this.#renew(watcher, connection),
      handOver: () => this.#handOver(connection),
    })
    this.#connections.push(connection)
    this.#watchersOf.set(connection, watchers)
    return connection
  }

  #renew(watcher: WatchState, stale: WatchConnection): void {
    stale.detach(watcher)
    if (stale === this.#newest) {
      const renewed = this.#begin()
      if (this.#connections.length > MAX_CONNECTIONS) this.#connections[0]!.fold()
      renewed.renew()
    }
    this.attach(watcher)
  }

  #handOver(connection: WatchConnection): boolean {
    if (connection === this.#newest) return false
    for (const watcher of [...(this.#watchersOf.get(connection) ?? [])]) {
      connection.detach(watcher)
      this.attach(watcher)
    }
    this.#retire(connection)
    return true
  }

  #retire(connection: WatchConnection): void {
    if (connection === this.#newest || (this.#watchersOf.get(connection)?.size ?? 0) > 0) return
    const index = this.#connections.indexOf(connection)
    if (index < 0) return
    this.#connections.splice(index, 1)
    this.#watchersOf.delete(connection)
    connection.close()
  }
}
