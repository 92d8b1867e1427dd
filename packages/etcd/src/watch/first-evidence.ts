import type { Channel } from '../transport/transport.ts'
import { KV } from '../wire/rpc.ts'
import type { WatchState } from './watch-state.ts'
import type { WatchStream } from './watch-stream.ts'

/** Number of keys to remember; as many as a watch remembers of its events. */
const MAX_KEYS = 8
/** Number of reads on one stream, of which there may be thousands of watches; the others follow those that know something. */
const MAX_READS = 256

/**
 * Collects something by which the store behind a stream can be recognized later, for each watch on it that knows nothing: what
 * its caller knew, or a read of the first keys of its range, as they were at the watch's position. What another watch knows would not do: stores may differ in
 * one range and not in the other. Where the range is empty the watch follows those of its stream that know something. A read
 * that fails is not repeated, because it is no condition of a watch.
 */
export class FirstEvidence {
  readonly #channel: Channel
  /** The stream for which evidence is or was collected. */
  #stream: WatchStream | undefined
  #reads = 0
  #isReading = false
  /** Watches of the stream that nothing was read for yet. */
  readonly #served = new Set<WatchState>()

  constructor(channel: Channel) {
    this.#channel = channel
  }

  /** The stream serves this watch from now on. */
  async collect(stream: WatchStream, watcher: WatchState): Promise<void> {
    if (this.#stream !== stream) this.#begin(stream)
    if (!isUnknown(watcher)) return
    watcher.store.learn(watcher.plan.known, false)
    if (!isUnknown(watcher) || this.#reads >= MAX_READS) return
    this.#served.add(watcher)
    if (this.#isReading) return
    this.#isReading = true
    for (const each of this.#served) {
      this.#served.delete(each)
      if (this.#stream !== stream || this.#reads >= MAX_READS) break
      await this.#read(each, stream)
    }
    if (this.#stream === stream) this.#isReading = false
  }

  #begin(stream: WatchStream): void {
    this.#stream = stream
    this.#reads = 0
    this.#isReading = false
    this.#served.clear()
  }

  async #read(watcher: WatchState, stream: WatchStream): Promise<void> {
    const { plan, position = 0 } = watcher
    const revision = position - 1
    if (revision < 1 || !isServed(watcher, stream)) return
    this.#reads += 1
    const request = { ...plan.range, revision, limit: MAX_KEYS }
    const answer = await this.#channel
      .unary(KV.range, request, { retry: 'read', endpoint: stream.endpoint })
      .catch(() => undefined)
    // A watch that waits for its next stream may already follow others, as one that knows nothing.
    if (answer === undefined || this.#stream !== stream || !isServed(watcher, stream)) return
    // Changes that were delivered meanwhile are evidence themselves. Without any, the range is as it was, wherever progress has
    // moved the position to.
    if (isUnknown(watcher)) watcher.store.learn(answer.kvs, true)
  }
}

function isUnknown({ store, position }: WatchState): boolean {
  return store.canLearn && !store.isKnownAt(position)
}

function isServed({ state, lastStream }: WatchState, stream: WatchStream): boolean {
  return state === 'live' && lastStream === stream
}
