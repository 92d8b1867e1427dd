/** The configuration may be behind the store. Reads go on. */
export interface StaleEvent {
  /** What is wrong, for people. */
  readonly reason: string
  /** When the state in service was last proven to be the newest, ms since the epoch; undefined if it never was. */
  readonly provenAt: number | undefined
}

/** The configuration is proven to be the newest again. */
export interface LiveEvent {
  readonly revision: number
  /** How long it was stale, in milliseconds. */
  readonly staleMs: number
}
