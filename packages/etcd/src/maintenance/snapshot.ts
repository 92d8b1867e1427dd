import { createHash } from 'node:crypto'
import { CallDeadline } from '../call-deadline.ts'
import { MILLISECONDS, type OptionChecks, SIGNAL, SOME_TEXT, whole } from '../check-argument.ts'
import type { Clock } from '../clock.ts'
import { EtcdError, isFinalError } from '../errors.ts'
import { following } from '../kv/abortable.ts'
import { mayHeal } from '../transport/fetch-token.ts'
import { isTokenError } from '../transport/status.ts'
import type { Channel } from '../transport/transport.ts'
import type { SnapshotResponse } from '../wire/maintenance.ts'
import { type WaitLimits, waitWithin } from '../wait-within.ts'
import { Maintenance } from '../wire/rpc.ts'

/** Options of a snapshot. */
export interface SnapshotOptions {
  /** The member to read from. Default: any. */
  readonly endpoint?: string
  readonly signal?: AbortSignal
  /** Milliseconds for the whole snapshot. Default: unlimited. */
  readonly timeoutMs?: number
  /** Milliseconds without a piece until the snapshot fails with `connection_lost`. Default 30,000. */
  readonly idleTimeoutMs?: number
  /** Bytes of unread pieces that `snapshot()` holds. Default 256 MiB. */
  readonly maxQueuedBytes?: number
}

/** The checks of `SnapshotOptions`. */
export const SNAPSHOT_CHECKS: OptionChecks<SnapshotOptions> = {
  endpoint: SOME_TEXT,
  signal: SIGNAL,
  timeoutMs: MILLISECONDS,
  idleTimeoutMs: MILLISECONDS,
  maxQueuedBytes: whole(1),
}

/** Receives the pieces, synchronously and in order. If it throws, the snapshot ends with that error. */
export type TakePiece = (piece: Buffer) => void

const CALL = 'Maintenance/Snapshot'
const SUM_BYTES = 32
const IDLE_MS = 30_000

/**
 * Receives a snapshot and resolves with its length once all of it was passed on and verified. Abandoning the
 * promise does not stop it: throwing from `take` or aborting the signal does. A token that is refused before
 * the first piece is replaced; one that is outdated by then again and again, within the time limit.
 */
export async function receiveSnapshot(
  channel: Channel,
  clock: Clock,
  take: TakePiece,
  options: SnapshotOptions,
): Promise<number> {
  const { timeoutMs, idleTimeoutMs = IDLE_MS, signal } = options
  const deadline = timeoutMs === undefined ? undefined : new CallDeadline(clock, CALL, timeoutMs)
  const receive = (): Promise<number> =>
    deadline === undefined
      ? receiveOnce(channel, clock, take, options)
      : deadline.run((leftMs) => receiveOnce(channel, clock, take, { ...options, timeoutMs: leftMs }))
  const limits = { clock, timeoutMs: idleTimeoutMs, signals: [signal] }
  const first = deadline ?? new CallDeadline(clock, CALL, idleTimeoutMs)
  for (let refusals = 0; ; refusals += 1) {
    try {
      return await receive()
    } catch (error) {
      // The server refuses a token before it sends any piece.
      if (!(error instanceof EtcdError && isTokenError(error))) throw error
      if (refusals > 0 && (isFinalError(error) || first.leftMs <= 0)) throw error
      if (refusals > 0) await waitWithin(undefined, { ...limits, timeoutMs: channel.backoffMs(refusals) })
      await replaceToken(channel, deadline, limits)
    }
  }
}

/** Fetches a new token; retries within the time limit if there is one, otherwise only once. */
async function replaceToken(
  channel: Channel,
  deadline: CallDeadline | undefined,
  limits: WaitLimits & { readonly timeoutMs: number },
): Promise<void> {
  const within = (ms: number): WaitLimits => ({ ...limits, timeoutMs: Math.min(ms, deadline?.leftMs ?? ms) })
  for (let round = 0; ; round += 1) {
    try {
      return await waitWithin(channel.refreshToken(), within(limits.timeoutMs))
    } catch (error) {
      if (deadline === undefined || !mayHeal(error, channel.endpoints().length)) throw error
      await waitWithin(undefined, within(channel.backoffMs(round)))
    }
  }
}

