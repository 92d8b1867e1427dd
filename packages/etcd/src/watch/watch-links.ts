import { type LinkPorts, WatchLink } from './watch-link.ts'
import type { WatcherCore } from './watcher-core.ts'

/** Streams in use at a time; the watches of the oldest go to the newest when there would be more. */
const MAX_LINKS = 4

/**
 * The streams of a client. One, as long as its token is good; a watch that is refused for an old token begins the next,
 * and the watches that are on the old one stay there until it ends.
 */
export class WatchLinks {
  readonly #ports: Omit<LinkPorts, 'watchers' | 'onStaleToken' | 'handOver'>
  readonly #linkOf = new Map<WatcherCore, WatchLink>()
  /** Newest last. */
  readonly #links: WatchLink[] = []
  #isClosed = false

  constructor(ports: Omit<LinkPorts, 'watchers' | 'onStaleToken' | 'handOver'>) {
    this.#ports = ports
    this.#begin()
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Brings a watch onto a stream. */
  attach(watcher: WatcherCore): void {
    const link = this.#newest
    this.#linkOf.set(watcher, link)
    link.attach(watcher)
  }

  /** Takes a watch off its stream. */
  detach(watcher: WatcherCore): void {
    const link = this.#linkOf.get(watcher)
    this.#linkOf.delete(watcher)
    link?.detach(watcher)
    if (link !== undefined) this.#retire(link)
  }

  /** A watch waits for word of progress. */
  hurry(watcher: WatcherCore): void {
    this.#linkOf.get(watcher)?.hurry()
  }

  close(): void {
    this.#isClosed = true
    for (const link of this.#links) link.close()
  }

  get #newest(): WatchLink {
    return this.#links.at(-1)!
  }

  #begin(): WatchLink {
    const link: WatchLink = new WatchLink({
      ...this.#ports,
      watchers: () => this.#watchersOf(link),
      onStaleToken: (watcher) => this.#renew(watcher, link),
      handOver: () => this.#handOver(link),
    })
    this.#links.push(link)
    return link
  }

  #watchersOf(link: WatchLink): WatcherCore[] {
    return [...this.#linkOf].filter(([, each]) => each === link).map(([watcher]) => watcher)
  }

  #renew(watcher: WatcherCore, stale: WatchLink): void {
    stale.detach(watcher)
    if (stale === this.#newest) {
      const renewed = this.#begin()
      if (this.#links.length > MAX_LINKS) this.#links[0]!.fold()
      renewed.renew()
    }
    this.attach(watcher)
  }

  #handOver(link: WatchLink): boolean {
    if (link === this.#newest) return false
    for (const watcher of this.#watchersOf(link)) {
      link.detach(watcher)
      this.attach(watcher)
    }
    this.#retire(link)
    return true
  }

  #retire(link: WatchLink): void {
    if (link === this.#newest || this.#watchersOf(link).length > 0) return
    const index = this.#links.indexOf(link)
    if (index >= 0) this.#links.splice(index, 1)
  }
}
