import type { ReloadMessage } from '@livetree/core'
import type { CallMessage } from '@livetree/etcd'

/** At most this many writes are remembered, and reloads held. */
const MOST = 1_000

/** A reload is held for at most this long, in milliseconds: a write may hang for as long as its caller allows. */
const LONGEST_MS = 5_000

const WRITING: ReadonlySet<string> = new Set(['KV/Put', 'KV/DeleteRange', 'KV/Txn'])

const NONE: readonly Write[] = []

/** A call that wrote what was reloaded. */
export interface Write {
  readonly call: CallMessage
  /** From the begin of the call to where the reload was over, in milliseconds, whatever the wall clock was set to. */
  readonly propagationMs: number
}

type Found = (reload: ReloadMessage, writes: readonly Write[]) => void

/** A call that wrote, and when it began, in monotonic time. */
interface Written {
  readonly call: CallMessage
  readonly startedAt: number
}

/** A reload whose writes are not all known. */
interface Held {
  readonly reload: ReloadMessage
  /** When it was over, in monotonic time. */
  readonly endedAt: number
  /** The revisions that were written by nobody known. */
  readonly missing: Set<number>
  /** The number of the newest write that had started. */
  readonly newest: number
}

/**
 * Finds, for each reload, the calls of this process that wrote what was reloaded. A watch may deliver a change before the
 * write is answered: such a reload is held while a write that had started before it may be the one, and not for long.
 */
export class WriteLog {
  readonly #found: Found
  /** By store and revision, the oldest first. */
  readonly #written = new Map<string, Written>()
  /** The newest epoch of each source of each configuration. */
  readonly #epochs = new Map<string, number>()
  /** Writes on their way, by the store that they are sent to; those to an unknown one may be for any. */
  readonly #open = new Map<string | undefined, Map<CallMessage, number>>()
  /** Each with the timer that ends its wait. */
  readonly #held = new Map<Held, NodeJS.Timeout>()
  #count = 0

  constructor(found: Found) {
    this.#found = found
  }

  started(call: CallMessage): void {
    if (!WRITING.has(call.method)) return
    const open = this.#open.get(call.store) ?? new Map<CallMessage, number>()
    this.#open.set(call.store, open.set(call, ++this.#count))
  }

  ended(call: CallMessage): void {
    const open = this.#open.get(call.store)
    const isNoted = open?.delete(call) ?? false
    if (open?.size === 0) this.#open.delete(call.store)
    if (call.wrote !== undefined) this.#note(call, call.wrote)
    if (!isNoted && call.wrote === undefined) return
    for (const held of this.#held.keys()) if (!this.#isWaiting(held)) this.#report(held)
  }

  reloaded(reload: ReloadMessage): void {
    const { store, type, revisions } = reload
    this.#turnEpoch(reload)
    // The most frequent case: this process has written nothing.
    if (this.#written.size === 0 && this.#open.size === 0) {
      this.#found(reload, NONE)
      return
    }
    const isKnown = (revision: number) => this.#written.has(placeOf(store, revision))
    // Without a store, or of a whole tree, no write can be named.
    const canBeNamed = store !== undefined && type === 'patch'
    const missing = new Set(canBeNamed ? revisions.filter((each) => !isKnown(each)) : [])
    const held: Held = { reload, endedAt: performance.now(), missing, newest: this.#count }
    if (this.#held.size >= MOST || !this.#isWaiting(held)) this.#report(held)
    else this.#held.set(held, setTimeout(() => this.#report(held), LONGEST_MS).unref())
  }

  /** Reports what is held, with what is known. */
  flush(): void {
    for (const held of this.#held.keys()) this.#report(held)
  }

  /** Another store counts its revisions from the beginning, and may have the same id: forgets the writes to the earlier one. */
  #turnEpoch({ config, source, store, epoch }: ReloadMessage): void {
    if (epoch === 0) return
    const place = JSON.stringify([config, source])
    if (epoch <= (this.#epochs.get(place) ?? 0)) return
    this.#epochs.set(place, epoch)
    for (const key of this.#written.keys()) if (key.startsWith(placeOf(store, ''))) this.#written.delete(key)
  }

  #note(call: CallMessage, { store, revision }: NonNullable<CallMessage['wrote']>): void {
    const place = placeOf(store, revision)
    this.#written.delete(place)
    this.#written.set(place, { call, startedAt: performance.now() - (call.durationMs ?? 0) })
    const [oldest] = this.#written.keys()
    if (this.#written.size > MOST && oldest !== undefined) this.#written.delete(oldest)
    for (const { reload, missing } of this.#held.keys()) if (reload.store === store) missing.delete(revision)
  }

  #isWaiting({ reload, missing, newest }: Held): boolean {
    if (missing.size === 0) return false
    return [reload.store, undefined].some((store) => {
      const [oldest = Number.POSITIVE_INFINITY] = this.#open.get(store)?.values() ?? []
      return oldest <= newest
    })
  }

  #report(held: Held): void {
    clearTimeout(this.#held.get(held))
    this.#held.delete(held)
    const { reload, endedAt } = held
    const named = reload.type === 'patch' ? reload.revisions : []
    const writes = named.flatMap((revision) => this.#written.get(placeOf(reload.store, revision)) ?? [])
    const writeOf = ({ call, startedAt }: Written): Write => {
      return { call, propagationMs: Math.max(0, endedAt - startedAt) }
    }
    this.#found(reload, writes.map(writeOf))
  }
}

function placeOf(store: string | undefined, revision: number | ''): string {
  return `${store} ${revision}`
}
