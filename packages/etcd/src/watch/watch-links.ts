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
  readonly #ports: Omit<LinkPorts, 'watchers' | 'onStaleToken' | 'handOver'>
  readonly #linkOf = new Map<WatchState, WatchConnection>()
  /** Newest last. */
  readonly #links: WatchConnection[] = []
  #isClosed = false

  constructor(ports: Omit<LinkPorts, 'watchers' | 'onStaleToken' | 'handOver'>) {
    this.#ports = ports
    this.#begin()
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Adds a watch to the newest connection. */
  attach(watcher: WatchState): void {
    const link = this.#newest
    this.#linkOf.set(watcher, link)
    link.attach(watcher)
  }

  /** Removes a watch from its connection. */
  detach(watcher: WatchState): void {
    const link = this.#linkOf.get(watcher)
    this.#linkOf.delete(watcher)
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
    const link: WatchConnection = new WatchConnection({
      ...this.#ports,
      watchers: () => this.#watchersOf(link),
      onStaleToken: (watcher) => this.#renew(watcher, link),
      handOver: () => this.#handOver(link),
    })
    this.#links.push(link)
    return link
  }

  #watchersOf(link: WatchConnection): WatchState[] {
    return [...this.#linkOf].filter(([, each]) => each === link).map(([watcher]) => watcher)
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
    for (const watcher of this.#watchersOf(link)) {
      link.detach(watcher)
      this.attach(watcher)
    }
    this.#retire(link)
    return true
  }

  #retire(link: WatchConnection): void {
    if (link === this.#newest || this.#watchersOf(link).length > 0) return
    const index = this.#links.indexOf(link)
    if (index < 0) return
    this.#links.splice(index, 1)
    link.close()
  }
}
