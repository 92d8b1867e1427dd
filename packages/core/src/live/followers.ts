/** What other packages do along with a configuration that they follow. What one of them throws hurts nobody. */
export class Followers {
  readonly #judged = new Set<() => void>()
  readonly #closing = new Set<() => Promise<void>>()

  /** Calls `listener` after every update that was judged, applied or rejected; must return at once. Returns how to unsubscribe. */
  onJudged(listener: () => void): () => void {
    this.#judged.add(listener)
    return () => void this.#judged.delete(listener)
  }

  /** Calls `work` when the configuration is closed, which waits for it. Returns how to unsubscribe. */
  onClose(work: () => Promise<void>): () => void {
    this.#closing.add(work)
    return () => void this.#closing.delete(work)
  }

  judged(): void {
    for (const listener of this.#judged) {
      try {
        listener()
      } catch {
        // a follower is no reason to stop an update
      }
    }
  }

  async close(): Promise<void> {
    this.#judged.clear()
    await Promise.allSettled([...this.#closing].map(async (work) => work()))
  }
}