function receiveOnce(
  channel: Channel,
  clock: Clock,
  take: TakePiece,
  { endpoint, signal, timeoutMs, idleTimeoutMs = IDLE_MS }: SnapshotOptions,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const check = new SnapshotCheck()
    let timer: unknown
    let failure: unknown
    const fail = (error: unknown) => {
      failure ??= error
      stream.cancel()
    }
    const late = () =>
      fail(new EtcdError('connection_lost', { call: CALL, endpoint: stream.endpoint, what: LATE_WORDS }))
    const wait = () => {
      clock.clearTimeout(timer)
      timer = clock.setTimeout(late, idleTimeoutMs)
    }
    const stream = channel.stream(
      Maintenance.snapshot,
      {
        onMessage(response) {
          if (failure !== undefined) return
          wait()
          try {
            check.push(response)
            take(response.blob)
          } catch (error) {
            fail(error)
          }
        },
        onEnd(error) {
          clock.clearTimeout(timer)
          const wrong = failure ?? error ?? check.finish(stream.endpoint)
          if (wrong === undefined) resolve(check.bytes)
          else reject(wrong)
        },
      },
      {
        // A member without a leader can still be backed up.
        requireLeader: false,
        ...(endpoint === undefined ? {} : { endpoint }),
        ...(signal === undefined ? {} : { signal }),
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      },
    )
    wait()
    stream.send({})
    stream.end()
  })
}

const LATE_WORDS = 'no piece of the snapshot arrived in time'

/** Verifies the pieces by the lengths the server reports and by the hash in the last 32 bytes. */
class SnapshotCheck {
  bytes = 0
  readonly #hash = createHash('sha256')
  /** The last bytes so far, which may be the hash. */
  #tail = Buffer.alloc(0)
  #expected: number | undefined

  push({ blob, remainingBytes }: SnapshotResponse): void {
    this.bytes += blob.length
    // The server's count excludes the hash.
    if (remainingBytes > 0) this.#expected ??= this.bytes + remainingBytes + SUM_BYTES
    const joined = Buffer.concat([this.#tail, blob])
    const cut = Math.max(0, joined.length - SUM_BYTES)
    this.#hash.update(joined.subarray(0, cut))
    this.#tail = Buffer.from(joined.subarray(cut))
  }

  /** The error if the complete snapshot is invalid. */
  finish(endpoint: string): EtcdError | undefined {
    const what =
      this.#expected !== undefined && this.bytes !== this.#expected
        ? `the snapshot has ${this.bytes} bytes instead of ${this.#expected}`
        : !this.#hash.digest().equals(this.#tail)
          ? 'the snapshot does not match its SHA-256'
          : undefined
    return what === undefined ? undefined : new EtcdError('malformed_message', { call: CALL, endpoint, what })
  }
}

/** The pieces of a snapshot, for `for await`. */
export interface SnapshotReader extends AsyncIterableIterator<Buffer, undefined>, AsyncDisposable {
  /** Ends the snapshot. */
  return(): Promise<IteratorReturnResult<undefined>>
}

/** A snapshot for `for await`, requested when the first piece is. Leaving the loop cancels it. */
export function readSnapshot(channel: Channel, clock: Clock, options: SnapshotOptions): SnapshotReader {
  const { maxQueuedBytes = 256 * 1024 * 1024 } = options
  const queue: Buffer[] = []
  let queuedBytes = 0
  let isRunning = false
  let ending: { readonly error: unknown } | undefined
  let abort: () => void = () => undefined
  let wake: () => void = () => undefined
  /** Concurrent `next()` calls are answered one after the other. */
  let turn: Promise<unknown> = Promise.resolve()

  const take = (piece: Buffer) => {
    queue.push(piece)
    queuedBytes += piece.length
    if (queuedBytes > maxQueuedBytes) {
      throw new EtcdError('slow_consumer', {
        call: CALL,
        what: `the reader left ${queuedBytes} bytes of the snapshot unread`,
        remedy: 'Read faster, raise maxQueuedBytes, or use saveSnapshot(), which keeps up with the server.',
      })
    }
    wake()
  }
  const start = () => {
    isRunning = true
    const { stop, release } = following(options.signal)
    abort = () => stop.abort()
    const end = (error: unknown) => {
      release()
      ending ??= { error }
      wake()
    }
    receiveSnapshot(channel, clock, take, { ...options, signal: stop.signal }).then(() => end(undefined), end)
  }
  const nextPiece = async (): Promise<IteratorResult<Buffer, undefined>> => {
    if (!isRunning) start()
    for (;;) {
      // After an overflow the remaining queue is useless, too.
      const piece = ending?.error === undefined ? queue.shift() : undefined
      if (piece !== undefined) {
        queuedBytes -= piece.length
        return { done: false, value: piece }
      }
      if (ending !== undefined) {
        const { error } = ending
        ending = { error: undefined }
        queue.length = 0
        if (error !== undefined) throw error
        return { done: true, value: undefined }
      }
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }

  return {
    next() {
      const next = turn.then(nextPiece)
      turn = next.catch(() => undefined)
      return next
    },
    async return() {
      isRunning = true
      ending ??= { error: undefined }
      queue.length = 0
      wake()
      abort()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return this
    },
    async [Symbol.asyncDispose]() {
      await this.return()
    },
  }
}
