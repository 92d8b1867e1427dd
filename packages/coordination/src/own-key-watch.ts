import type { EtcdError, KnownEntry, RangeResult, WatchEvent, Watcher } from '@livetree/etcd'
import { pause, pauseMs, sendAgain } from './send-again.ts'
import type { SessionPorts } from './session-ports.ts'

/** A key that is deleted by its owner within this time, in milliseconds, is not watched at all: most locks are held for less. */
const WATCH_AFTER_MS = 20

/** What an `OwnKeyWatch` is for, and whom it notifies. */
export interface OwnKeyWatchPlan {
  /** The create revision of the key. */
  readonly token: number
  /** Nothing is reported any more once it has aborted. */
  readonly signal: AbortSignal
  /** The key was deleted, or created again. */
  onGone(): void
  /** The key was written without the lease of its session, at this revision. */
  onDetached(modRevision: number): void
}

/** Watches one key of a session for as long as its owner relies on it, also when the watch is refused for a time. */
export class OwnKeyWatch {
  readonly #session: SessionPorts
  readonly #key: string
  readonly #plan: OwnKeyWatchPlan
  #watcher: Watcher | undefined
  #begun: NodeJS.Timeout | undefined
  #isChecking = false

  constructor(session: SessionPorts, key: string, plan: OwnKeyWatchPlan) {
    this.#session = session
    this.#key = key
    this.#plan = plan
  }

  /** Watches in a moment, from the revision after this header. `entry`: the key as it was then. */
  begin(header: RangeResult['header'], entry: KnownEntry): void {
    const watch = (): void => {
      try {
        this.#start(header, entry)
      } catch (error) {
        // The client is closed.
        this.#onEnd(error as EtcdError)
      }
    }
    this.#begun = setTimeout(watch, WATCH_AFTER_MS)
  }

  #start({ revision }: RangeResult['header'], entry: KnownEntry): void {
    const { client, control } = this.#session
    this.#watcher = client.watch.subscribe(
      { key: this.#key },
      {
        onEvents: ({ events }) => {
          for (const event of events) this.#onEvent(event)
        },
        onEnd: (error) => this.#onEnd(error),
      },
      { afterRevision: revision, known: [entry], ...control },
    )
  }

  cancel(): void {
    clearTimeout(this.#begun)
    this.#watcher?.cancel()
  }

  /** Compares the key with the store until that is answered, and watches it from there. */
  check(): void {
    if (this.#isChecking) return
    this.#isChecking = true
    this.cancel()
    void this.#check().finally(() => {
      this.#isChecking = false
    })
  }

  async #check(): Promise<void> {
    const { signal } = this.#plan
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        return await this.#read()
      } catch (error) {
        if (signal.aborted) return
        if (attempt === 0)
          this.#session.logger.warn('A key of a session cannot be watched at the moment', {
            key: this.#key,
            error,
          })
        await pause(pauseMs(attempt), signal).catch(() => undefined)
      }
    }
  }

  async #read(): Promise<void> {
    const { client, control, lease } = this.#session
    const { signal, token } = this.#plan
    const onError = (error: unknown): void => this.#session.noteError(error)
    const query = { key: this.#key, ...control }
    const read = await sendAgain(() => client.kv.getRange(query), { signal, isPatient: true, onError })
    const [found] = read.entries
    if (signal.aborted) return
    if (found?.createRevision !== token) return this.#plan.onGone()
    this.#start(read.header, found)
    if (found.lease !== lease) this.#plan.onDetached(found.modRevision)
  }

  #onEvent({ type, kv }: WatchEvent): void {
    if (this.#plan.signal.aborted) return
    if (type === 'delete' || kv.createRevision !== this.#plan.token) this.#plan.onGone()
    else if (kv.lease !== this.#session.lease) this.#plan.onDetached(kv.modRevision)
  }

  /** Reads the key after the watch has ended, because events may be missing. */
  #onEnd(error: EtcdError | undefined): void {
    if (error === undefined || this.#plan.signal.aborted) return
    this.#session.noteError(error)
    if (!this.#plan.signal.aborted) this.check()
  }
}
