import { monotonicNow } from '../clock.ts'
import type { Init } from '../wire/message-type.ts'
import { type WatchCreateRequest, WatchFilter } from '../wire/watch.ts'
import type { StreamPorts } from './stream-ports.ts'
import type { WatchState } from './watch-state.ts'

/** What a create request is for. */
type Create =
  | { readonly type: 'watcher'; readonly watcher: WatchState }
  /** `isQuestion`: a progress request follows. */
  | { readonly type: 'ping'; readonly isQuestion: boolean }

/** A create request that was sent. */
export type SentCreate = Create & {
  /** When the stream had it, in monotonic time. */
  readonly sentAt: number
}

/** What the queue needs from its stream. */
export interface CreateQueuePorts
  extends Pick<StreamPorts, 'clock' | 'limits' | 'openTimeoutMs' | 'idsFrom'> {
  send(create: Init<WatchCreateRequest>): void
  /** A create was sent. */
  onSent(): void
  /** See `measureBacklog`. */
  measureBacklog(): () => boolean
  /** The server left a create unanswered. */
  onUnanswered(): void
}

/**
 * The watches that are to be created on one stream. One at a time, because responses do not say which create they answer,
 * and each within a time limit of its own: other messages show that the server sends, not that it receives.
 */
export class CreateQueue {
  readonly #ports: CreateQueuePorts
  readonly #waiting = new Set<WatchState>()
  #sent: SentCreate | undefined
  #timer: unknown
  #nextId = 1
  #isAnswered = false
  #isStopped = false

  constructor(ports: CreateQueuePorts) {
    this.#ports = ports
  }

  /** True if no watch is waiting or being created. */
  get isEmpty(): boolean {
    return this.#waiting.size === 0
  }

  /** True while the answer to a create is awaited. */
  get isPending(): boolean {
    return this.#sent !== undefined
  }

  /** True once the server has answered a create. */
  get isAnswered(): boolean {
    return this.#isAnswered
  }

  add(watcher: WatchState): void {
    this.#waiting.add(watcher)
  }

  remove(watcher: WatchState): void {
    this.#waiting.delete(watcher)
  }

  /** Creates the watch that waits longest; it is removed once it is answered. Does nothing while an answer is awaited. */
  next(): void {
    const [watcher] = this.#waiting
    if (watcher === undefined || !this.#isFree) return
    const { plan, start } = watcher
    const { only, prevKv } = plan
    const filters = only === 'deletes' ? [WatchFilter.noPut] : []
    // Fragments only after a response was too large: splitting a long history costs etcd time quadratic in its events.
    const fragment = watcher.oversizes > 0
    this.#create(
      { type: 'watcher', watcher },
      { ...plan.range, startRevision: start, filters, prevKv, fragment },
    )
  }

  /**
   * Creates a watch without events, to be cancelled at once: every server answers that whatever its watches are doing. Does
   * nothing while an answer is awaited.
   */
  ping({ plan }: WatchState, isQuestion: boolean): void {
    if (!this.#isFree) return
    const filters = [WatchFilter.noPut, WatchFilter.noDelete]
    this.#create({ type: 'ping', isQuestion }, { key: plan.range.key, filters })
  }

  /** The server has answered a create, which is returned; undefined if none was awaited. */
  answered(): SentCreate | undefined {
    const sent = this.#sent
    this.#sent = undefined
    this.#ports.clock.clearTimeout(this.#timer)
    this.#isAnswered = true
    return sent
  }

  /** A part of a message has arrived: the answer to a create can only follow after the rest of it. */
  notePart(): void {
    if (this.#sent !== undefined) this.#limit()
  }

  /** The stream has ended; nothing is created any more. */
  stop(): void {
    this.#isStopped = true
    this.#ports.clock.clearTimeout(this.#timer)
    this.#waiting.clear()
  }

  get #isFree(): boolean {
    return !this.#isStopped && this.#sent === undefined
  }

  #create(create: Create, what: Init<WatchCreateRequest>): void {
    const { clock, idsFrom } = this.#ports
    const watchId = idsFrom === 'client' ? this.#nextId++ : 0
    this.#sent = { ...create, sentAt: monotonicNow(clock) }
    this.#ports.send({ ...what, watchId, progressNotify: true })
    this.#ports.onSent()
    this.#limit()
  }

  #limit(): void {
    if (this.#isStopped) return
    const { clock, limits, openTimeoutMs } = this.#ports
    const leastMs = this.#isAnswered ? 0 : openTimeoutMs
    const limitMs = Math.max(limits.createMs, leastMs) + 1
    const isBehind = this.#ports.measureBacklog()
    clock.clearTimeout(this.#timer)
    this.#timer = clock.setTimeout(() => {
      if (isBehind()) this.#limit()
      else this.#ports.onUnanswered()
    }, limitMs)
  }
}
