import { type Clock, monotonicNow } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import { ASK_MS, askAsReader, askAsUser, askMember, isAuthRefusal } from './ask-member.ts'
import type { Connection } from './connection.ts'
import { PATIENCE_MS } from './patience.ts'
import { isTokenError } from './status.ts'
import type { TokenKeeper } from './token-keeper.ts'

/**
 * After this time, in milliseconds, without an answer to a call that carries a token, the token is put to the proof;
 * again after twice the time if the proof has shown nothing.
 */
const SILENT_TOKEN_MS = 1_000

/** Limits of the pause before a token is replaced again because the same connection leaves it unanswered. */
const LEAST_PAUSE_MS = 1_000
const MOST_PAUSE_MS = 60_000

/** Time limit of the questions with the old token, in milliseconds: they get more time than any with the new one. */
const OLD_MS = 2 * ASK_MS + PATIENCE_MS

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
   * the first question is answered, a new token is fetched. Resolves to true if the member answers the new one, and
   * the old one still not; never rejects.
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
    return overFree(connection, (free) => this.#proveOver(free, connection, token))
  }

  /** `free` leads to the same member as `connection` and has room for the questions. */
  async #proveOver(free: Connection, connection: Connection, token: string): Promise<boolean> {
    if (!(await this.#isUnanswered(free, token))) {
      this.#pauses.delete(connection)
      this.#answeredAt.set(connection, monotonicNow(this.#clock))
      return false
    }
    if (this.#tokens.token === token) await this.#replace(connection, token)
    const fresh = this.#tokens.token
    if (fresh === undefined || fresh === token) return false
    return this.#isOnlyFreshAnswered(free, token, fresh)
  }

  /** A member that does not answer the new token either lags behind or is slow, and no token helps for a while. */
  async #replace(connection: Connection, token: string): Promise<void> {
    const pause = this.#pauses.get(connection)
    const now = monotonicNow(this.#clock)
    if (pause !== undefined && now < pause.until) return
    const ms = pause === undefined ? LEAST_PAUSE_MS : Math.min(pause.ms * 2, MOST_PAUSE_MS)
    this.#pauses.set(connection, { until: now + ms, ms })
    // Waiting calls may have all its streams, so that the token is fetched over a new one.
    if (connection.isFull) connection.retire()
    await this.#tokens.refresh(token)
  }

  /**
   * True if the member answers without the token, but nothing with it. That may also mean that it is slow with what
   * requires a token, or that a gateway drops transactions.
   */
  async #isUnanswered(connection: Connection, token: string): Promise<boolean> {
    const since = monotonicNow(this.#clock)
    await askMember(connection, this.#clock).catch((error: unknown) => {
      if (!isAuthRefusal(error)) throw error
    })
    // The answer with the token gets more time than the one without.
    const limitMs = PATIENCE_MS + 2 * (monotonicNow(this.#clock) - since)
    for (const ask of QUESTIONS) {
      const asked = isAnswered(ask(connection, this.#clock, token))
      if (await this.#within(limitMs, asked)) return false
    }
    return true
  }

  /**
   * Asks the same with both tokens, with the old one first. True if the new one is answered, and the old one still is
   * not after twice the time: only then is it the token that the member waits for.
   */
  async #isOnlyFreshAnswered(connection: Connection, token: string, fresh: string): Promise<boolean> {
    const since = monotonicNow(this.#clock)
    const isOld = isAny(QUESTIONS.map((ask) => isAnswered(ask(connection, this.#clock, token, OLD_MS))))
    const isFresh = await overFree(connection, (free) =>
      isAny(QUESTIONS.map((ask) => isAccepted(ask(free, this.#clock, fresh)))),
    )
    if (!isFresh) return false
    const tookMs = monotonicNow(this.#clock) - since
    return !(await this.#within(PATIENCE_MS + tookMs, isOld))
  }

  /** What the promise resolves to within this time, in milliseconds; otherwise false. */
  #within(ms: number, promise: Promise<boolean>): Promise<boolean> {
    const { promise: late, resolve } = Promise.withResolvers<boolean>()
    const timer = this.#clock.setTimeout(() => resolve(false), ms)
    return Promise.race([promise, late]).finally(() => this.#clock.clearTimeout(timer))
  }
}

/** Asks over a connection of its own if all streams of this one are taken, maybe by calls with the old token. */
async function overFree<T>(connection: Connection, ask: (free: Connection) => Promise<T>): Promise<T> {
  if (!connection.isFull) return ask(connection)
  const beside = connection.beside()
  try {
    await beside.open()
    return await ask(beside)
  } finally {
    void beside.destroy()
  }
}

/** Questions with a token. A gateway may drop the first one. */
const QUESTIONS = [askAsUser, askAsReader]

/** True if the member answered, or refused the question. */
function isAnswered(asked: Promise<unknown>): Promise<boolean> {
  return asked.then(
    () => true,
    (error: unknown) => !isUnanswered(error),
  )
}

/** True if the member answered, and accepts the token. */
function isAccepted(asked: Promise<unknown>): Promise<boolean> {
  return asked.then(
    () => true,
    (error: unknown) => error instanceof EtcdError && error.grpcStatus !== undefined && !isTokenError(error),
  )
}

/** Resolves to true with the first that does, and to false if none does. */
function isAny(promises: readonly Promise<boolean>[]): Promise<boolean> {
  const each = promises.map((promise) => promise.then((is) => is || Promise.reject(new Error('not so'))))
  return Promise.any(each).catch(() => false)
}

/** The error for a call whose token the member leaves unanswered. */
export function silentTokenError(): EtcdError {
  const what =
    'the member answers calls with a new token, but not with the one of this call, as after a restore'
  return new EtcdError('unavailable', { what, fate: 'unknown' })
}

/** True if no answer came in time, as opposed to a refusal or a lost connection. */
function isUnanswered(error: unknown): boolean {
  return error instanceof EtcdError && error.code === 'unavailable' && error.grpcStatus === undefined
}
