import type { AppliedView, ApplyWire } from '../wire/index.ts'

/** How many of the newest writes are kept, and for how long, in milliseconds. */
const MOST = 1_000
const KEPT_MS = 10 * 60_000

interface Sent {
  readonly at: number
  readonly applied: Promise<AppliedView>
}

/**
 * Writes by the ids that pages gave them. A browser sends a request again whose answer was lost, and so may a user: it gets the answer
 * to the first one, and nothing is written twice or taken for a write of somebody else.
 */
export class SentApplies {
  /** The oldest first. */
  readonly #sent = new Map<string, Sent>()

  /**
   * The result of the write of this id, which `apply` begins unless it was begun before. One that failed may be begun again.
   *
   * @param wire without an id the write is not kept
   */
  once(
    user: string,
    { id, digest }: Pick<ApplyWire, 'id' | 'digest'>,
    apply: () => Promise<AppliedView>,
  ): Promise<AppliedView> {
    if (id === '') return apply()
    const name = JSON.stringify([user, id, digest])
    this.#forgetOld()
    const known = this.#sent.get(name)
    // The first one may have failed because its browser was gone.
    if (known !== undefined) return known.applied.catch(() => this.once(user, { id, digest }, apply))
    const applied = apply()
    this.#sent.set(name, { at: performance.now(), applied })
    applied.catch(() => this.#sent.delete(name))
    return applied
  }

  #forgetOld(): void {
    for (const [name, { at }] of this.#sent) {
      if (this.#sent.size < MOST && performance.now() - at < KEPT_MS) return
      this.#sent.delete(name)
    }
  }
}
