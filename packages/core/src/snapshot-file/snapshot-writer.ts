import type { LivetreeError } from '../errors.ts'
import type { Clock } from '../source/source.ts'
import type { SnapshotDocument } from './snapshot-document.ts'
import type { SnapshotFile } from './snapshot-file.ts'

/** A failed write is tried again after this time, doubled with each failure in a row. In milliseconds. */
const FIRST_RETRY_MS = 1_000
/** The longest time between two attempts, in milliseconds. */
const LONGEST_RETRY_MS = 60_000

/** Options of `SnapshotWriter`. */
export interface SnapshotWriterOptions {
  readonly file: SnapshotFile
  readonly clock: Clock
  /** At most one write in this time, however often the state changes. */
  readonly intervalMs: number
  /** Returns the last good state; called when it is time to write, not at every change. */
  capture(): SnapshotDocument
  /** Called for the first of several failures in a row with the same message, and for one at `close`. */
  onError(error: LivetreeError): void
}

/** Writes the state some time after it changed: one write at a time, and never one for each change of a burst. */
export class SnapshotWriter {
  readonly #options: SnapshotWriterOptions
  #timer: unknown = undefined
  #isDirty = false
  #isClosed = false
  #failureCount = 0
  #lastError: LivetreeError | undefined = undefined
  #writing: Promise<void> | undefined = undefined

  constructor(options: SnapshotWriterOptions) {
    this.#options = options
  }

  /** Why the newest state is not on disk; undefined if the last write succeeded. */
  get lastError(): LivetreeError | undefined {
    return this.#lastError
  }

  /** Schedules a write, because the state differs from the one on disk. */
  touch(): void {
    this.#isDirty = true
    if (this.#writing !== undefined) return
    // A change does not wait for the next attempt of a failed write.
    if (this.#failureCount > 0) this.#unschedule()
    this.#schedule(this.#options.intervalMs)
  }

  /** Writes what is not on disk yet, and nothing afterwards. Leaves no timer. A failed write is reported, and does not reject. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#unschedule()
    await this.#writing
    if (this.#isDirty) await this.#write()
  }

  #write(): Promise<void> {
    this.#isDirty = false
    this.#writing = this.#attempt().finally(() => {
      this.#writing = undefined
    })
    return this.#writing
  }

  async #attempt(): Promise<void> {
    const { file, capture, onError, intervalMs } = this.#options
    try {
      await file.write(capture())
    } catch (thrown) {
      const error = thrown as LivetreeError
      const isNews = error.message !== this.#lastError?.message
      this.#isDirty = true
      this.#lastError = error
      if (isNews || this.#isClosed) onError(error)
      this.#schedule(
        Math.max(intervalMs, Math.min(FIRST_RETRY_MS * 2 ** this.#failureCount++, LONGEST_RETRY_MS)),
      )
      return
    }
    this.#failureCount = 0
    this.#lastError = undefined
    if (this.#isDirty) this.#schedule(intervalMs)
  }

  #schedule(ms: number): void {
    if (this.#isClosed) return
    this.#timer ??= this.#options.clock.setTimeout(() => {
      this.#timer = undefined
      void this.#write()
    }, ms)
  }

  #unschedule(): void {
    this.#options.clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
