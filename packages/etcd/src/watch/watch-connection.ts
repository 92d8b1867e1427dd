import type { WatchRestartReason } from '../diagnostics.ts'
import { type EtcdError, isFinalError } from '../errors.ts'
import { KeptStream } from '../transport/kept-stream.ts'
import type { WatchResponse } from '../wire/watch.ts'
import { type Refusal, refusalError, staleTokenError } from './refusal.ts'
import type { StreamEnding } from './stream-ports.ts'
import { FirstEvidence } from './first-evidence.ts'
import { Followers } from './followers.ts'
import type { ConnectionPorts } from './connection-ports.ts'
import { endsWatch, judgeSuspects, NextStream } from './next-stream.ts'
import { publishRestart } from './publish-restart.ts'
import { RestingWatches } from './resting-watches.ts'
import { isConnecting, isNews, WatchQuestions } from './watch-questions.ts'
import { WatchStream } from './watch-stream.ts'
import type { WatchState } from './watch-state.ts'

/**
 * Keeps one watch stream open as long as there are watches, opens the next one when it ends, and decides how
 * to react to the end of a stream or a refusal: resume, fetch a new token, verify the store, or give up.
 */
export class WatchConnection {
  readonly #ports: ConnectionPorts
  readonly #questions: WatchQuestions
  /** Watches held back until the store was recognized for others. */
  readonly #followers = new Followers()
  readonly #firstEvidence: FirstEvidence
  readonly #resting: RestingWatches
  readonly #kept: KeptStream<WatchStream>
  readonly #next: NextStream

