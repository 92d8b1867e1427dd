import type { Channel } from '../transport/transport.ts'
import { KV } from '../wire/rpc.ts'
import type { WatchState } from './watch-state.ts'
import type { WatchStream } from './watch-stream.ts'

/** Number of keys to remember; as many as a watch remembers of its events. */
const MAX_KEYS = 8
/** Number of watches to read for on one stream; their ranges may be empty or their history compacted. */
const MAX_READS = 8

/**
 * Reads something by which the store behind a stream can be recognized later, if no watch on the stream knows
 * anything of it: the first keys of one watch's range, as they were at the watch's position. The other watches
 * of the stream follow that watch. A read that fails is not repeated, because it is no condition of a watch.
 */
export class FirstEvidence {
  readonly #channel: Channel
  /** The stream for which evidence is or was collected. */
  #stream: WatchStream | undefined
  #isDone = false
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
    // What one watch of a stream knows serves the others.
    this.#isDone ||= watcher.store.isKnownAt(watcher.position)
    if (this.#isDone || !watcher.store.canLearn) return
    this.#served.add(watcher)
    if (this.#isReading) return
    this.#isReading = true
    for (const each of this.#served) {
      this.#served.delete(each)
      if (this.#stream !== stream || this.#isDone) break
      await this.#read(each, stream)
    }
    if (this.#stream === stream) this.#isReading = false
  }

  #begin(stream: WatchStream): void {
    this.#stream = stream
    this.#isDone = false
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
    if (this.#stream !== stream) return
    // Changes that were delivered meanwhile are evidence themselves; the answer describes the state before.
    // A watch that waits for its next stream may already follow others, as one that knows nothing.
    const isOfNow = watcher.position === position && isServed(watcher, stream)
    if (answer !== undefined && isOfNow) watcher.store.learn(answer.kvs)
    this.#isDone = this.#reads >= MAX_READS || watcher.store.isKnownAt(watcher.position)
    if (this.#isDone) this.#served.clear()
  }
}

function isServed({ state, lastStream }: WatchState, stream: WatchStream): boolean {
  return state === 'live' && lastStream === stream
}
