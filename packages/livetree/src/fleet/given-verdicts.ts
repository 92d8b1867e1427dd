import type { Clock } from '@livetree/core/source'
import { type EtcdClient, op } from '@livetree/etcd'
import { CALL } from './operations.ts'

/** The most verdicts of an instance in the store. */
const MOST_GIVEN = 32
/** How long an instance keeps its verdicts, in milliseconds: a proposal lasts at most a minute, and its author deletes them. */
const KEPT_MS = 90_000
/** How long an author who has withdrawn a proposal may take to delete its verdicts, in milliseconds. */
const GRACE_MS = 5_000

interface GivenVerdict {
  readonly proposal: string
  readonly key: string
  dueAt: number
}

/** The verdicts that an instance has given: what their readers leave behind, it deletes. */
export class GivenVerdicts {
  readonly #client: EtcdClient
  readonly #clock: Clock
  readonly #onRoom: () => void
  #given: GivenVerdict[] = []
  #timer: unknown = undefined
  #sweep: Promise<void> | undefined = undefined
  #isStopped = false

  /** @param onRoom called when a verdict is gone */
  constructor(client: EtcdClient, clock: Clock, onRoom: () => void) {
    this.#client = client
    this.#clock = clock
    this.#onRoom = onRoom
  }

  get isFull(): boolean {
    return this.#given.length >= MOST_GIVEN
  }

  /** A verdict is about to be written. */
  add(proposal: string, key: string): void {
    this.#given.push({ proposal, key, dueAt: this.#clock.now() + KEPT_MS })
    this.#plan()
  }

  /** A proposal stands no more. */
  ended(proposal: string): void {
    const given = this.#given.find((each) => each.proposal === proposal)
    if (given === undefined) return
    given.dueAt = Math.min(given.dueAt, this.#clock.now() + GRACE_MS * (1 + Math.random()))
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#plan()
  }

  /** Deletes all of them. Never rejects: what is left goes with the lease. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#clock.clearTimeout(this.#timer)
    await this.#sweep
    const left = this.#given.splice(0)
    if (left.length === 0) return
    try {
      await this.#client.kv
        .txn()
        .then(...left.map(({ key }) => op.delete(key)))
        .commit(CALL)
    } catch {
      // the lease ends them
    }
  }

  #plan(): void {
    if (this.#isStopped || this.#timer !== undefined || this.#sweep !== undefined || this.#given.length === 0)
      return
    const dueAt = Math.min(...this.#given.map((each) => each.dueAt))
    const restMs = Math.min(Math.max(dueAt - this.#clock.now(), 0), KEPT_MS)
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined
      this.#sweep = this.#sweepDue().finally(() => {
        this.#sweep = undefined
        this.#plan()
        this.#onRoom()
      })
    }, restMs)
  }

  /** Never rejects. */
  async #sweepDue(): Promise<void> {
    const now = this.#clock.now()
    // a clock that was set back says nothing
    const due = this.#given.filter(({ dueAt }) => dueAt <= now || dueAt > now + KEPT_MS)
    for (const each of due) {
      try {
        const isThere = (await this.#client.kv.count({ key: each.key, ...CALL })) > 0
        if (isThere) await this.#client.kv.delete(each.key, CALL)
      } catch {
        // the lease ends it
      }
      this.#given = this.#given.filter((other) => other !== each)
    }
  }
}
