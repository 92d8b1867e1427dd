import { compare, EtcdError, op } from '@livetree/etcd'
import { monotonicNow } from '../clock.ts'
import { AdminError } from '../errors.ts'
import { watchPast } from '../history/watch-past.ts'
import { type Doing, translateError } from '../translate-error.ts'
import type { CallLimit, Workspace } from '../workspace.ts'

/** How long the store is asked for the fate of a write after the call's own time is over, in milliseconds. */
const SETTLE_MS = 5_000
const PAUSE_MS = 50
/** How many older records are looked at for one that was not pruned. */
const MOST_OLDER = 100

/**
 * Determines the outcome of writes whose answer was lost, by their record: the same transaction writes it, and requires that
 * it is absent. So the transaction may be sent again, and is applied at most once. A write that is given up gets a void
 * record under the same key; from then on it can never be applied.
 */
export class Settlement {
  readonly #workspace: Workspace
  readonly #limit: CallLimit
  readonly #id: string
  readonly #voidText: string
  /** Records of writes that may still be applied, with the revision before them. */
  readonly #open = new Map<string, number>()
  /** The texts of the records that were sent: an id of the caller may be that of another write, too. */
  readonly #sent = new Set<string>()

  /** @param voidText the text of a record that says that nothing was applied */
  constructor(workspace: Workspace, limit: CallLimit, id: string, voidText: string) {
    this.#workspace = workspace
    this.#limit = limit
    this.#id = id
    this.#voidText = voidText
  }

