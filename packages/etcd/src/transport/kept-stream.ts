import { asEtcdError } from '../as-etcd-error.ts'
import { type Clock, keepRunning } from '../clock.ts'
import type { EtcdError } from '../errors.ts'
import type { Channel } from './transport.ts'

type State<Stream> =
  | { readonly type: 'idle' }
  | { readonly type: 'open'; readonly stream: Stream }
  | { readonly type: 'waiting'; readonly timer: unknown }
  | { readonly type: 'refreshing' }
  | { readonly type: 'closed' }

/**
 * The state of a stream that is kept open as long as it is needed, with a growing delay between attempts. The
 * owner opens and closes the streams and decides what the end of one means.
 */
export class KeptStream<Stream> {
  readonly #channel: Channel
  readonly #clock: Clock
  #state: State<Stream> = { type: 'idle' }
  /** Attempts since a stream was last useful. */
  #attempt = 0

  constructor({ channel, clock }: { readonly channel: Channel; readonly clock: Clock }) {
    this.#channel = channel
    this.#clock = clock
  }

  get state(): State<Stream>['type'] {
    return this.#state.type
  }

  /** The open stream. */
  get current(): Stream | undefined {
    return this.#state.type === 'open' ? this.#state.stream : undefined
  }

  isCurrent(stream: Stream): boolean {
    return this.current === stream
  }

  /** The owner opens this stream. */
  opens(stream: Stream): void {
    this.#state = { type: 'open', stream }
  }

  /** The stream delivered something: the next delay is the shortest again. */
  useful(): void {
    this.#attempt = 0
  }

  /** Leaves the stream, a delay or the wait for a token. Returns the stream, for the owner to close it. */
  leave(): Stream | undefined {
    return this.#enter('idle')
  }

  /** Leaves the stream for good. */
  close(): Stream | undefined {
    return this.#enter('closed')
  }

  /** Calls `open` after the delay of this attempt, at most `mostMs` milliseconds. */
  openLater(open: () => void, mostMs = Number.POSITIVE_INFINITY): void {
    const delayMs = Math.min(mostMs, this.#channel.backoffMs(this.#attempt))
    this.#attempt += 1
    const onDelay = () => {
      this.#state = { type: 'idle' }
      open()
    }
    this.#state = { type: 'waiting', timer: keepRunning(this.#clock.setTimeout(onDelay, delayMs)) }
  }

  /** Fetches a new token, then calls `onEnd`, unless the owner has left meanwhile. */
  refreshToken(onEnd: (error: EtcdError | undefined) => void): void {
    const refreshing: State<Stream> = { type: 'refreshing' }
    this.#state = refreshing
    const end = (error: EtcdError | undefined) => {
      if (this.#state !== refreshing) return
      this.#state = { type: 'idle' }
      onEnd(error)
    }
    this.#channel.refreshToken().then(
      () => end(undefined),
      (cause: unknown) => end(asEtcdError(cause, 'Auth/Authenticate')),
    )
  }

  #enter(type: 'idle' | 'closed'): Stream | undefined {
    const state = this.#state
    if (state.type === 'closed') return undefined
    this.#state = { type }
    if (state.type === 'waiting') this.#clock.clearTimeout(state.timer)
    return state.type === 'open' ? state.stream : undefined
  }
}
