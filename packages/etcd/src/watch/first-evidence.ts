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
  readonly #watchers: () => Iterable<WatchState>
  readonly #asked = new WeakSet<WatchState>()
  #reading: WatchStream | undefined

  constructor(channel: Channel, watchers: () => Iterable<WatchState>) {
    this.#channel = channel
    this.#watchers = watchers
  }

  /** The stream serves one more watch. */
  async collect(session: WatchStream): Promise<void> {
    if (this.#reading === session) return
    this.#reading = session
    for (let reads = 0; reads < MAX_READS; reads += 1) {
      const watcher = this.#next(session)
      if (watcher === undefined) break
      await this.#read(watcher, session)
    }
    if (this.#reading === session) this.#reading = undefined
  }

  /** A watch to read for; undefined if there is none, or if a watch of this stream knows its store. */
  #next(session: WatchStream): WatchState | undefined {
    const served = [...this.#watchers()].filter((watcher) => isServed(watcher, session))
    if (served.some(({ store, position }) => store.isKnownAt(position))) return undefined
    return served.find((watcher) => watcher.store.canLearn && !this.#asked.has(watcher))
  }

  async #read(watcher: WatchState, session: WatchStream): Promise<void> {
    this.#asked.add(watcher)
    const { plan, position = 0 } = watcher
    const revision = position - 1
    if (revision < 1) return
    const request = { ...plan.range, revision, limit: MAX_KEYS }
    const answer = await this.#channel
      .unary(KV.range, request, { retry: 'read', endpoint: session.endpoint })
      .catch(() => undefined)
    // Changes that were delivered meanwhile are evidence themselves; the answer describes the state before.
    if (answer === undefined || watcher.position !== position) return
    // A watch that waits for its next stream may already follow others, as one that knows nothing.
    if (isServed(watcher, session)) watcher.store.learn(answer.kvs)
  }
}

function isServed({ state, lastStream }: WatchState, session: WatchStream): boolean {
  return state === 'live' && lastStream === session
}
