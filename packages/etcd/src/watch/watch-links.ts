import type { LinkPorts } from './link-ports.ts'
import { WatchConnection } from './watch-connection.ts'
import type { WatchState } from './watch-state.ts'

/** Maximum number of streams; beyond it, the watches of the oldest move to the newest. */
const MAX_LINKS = 4

/**
 * The watch connections of a client. Normally there is one. A watch that is refused because of an outdated
 * token starts another; the watches on the old stream stay there until it ends.
 */
export class WatchLinks {
  readonly #ports: Omit<LinkPorts, 'watchers' | 'has' | 'onStaleToken' | 'handOver'>
  readonly #linkOf = new Map<WatchState, WatchConnection>()
  readonly #watchersOf = new Map<WatchConnection, Set<WatchState>>()
  /** Newest last. */
  readonly #links: WatchConnection[] = []
  #isClosed = false

  constructor(ports: Omit<LinkPorts, 'watchers' | 'has' | 'onStaleToken' | 'handOver'>) {
    this.#ports = ports
    this.#begin()
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Adds a watch to the newest connection. */
  attach(watcher: WatchState): void {
    const link = this.#newest
    const before = this.#linkOf.get(watcher)
    if (before !== undefined) this.#watchersOf.get(before)?.delete(watcher)
    this.#linkOf.set(watcher, link)
    this.#watchersOf.get(link)?.add(watcher)
    link.attach(watcher)
  }

  /** Removes a watch from its connection. */
  detach(watcher: WatchState): void {
    const link = this.#linkOf.get(watcher)
    this.#linkOf.delete(watcher)
    if (link !== undefined) this.#watchersOf.get(link)?.delete(watcher)
    link?.detach(watcher)
    if (link !== undefined) this.#retire(link)
  }

  /** A watch waits for progress; see `Heartbeat.requestProgress`. */
  requestProgress(watcher: WatchState, isUrgent: boolean): void {
    this.#linkOf.get(watcher)?.requestProgress(isUrgent)
  }

  close(): void {
    this.#isClosed = true
    for (const link of this.#links) link.close()
  }

  get #newest(): WatchConnection {
    return this.#links.at(-1)!
  }

  #begin(): WatchConnection {
    const watchers = new Set<WatchState>()
    const link: WatchConnection = new WatchConnection({
      ...this.#ports,
      watchers: () => watchers,
      has: (watcher) => watchers.has(watcher),
      onStaleToken: (watcher) => this.#renew(watcher, link),
      handOver: () => this.#handOver(link),
    })
    this.#links.push(link)
    this.#watchersOf.set(link, watchers)
    return link
  }

  #renew(watcher: WatchState, stale: WatchConnection): void {
    stale.detach(watcher)
    if (stale === this.#newest) {
      const renewed = this.#begin()
      if (this.#links.length > MAX_LINKS) this.#links[0]!.fold()
      renewed.renew()
    }
    this.attach(watcher)
  }

  #handOver(link: WatchConnection): boolean {
    if (link === this.#newest) return false
    for (const watcher of [...(this.#watchersOf.get(link) ?? [])]) {
      link.detach(watcher)
      this.attach(watcher)
    }
    this.#retire(link)
    return true
  }

  #retire(link: WatchConnection): void {
    if (link === this.#newest || (this.#watchersOf.get(link)?.size ?? 0) > 0) return
    const index = this.#links.indexOf(link)
    if (index < 0) return
    this.#links.splice(index, 1)
    this.#watchersOf.delete(link)
    link.close()
  }
}