  constructor(ports: ConnectionPorts) {
    this.#ports = ports
    this.#kept = new KeptStream(ports)
    this.#resting = new RestingWatches(ports.clock)
    this.#firstEvidence = new FirstEvidence(ports.channel)
    this.#questions = new WatchQuestions({
      channel: ports.channel,
      recognizer: ports.recognizer,
      watchers: () => ports.watchers(),
      isCurrent: (stream) => this.#kept.isCurrent(stream),
      isFollowing: (watcher, knowing) => this.#followers.isFollowing(watcher, knowing),
      onAnswered: (watcher) => {
        // The answer may have moved the watch to another connection.
        if (isConnecting(watcher) && ports.has(watcher)) this.attach(watcher)
        this.#releaseFollowers()
        this.#openWhenAnswered()
      },
      onRefused: (watcher, error) => {
        watcher.disconnect(error)
        if (isConnecting(watcher)) this.#restAlone(watcher, watcher.store.unanswered - 1)
      },
      onUnanswered: (stream, error) => this.#resume(stream, 'unverified', error),
      onStaleToken: (watcher, stream) => this.#renewToken(watcher, stream, staleTokenError(stream.endpoint)),
    })
    this.#next = new NextStream(ports, ports.settings.progressGraceMs)
  }

  get isClosed(): boolean {
    return this.#kept.state === 'closed'
  }

  /** Adds a watch to the stream, which is opened if necessary. */
  attach(watcher: WatchState): void {
    if (this.#isElsewhere(watcher) || this.#followers.has(watcher)) return
    if (this.#kept.state === 'idle') this.#open()
    else this.#kept.current?.add(watcher)
  }

  /** Removes a watch from the stream, which is closed after the last one. */
  detach(watcher: WatchState): void {
    this.#questions.delete(watcher)
    this.#resting.delete(watcher)
    this.#followers.delete(watcher)
    this.#releaseFollowers()
    const stream = this.#kept.current
    if (stream !== undefined) {
      stream.remove(watcher)
      this.#closeUnused(stream)
      this.#openWhenAnswered()
    } else if (this.#kept.state === 'waiting' && ![...this.#ports.watchers()].some(isConnecting)) {
      this.#kept.leave()
    }
  }

  /** A watch waits for progress; see `Heartbeat.requestProgress`. */
  requestProgress(isUrgent: boolean): void {
    this.#kept.current?.requestProgress(isUrgent)
  }

  /** Closes the connection for good. */
  close(): void {
    this.#kept.close()?.drop()
    this.#resting.clear()
  }

  /** Opens the first stream of this connection with a new token. */
  renew(): void {
    if (this.#kept.state === 'idle') this.#refreshToken()
  }

  /** Closes the stream and moves its watches to the next connection. */
  fold(): void {
    const stream = this.#kept.current
    if (stream !== undefined) this.#resume(stream, 'moved', undefined)
    else {
      this.#kept.leave()
      this.#ports.handOver()
    }
  }

  #open(): void {
    const { channel, clock, settings } = this.#ports
    const next = this.#next
    next.opened()
    const stream: WatchStream = new WatchStream({
      channel,
      clock,
      endpoint: next.askFirstAt,
      progressIntervalMs: settings.progressIntervalMs,
      limits: next,
      openTimeoutMs: next.firstMessageMs(settings.openTimeoutMs),
      idsFrom: settings.idsFrom,
      avoid: next.avoid,
      onUnproven: (watcher) => this.#onUnproven(watcher, stream),
      onDoubt: (watcher) => this.#questions.verify(watcher, stream),
      onRefused: (watcher, refusal, response) => this.#onRefused(watcher, refusal, response, stream),
      onLive: (watcher) => {
        this.#next.served()
        void this.#firstEvidence.collect(stream, watcher)
      },
      onUseful: () => this.#onUseful(stream),
      onAnswered: (kind, tookMs) => {
        if (this.#kept.isCurrent(stream)) next.answered(kind, tookMs)
      },
      onEnd: (ending) => this.#onEnd(stream, ending),
    })
    this.#kept.opens(stream)
    const ready = [...this.#ports.watchers()].filter(
      (watcher) => isConnecting(watcher) && !this.#isElsewhere(watcher),
    )
    const knowing = this.#toVerify(stream)
    for (const watcher of this.#followers.keepBack(ready, knowing)) {
      if (this.#next.askFirstAt !== undefined && knowing.has(watcher))
        this.#questions.prove(watcher, stream, this.#next.askFirstAt)
      else stream.add(watcher)
    }
    this.#openWhenAnswered()
  }

  /** If the server can handle only one call at a time, the stream is opened after the verifying reads. */
  #openWhenAnswered(): void {
    const stream = this.#kept.current
    if (stream === undefined || stream.isOpen) return
    if (this.#next.askFirstAt === undefined || this.#questions.size === 0) stream.open()
  }

  #onUnproven(watcher: WatchState, stream: WatchStream): void {
    if (!this.#kept.isCurrent(stream)) return
    if (this.#next.isFull(stream)) this.#askFirst(stream)
    else this.#questions.prove(watcher, stream, stream.endpoint)
  }

  /** Leaves a stream that serves no watch yet, because the reads that precede that find no capacity besides it. */
  #askFirst(stream: WatchStream): void {
    publishRestart(this.#ports.channel, stream.endpoint, 'full')
    this.#next.askFirst(stream.endpoint)
    this.#kept.leave()
    this.#questions.clear()
    this.#followers.clear()
    stream.drop()
    this.#openLater()
  }

  /** True while the watch is being verified or paused after a refusal. */
  #isElsewhere(watcher: WatchState): boolean {
    return this.#questions.has(watcher) || this.#resting.has(watcher)
  }

  #closeUnused(stream: WatchStream): void {
    if (!this.#kept.isCurrent(stream) || !stream.isUnused) return
    if (this.#questions.size > 0 || this.#resting.size > 0 || this.#followers.size > 0) return
    this.#kept.leave()
    stream.drop()
  }

  #onUseful(stream: WatchStream): void {
    // A stream that answers but serves no watch must not shorten the delay before the next one.
    if (stream.isServing) this.#kept.useful()
  }

  #onEnd(stream: WatchStream, { reason, error, suspects }: StreamEnding): void {
    if (!this.#kept.isCurrent(stream)) return
    const { culprit, resting } = judgeSuspects(suspects)
    culprit?.end(error)
    for (const [index, watcher] of resting.entries()) this.#restAlone(watcher, watcher.oversizes + index)
    this.#next.ended(reason)
    // The next stream is opened at once, so this is no news for operators and needs no stack trace.
    this.#ports.logger.debug('The watch stream ended', {
      endpoint: stream.endpoint,
      reason,
      error: error?.message,
    })
    this.#resume(stream, reason, error)
  }

  /** Gives up the stream, notifies its watches if that is news for them, and schedules the next one. */
  #resume(
    stream: WatchStream,
    reason: WatchRestartReason,
    error: EtcdError | undefined,
    isNews = true,
  ): void {
    publishRestart(this.#ports.channel, stream.endpoint, reason)
    this.#next.left(stream, error)
    this.#kept.leave()
    this.#questions.clear()
    this.#followers.clear()
    stream.drop()
    const needsToken = error?.code === 'unauthenticated'
    if (error !== undefined && this.#next.isBelieved(error)) {
      this.#endAll(error)
      return
    }
    if (isNews) this.#disconnectAll(error)
    // A handler may have closed the service, or started a watch that opened a stream.
    if (this.#kept.state !== 'idle') return
    if (this.#ports.handOver()) return
    if (needsToken) this.#refreshToken()
    else this.#openLater()
  }

  #disconnectAll(error: EtcdError | undefined): void {
    for (const watcher of [...this.#ports.watchers()]) watcher.disconnect(error)
  }

  #openLater(): void {
    if ([...this.#ports.watchers()].some(isConnecting)) this.#kept.openLater(() => this.#open())
  }

  #refreshToken(): void {
    this.#kept.refreshToken((error) => {
      if (error !== undefined && isFinalError(error)) return this.#endAll(error)
      if (error !== undefined) this.#disconnectAll(error)
      if (this.#kept.state === 'idle') this.#openLater()
    })
  }

  #endAll(error: EtcdError): void {
    for (const watcher of [...this.#ports.watchers()]) if (watcher.state !== 'paused') watcher.end(error)
  }

  /** Handles the refusal of one watch. The other watches of the stream are not affected. */
  #onRefused(watcher: WatchState, refusal: Refusal, response: WatchResponse, stream: WatchStream): void {
    const error = refusalError(refusal, response, stream.endpoint)
    watcher.refusals += 1
    if (endsWatch(refusal, error, watcher.refusals)) watcher.end(error)
    else if (refusal === 'token') this.#renewToken(watcher, stream, error)
    else {
      if (refusal !== 'permission' || isNews(watcher)) watcher.disconnect(error)
      if (!isConnecting(watcher)) return
      if (refusal === 'permission') this.#questions.askPermission(watcher, stream)
      else this.#restAlone(watcher)
    }
    this.#closeUnused(stream)
  }

  /** A stream keeps the token it was opened with, so a new token requires a new stream. */
  #renewToken(watcher: WatchState, stream: WatchStream, error: EtcdError): void {
    if (!this.#kept.isCurrent(stream)) return
    if (stream.isUnused && this.#questions.size === 0) {
      this.#resume(stream, 'token', error, isNews(watcher))
      return
    }
    if (isNews(watcher)) watcher.disconnect(error)
    if (isConnecting(watcher)) this.#ports.onStaleToken(watcher)
  }

  #restAlone(watcher: WatchState, attempt = watcher.refusals - 1): void {
    this.#resting.rest(watcher, this.#ports.channel.backoffMs(attempt), () => {
      if (isConnecting(watcher)) this.attach(watcher)
    })
  }

  /** Adds the watches to the stream whose companions have all been verified. */
  #releaseFollowers(): void {
    const stream = this.#kept.current
    if (stream === undefined || this.#followers.size === 0) return
    for (const follower of this.#followers.release(this.#toVerify(stream)))
      if (isConnecting(follower)) this.attach(follower)
  }

  /** The watches whose store is verified before this stream serves them. */
  #toVerify(stream: WatchStream): Set<WatchState> {
    const found = new Set<WatchState>()
    for (const watcher of this.#ports.watchers())
      if (isConnecting(watcher) && !this.#resting.has(watcher) && watcher.isToVerify(stream))
        found.add(watcher)
    return found
  }
}
