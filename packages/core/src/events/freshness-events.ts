/** Emitted when the configuration may be behind the store. Reads continue. */
export interface StaleEvent {
  /** The problem, as text for people. */
  readonly reason: string
  /** When the state in service was last proven to be the newest, in ms since the Unix epoch; undefined if it never was. */
  readonly provenAt: number | undefined
}

/** Emitted when the configuration is proven to be the newest again. */
export interface LiveEvent {
  readonly revision: number
  /** How long it was stale, in milliseconds. */
  readonly staleMs: number
}
