import { createHash } from 'node:crypto'
import { CallDeadline } from '../call-deadline.ts'
import { MILLISECONDS, type OptionChecks, SIGNAL, SOME_TEXT, whole } from '../check-argument.ts'
import type { Clock } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import { following } from '../kv/abortable.ts'
import { mayHeal } from '../transport/fetch-token.ts'
import { isTokenError } from '../transport/status.ts'
import type { Channel } from '../transport/transport.ts'
import type { SnapshotResponse } from '../wire/maintenance.ts'
import { type WaitLimits, waitWithin } from '../wait-within.ts'
import { Maintenance } from '../wire/rpc.ts'

/** How to take a snapshot. */
export interface SnapshotOptions {
  /** The member to take it from. Default: any. */
  readonly endpoint?: string
  readonly signal?: AbortSignal
  /** Milliseconds for the whole snapshot. Default: as long as it takes. */
  readonly timeoutMs?: number
  /** Milliseconds without a piece until it fails with `connection_lost`. Default 30,000. */
  readonly idleTimeoutMs?: number
  /** Bytes kept for the reader of `snapshot()`. Default 256 MiB. */
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

/** What takes the pieces; called synchronously, in order. What it throws ends the snapshot with that. */
export type TakePiece = (piece: Buffer) => void

const CALL = 'Maintenance/Snapshot'
const SUM_BYTES = 32
const IDLE_MS = 30_000

/**
 * Receives a snapshot. Resolves with its length when all of it was handed over and is as the server read it from disk.
 * The promise alone does not tell `take` to stop: what it throws does, and the signal. A token that is refused before the
 * first piece is replaced once.
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
  try {
    return await receive()
  } catch (error) {
    // The server says so before it sends anything.
    if (!(error instanceof EtcdError && isTokenError(error))) throw error
    await replaceToken(channel, deadline, { clock, timeoutMs: idleTimeoutMs, signals: [signal] })
    return receive()
  }
}

/** Fetches a new token, anew as long as a time limit allows; without one, whoever asked for the snapshot decides. */
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
        // A member cut off from the others can still be backed up.
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

const LATE_WORDS = 'no piece of the snapshot came in time'

/** Holds the pieces against the lengths the server tells and against the sum in the last 32 bytes. */
class SnapshotCheck {
  bytes = 0
  readonly #hash = createHash('sha256')
  /** The last bytes so far: they may turn out to be the sum. */
  #tail = Buffer.alloc(0)
  #expected: number | undefined

  push({ blob, remainingBytes }: SnapshotResponse): void {
    this.bytes += blob.length
    // The sum itself is not counted by the server.
    if (remainingBytes > 0) this.#expected ??= this.bytes + remainingBytes + SUM_BYTES
    const joined = Buffer.concat([this.#tail, blob])
    const cut = Math.max(0, joined.length - SUM_BYTES)
    this.#hash.update(joined.subarray(0, cut))
    this.#tail = Buffer.from(joined.subarray(cut))
  }

  /** What is wrong with the whole, if anything. */
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

/** The pieces of a snapshot, for one `for await`. */
export interface SnapshotReader extends AsyncIterableIterator<Buffer, undefined>, AsyncDisposable {
  /** Ends the snapshot. */
  return(): Promise<IteratorReturnResult<undefined>>
}

/** A snapshot to be read by `for await`. Nothing is asked for before the first piece is. Leaving the loop ends it. */
export function readSnapshot(channel: Channel, clock: Clock, options: SnapshotOptions): SnapshotReader {
  const { maxQueuedBytes = 256 * 1024 * 1024 } = options
  const queue: Buffer[] = []
  let queuedBytes = 0
  let isRunning = false
  let ending: { readonly error: unknown } | undefined
  let abort: () => void = () => undefined
  let wake: () => void = () => undefined
  /** Readers who ask at once are answered one after the other. */
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
      // A full queue makes what is in it worthless as well.
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
