/** When removals are not believed at once. */
export interface ProtectionOptions {
  /** Removals of more than this share of the endpoints are not believed. Default 0.5; 1 believes all but the last. */
  readonly suspectShare: number
  /** Removals within this time count together, in milliseconds. Default 30,000. */
  readonly suspectWindowMs: number
  /** How long an endpoint is kept that was removed and not believed, in milliseconds of a live view. Default 60,000. */
  readonly confirmMs: number
}

/** The defaults. */
export const DEFAULT_PROTECTION: ProtectionOptions = {
  suspectShare: 0.5,
  suspectWindowMs: 30_000,
  confirmMs: 60_000,
}

/** Fewer endpoints than this have no majority that could be lost. */
const LEAST_ENDPOINTS = 3

/**
 * Decides whether removals that were not announced are believed. The expiry of one crashed instance looks the same as that
 * of a hundred whose leases the store has lost; only their number within a time tells them apart.
 */
export class Protection {
  readonly #options: ProtectionOptions
  /** Addresses that were removed lately, and when. */
  readonly #removed = new Map<string, number>()

  constructor(options: ProtectionOptions) {
    this.#options = options
  }

  /** An endpoint is there (again). */
  noteAdded(address: string): void {
    this.#removed.delete(address)
  }

  /**
   * Whether the removals of one revision are believed. `readyBefore` is the number of ready endpoints with them,
   * `readyAfter` the number without.
   */
  believes(addresses: readonly string[], readyBefore: number, readyAfter: number, now: number): boolean {
    const { suspectShare, suspectWindowMs } = this.#options
    for (const [address, at] of this.#removed) if (now - at > suspectWindowMs) this.#removed.delete(address)
    const total = readyBefore + this.#removed.size
    for (const address of addresses) this.#removed.set(address, now)
    return readyAfter > 0 && (total < LEAST_ENDPOINTS || this.#removed.size / total <= suspectShare)
  }
}
