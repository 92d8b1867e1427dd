import type { Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Clock } from './source.ts'

/** A read that takes longer goes on, and is waited for no more; in milliseconds. */
export const SLOW_MS = 2_000

/** What a read has found at the path. */
export interface FoundKind {
  /** Names the file itself, wherever it is moved. */
  readonly id: string
  readonly isPipe: boolean
}

/** One read of what is at a path. */
export interface ReadAttempt {
  /** Fires when another file has taken the place of the one that is read, and when nobody wants it any more. */
  readonly signal: AbortSignal
  /** Set by the read once it knows. */
  found: FoundKind | undefined
}

interface PendingRead<R> extends ReadAttempt {
  readonly result: Promise<R>
  readonly controller: AbortController
  isEnded: boolean
  isSlow: boolean
}

/** How `BoundedRead` reads, and whom it notifies. */
export interface BoundedReadOptions<R> {
  readonly path: string
  readonly clock: Clock
  read(attempt: ReadAttempt): Promise<R>
  /** Called when a read has ended that was not waited for. */
  onLateEnd(): void
}

/**
 * Reads that are waited for a limited time each, one at a time: a writer may keep a pipe open, and a file system may never
 * answer. A read that takes longer goes on. It is given up when another file stands at the path.
 */
export class BoundedRead<R> {
  readonly #options: BoundedReadOptions<R>
  readonly #closing = new AbortController()
  #pending: PendingRead<R> | undefined = undefined
  /** The way to the file may have changed since the pending read began. */
  #mayHaveMoved = false
  /** A read that was given up and holds a thread of the process: there are four. */
  #hasStranded = false
  #checking: Promise<string | undefined> | undefined = undefined

  constructor(options: BoundedReadOptions<R>) {
    this.#options = options
  }

  /** Whether the read that goes on is that of a pipe. */
  get isPipe(): boolean {
    return this.#pending?.found?.isPipe === true
  }

  /** What the read under way gives, or a new one; undefined where it has not ended in time. Rejects as the read does. */
  async next(): Promise<R | undefined> {
    if (this.#pending !== undefined && (await this.#isReplaced(this.#pending))) this.#giveUp(this.#pending)
    const pending = this.#pending ?? this.#start()
    this.#pending = pending
    await this.#inTime(pending.result)
    if (!pending.isEnded) {
      pending.isSlow = true
      return undefined
    }
    this.#pending = undefined
    return pending.result
  }

  /** Something on the way to the file has changed. */
  noteMove(): void {
    this.#mayHaveMoved = true
  }

  /** Gives up the read under way, and waits for the end of it where it is a pipe's, which ends at once. */
  async close(): Promise<void> {
    const pending = this.#pending
    this.#closing.abort()
    pending?.controller.abort()
    if (pending?.found?.isPipe === true) await pending.result.catch(() => undefined)
  }

  #start(): PendingRead<R> {
    const controller = new AbortController()
    if (this.#closing.signal.aborted) controller.abort()
    const attempt: ReadAttempt = { signal: controller.signal, found: undefined }
    this.#mayHaveMoved = false
    const result = this.#options.read(attempt)
    const pending: PendingRead<R> = Object.assign(attempt, {
      result,
      controller,
      isEnded: false,
      isSlow: false,
    })
    const end = () => {
      pending.isEnded = true
      if (pending.isSlow && this.#pending === pending) this.#options.onLateEnd()
    }
    result.then(end, end)
    return pending
  }

  #giveUp(pending: PendingRead<R>): void {
    this.#pending = undefined
    pending.controller.abort()
    if (pending.found?.isPipe === true) return
    this.#hasStranded = true
    const end = () => {
      this.#hasStranded = false
    }
    pending.result.then(end, end)
  }

  /** Looks only where this holds no more threads than the read does, or where something has changed. */
  async #isReplaced({ found, isEnded }: PendingRead<R>): Promise<boolean> {
    if (isEnded) return false
    const mayLook = found?.isPipe === true || (this.#mayHaveMoved && !this.#hasStranded)
    if (!mayLook) return false
    this.#checking ??= idAt(this.#options.path).finally(() => {
      this.#checking = undefined
    })
    const id = await this.#inTime(this.#checking)
    return id !== undefined && id !== found?.id
  }

  /** What a promise gives, or undefined when it takes too long, rejects, or this is closed. */
  #inTime<V>(promise: Promise<V>): Promise<V | undefined> {
    const { clock } = this.#options
    const { signal } = this.#closing
    return new Promise((resolve) => {
      const settle = (value?: V) => {
        clock.clearTimeout(timer)
        signal.removeEventListener('abort', stop)
        resolve(value)
      }
      const stop = () => settle()
      const timer = clock.setTimeout(stop, SLOW_MS)
      signal.addEventListener('abort', stop)
      if (signal.aborted) stop()
      promise.then(settle, stop)
    })
  }
}

/** What names a file itself: also its birth, because numbers of deleted files are given again. */
export function fileId({ dev, ino, birthtimeMs }: Pick<Stats, 'dev' | 'ino' | 'birthtimeMs'>): string {
  return `${dev} ${ino} ${birthtimeMs}`
}

function idAt(path: string): Promise<string | undefined> {
  return stat(path).then(fileId, () => undefined)
}
