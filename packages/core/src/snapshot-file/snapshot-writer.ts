import type { Clock } from '../source/source.ts'
import type { SnapshotDocument } from './snapshot-document.ts'
import type { SnapshotFile } from './snapshot-file.ts'

export interface SnapshotWriterOptions {
  readonly file: SnapshotFile
  readonly clock: Clock
  /** At most one write in this time, however often the state changes. */
  readonly intervalMs: number
  /** The last good state; asked when it is time to write, not at every change. */
  capture(): SnapshotDocument
  onError(error: unknown): void
}

/** Writes the state some time after it changed: one write at a time, and never one for each change of a burst. */
export class SnapshotWriter {
  readonly #options: SnapshotWriterOptions
  #timer: unknown = undefined
  #isDirty = false
  #writing: Promise<void> | undefined = undefined

  constructor(options: SnapshotWriterOptions) {
    this.#options = options
  }

  /** The state is another one than on disk. */
  touch(): void {
    this.#isDirty = true
    if (this.#writing === undefined) this.#schedule()
  }

  /** Writes what is not on disk yet; no timer is left. A failed write is reported, and does not reject. */
  async flush(): Promise<void> {
    await this.#writing
    this.#unschedule()
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
    try {
      await this.#options.file.write(this.#options.capture())
    } catch (error) {
      // tried again with the next change, or when the configuration is closed
      this.#isDirty = true
      this.#options.onError(error)
      return
    }
    if (this.#isDirty) this.#schedule()
  }

  #schedule(): void {
    this.#timer ??= this.#options.clock.setTimeout(() => {
      this.#timer = undefined
      void this.#write()
    }, this.#options.intervalMs)
  }

  #unschedule(): void {
    this.#options.clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
