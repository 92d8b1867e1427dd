import { type Clock, monotonicNow } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import { askAsUser, askMember, isAuthRefusal } from './ask-member.ts'
import type { Connection } from './connection.ts'
import { PATIENCE_MS } from './endpoint.ts'
import type { TokenKeeper } from './token-keeper.ts'

/**
 * After this time, in milliseconds, without an answer to a call that carries a token, the token is put to the proof;
 * again after twice the time if the proof has shown nothing.
 */
const SILENT_TOKEN_MS = 1_000

/** Limits of the pause before a token is replaced again because the same connection leaves it unanswered. */
const LEAST_PAUSE_MS = 1_000
const MOST_PAUSE_MS = 60_000

/** When the token of the calls over one connection may be replaced again, in monotonic time. */
interface Pause {
  readonly until: number
  readonly ms: number
}

/**
 * Recognizes a token that a member does not refuse but waits for. A simple token names the log entry under which it
 * was issued, and etcd lets a call wait until it has applied that entry: after a restore or a wipe for ever.
 */
export class SilentToken {
  readonly #clock: Clock
  readonly #tokens: TokenKeeper
  readonly #proofs = new WeakMap<Connection, Promise<boolean>>()
  readonly #pauses = new WeakMap<Connection, Pause>()
  /** When a proof last showed that the member answers, in monotonic time. */
  readonly #answeredAt = new WeakMap<Connection, number>()

  constructor(clock: Clock, tokens: TokenKeeper) {
    this.#clock = clock
    this.#tokens = tokens
  }

  /**
   * Watches a call with this time limit that is sent with this token. Calls `onReplaced` once if the member leaves the token unanswered
   * and a new one was fetched. Returns a function that ends the watch.
   */
  watch(
    connection: Connection,
    token: string,
    onReplaced: () => void,
    timeoutMs = Number.POSITIVE_INFINITY,
  ): () => void {
    let isEnded = false
    let delayMs = Math.max(PATIENCE_MS, Math.min(SILENT_TOKEN_MS, timeoutMs / 4))
    let timer: unknown
    const look = (): void => {
      timer = this.#clock.setTimeout(() => {
        delayMs *= 2
        void this.isReplaced(connection, token).then((isReplaced) => {
          if (isEnded) return
          if (isReplaced) onReplaced()
          else look()
        })
      }, delayMs)
    }
    look()
    return () => {
      isEnded = true
      this.#clock.clearTimeout(timer)
    }
  }

  /**
   * Asks the member behind the connection without the token and with it; concurrent callers share one proof. If only
   * the first question is answered, a new token is fetched. Resolves to true if that was so; never rejects.
   */
  isReplaced(connection: Connection, token: string): Promise<boolean> {
    const known = this.#proofs.get(connection)
    if (known !== undefined) return known
    const answeredAt = this.#answeredAt.get(connection) ?? Number.NEGATIVE_INFINITY
    if (monotonicNow(this.#clock) - answeredAt < LEAST_PAUSE_MS) return Promise.resolve(false)
    const proof = this.#prove(connection, token)
      .catch(() => false)
      .finally(() => this.#proofs.delete(connection))
    this.#proofs.set(connection, proof)
    return proof
  }

  async #prove(connection: Connection, token: string): Promise<boolean> {
    if (!connection.isReady) return false
    if (!(await this.#isUnansweredOver(connection, token))) {
      this.#pauses.delete(connection)
      this.#answeredAt.set(connection, monotonicNow(this.#clock))
      return false
    }
    // A member that does not answer the new token either lags behind the others, and no token helps.
    const pause = this.#pauses.get(connection)
    const now = monotonicNow(this.#clock)
    if (pause !== undefined && now < pause.until) return false
    const ms = pause === undefined ? LEAST_PAUSE_MS : Math.min(pause.ms * 2, MOST_PAUSE_MS)
    this.#pauses.set(connection, { until: now + ms, ms })
    // Waiting calls may have all its streams, so that the token is fetched over a new one.
    if (connection.isFull) connection.retire()
    await this.#tokens.refresh(token)
    return this.#tokens.token !== token
  }

  /** Asks over a connection of its own if all streams of this one are taken, maybe by calls with the token. */
  async #isUnansweredOver(connection: Connection, token: string): Promise<boolean> {
    if (!connection.isFull) return this.#isUnanswered(connection, token)
    const beside = connection.beside()
    try {
      await beside.open()
      return await this.#isUnanswered(beside, token)
    } finally {
      void beside.destroy()
    }
  }

  /** True if the member answers without the token, but not with it. */
  async #isUnanswered(connection: Connection, token: string): Promise<boolean> {
    const since = monotonicNow(this.#clock)
    await askMember(connection, this.#clock).catch((error: unknown) => {
      if (!isAuthRefusal(error)) throw error
    })
    let isAnswered = false
    const asUser = askAsUser(connection, this.#clock, token).then(
      () => (isAnswered = true),
      (error: unknown) => (isAnswered = !isUnanswered(error)),
    )
    // The answer with the token gets more time than the one without.
    await Promise.race([asUser, wait(this.#clock, PATIENCE_MS + 2 * (monotonicNow(this.#clock) - since))])
    return !isAnswered
  }
}

/** The error for a call whose token the member leaves unanswered. */
export function silentTokenError(): EtcdError {
  const what =
    "the member answers, but not calls with this client's token, as after a restore; a new token was fetched"
  return new EtcdError('unavailable', { what, fate: 'unknown' })
}

/** True if no answer came in time, as opposed to a refusal or a lost connection. */
function isUnanswered(error: unknown): boolean {
  return (
    error instanceof EtcdError &&
    error.code === 'unavailable' &&
    error.fate === 'unknown' &&
    error.grpcStatus === undefined
  )
}

function wait(clock: Clock, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  clock.setTimeout(resolve, ms)
  return promise
}