  /**
   * Sends a transaction until its fate is known.
   *
   * @param record the key of the record that it writes
   * @param text the record
   * @param after a revision before it
   * @param commit the revision that it was applied at; undefined: a condition does not hold
   */
  async send(
    record: string,
    text: string,
    after: number,
    commit: () => Promise<number | undefined>,
  ): Promise<number | undefined> {
    if (this.#open.size > 0 && !this.#open.has(record)) {
      const revision = await this.#fence()
      if (revision !== undefined) return revision
    }
    this.#sent.add(text)
    for (;;) {
      try {
        const revision = await commit()
        return revision ?? (this.#open.has(record) ? await this.#appliedAt(record) : undefined)
      } catch (error) {
        if (!isUncertain(error)) throw error
        if (!this.#open.has(record)) this.#open.set(record, after)
        if (this.#limit.isOver || this.#limit.signal?.aborted === true || isClosed(error)) throw error
        await this.#pause()
      }
    }
  }

  /**
   * Ends the call with an error, after what may still be applied was settled. Returns the revision if it was applied after
   * all.
   *
   * @throws AdminError `outcome_unknown` if nothing says whether it was applied; the error, if nothing was applied
   */
  async giveUp(error: unknown, doing: Doing): Promise<number> {
    if (this.#open.size === 0) throw translateError(error, doing)
    const revision = await this.#fence(error)
    if (revision !== undefined) return revision
    if (!(error instanceof EtcdError) || error.code !== 'outcome_unknown') throw translateError(error, doing)
    throw new AdminError('store_unavailable', {
      what: `The store went away while it wrote, and has not applied the change: ${error.what}`,
      remedy: 'Nothing was written. Apply it again.',
      cause: error,
    })
  }

  /**
   * Returns the revision that wrote the record, even if others have pruned it since; undefined if it was never written, also
   * if the record of another write stands in its place.
   */
  async #appliedAt(record: string): Promise<number | undefined> {
    const query = { key: record, ...this.#limit.control }
    const { entries, header } = await this.#workspace.client.kv.getRange(query)
    const [found] = entries
    if (found !== undefined) return this.#sent.has(found.text) ? found.createRevision : undefined
    return this.#prunedAt(record, this.#open.get(record) ?? 0, header.revision)
  }

  /** True if an older record still exists: the oldest are pruned first, so this one was never written. */
  async #hasOlder(record: string, after: number): Promise<boolean> {
    const prefix = record.slice(0, record.lastIndexOf('/') + 1)
    const { entries } = await this.#workspace.client.kv.getRange({
      prefix,
      keysOnly: true,
      limit: MOST_OLDER,
      maxCreateRevision: after,
      ...this.#workspace.limit({ timeoutMs: SETTLE_MS }).control,
    })
    // Records of a layer below this one's prefix are pruned by themselves.
    return entries.some(({ key }) => !key.includes('/', prefix.length))
  }

  /**
   * The revision of a record that is not there any more, from the store's own history.
   *
   * @throws AdminError `outcome_unknown` where the store does not keep it
   */
  async #prunedAt(record: string, after: number, until: number): Promise<number | undefined> {
    const found: number[] = []
    try {
      if (after > until)
        throw new AdminError('store_changed', {
          what: `The store is at revision ${until}, and was at ${after}: it was restored from an earlier backup`,
        })
      if (await this.#hasOlder(record, after)) return undefined
      const limit = this.#workspace.limit({ timeoutMs: SETTLE_MS })
      await watchPast(this.#workspace.client, { key: record }, limit, {
        after,
        until,
        clusterId: 0n,
        onBatch: ({ revision, events }) => {
          for (const { kv } of events) {
            if (this.#sent.has(Buffer.from(kv.value).toString())) found.push(revision)
          }
        },
      })
    } catch (cause) {
      throw new AdminError('outcome_unknown', {
        what: `The answer to the change ${this.#id} was lost, its record is not there, and the store's own history does not say whether it was applied and its record pruned since`,
        remedy: 'Look with read() whether the values are there before you apply it again.',
        cause,
      })
    }
    return found[0]
  }

  /** Puts void records where there are none. Returns the revision of the change if it was applied. */
  async #fence(cause?: unknown): Promise<number | undefined> {
    const { clock } = this.#workspace.settings
    const opened = [...this.#open]
    const keys = opened.map(([key]) => key)
    const until = monotonicNow(clock) + SETTLE_MS
    let last = cause
    while (monotonicNow(clock) < until) {
      try {
        const { client } = this.#workspace
        const { succeeded, results, header } = await client.kv
          .txn()
          .if(...keys.map((key) => compare.isAbsent(key)))
          .then(...keys.map((key) => op.put(key, this.#voidText)))
          .else(...keys.map((key) => op.get(key)))
          .commit({ timeoutMs: Math.max(1, until - monotonicNow(clock)) })
        this.#open.clear()
        if (succeeded) return await this.#prunedOf(opened, header.revision)
        const found = results.flatMap((entry) => entry ?? [])
        return found.find(({ text }) => this.#sent.has(text))?.createRevision
      } catch (error) {
        if (error instanceof AdminError && error.code === 'outcome_unknown') throw error
        last = error
        if (isClosed(error)) break
        await this.#pause()
      }
    }
    throw new AdminError('outcome_unknown', {
      what: `The store went away while it wrote the change ${this.#id}, and cannot be asked whether it was applied`,
      remedy: `Ask find('${this.#id}') once the store is back: it was applied if there is such a record. It is not written twice.`,
      cause: last,
    })
  }

  /** Calls `#prunedAt` for several records, of which at most one was written. */
  async #prunedOf(
    opened: readonly (readonly [string, number])[],
    until: number,
  ): Promise<number | undefined> {
    for (const [record, after] of opened) {
      const revision = await this.#prunedAt(record, after, until)
      if (revision !== undefined) return revision
    }
    return undefined
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => void this.#workspace.settings.clock.setTimeout(resolve, PAUSE_MS))
  }
}

/** Whether a write that failed may have been applied. */
function isUncertain(error: unknown): boolean {
  return error instanceof EtcdError && error.fate === 'unknown'
}

function isClosed(error: unknown): boolean {
  return (error instanceof EtcdError || error instanceof AdminError) && error.code === 'closed'
}
