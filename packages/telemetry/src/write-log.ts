import type { ReloadMessage } from '@livetree/core'
import type { CallMessage } from '@livetree/etcd'

/** At most this many writes are remembered, and reloads held. */
const MOST = 1_000

const WRITING: ReadonlySet<string> = new Set(['KV/Put', 'KV/DeleteRange', 'KV/Txn'])

/**
 * Finds, for each reload, the calls of this process that wrote what was reloaded. A watch may deliver a change before the
 * write is answered; such a reload is held until the writes that were on their way have ended.
 */
export class WriteLog {
  readonly #found: (reload: ReloadMessage, writes: readonly CallMessage[]) => void
  /** By store and revision, the oldest first. */
  readonly #written = new Map<string, CallMessage>()
  /** Writes on their way, the oldest first, each with its number. */
  readonly #open = new Map<CallMessage, number>()
  #held: { readonly reload: ReloadMessage; readonly before: number }[] = []
  #count = 0

  constructor(found: (reload: ReloadMessage, writes: readonly CallMessage[]) => void) {
    this.#found = found
  }

  started(call: CallMessage): void {
    if (WRITING.has(call.method)) this.#open.set(call, ++this.#count)
  }

  ended(call: CallMessage): void {
    const { wrote } = call
    if (wrote !== undefined) {
      this.#written.set(placeOf(wrote.store, wrote.revision), call)
      this.#forgetOldest()
    }
    this.#settle(call)
  }

  reloaded(reload: ReloadMessage): void {
    const isWaiting = reload.store !== undefined && this.#open.size > 0 && this.#held.length < MOST
    if (isWaiting) this.#held.push({ reload, before: this.#count })
    else this.#report(reload)
  }

  /** Reports what is held, with what is known. */
  flush(): void {
    for (const { reload } of this.#held.splice(0)) this.#report(reload)
  }

  #forgetOldest(): void {
    const [oldest] = this.#written.keys()
    if (this.#written.size > MOST && oldest !== undefined) this.#written.delete(oldest)
  }

  #settle(call: CallMessage): void {
    if (!this.#open.delete(call) || this.#held.length === 0) return
    const [oldest = Number.POSITIVE_INFINITY] = this.#open.values()
    const due = this.#held.filter(({ before }) => before < oldest)
    this.#held = this.#held.filter(({ before }) => before >= oldest)
    for (const { reload } of due) this.#report(reload)
  }

  #report(reload: ReloadMessage): void {
    const { store, revisions } = reload
    const writes =
      store === undefined ? [] : revisions.flatMap((each) => this.#written.get(placeOf(store, each)) ?? [])
    this.#found(reload, writes)
  }
}

function placeOf(store: string, revision: number): string {
  return `${store} ${revision}`
}
