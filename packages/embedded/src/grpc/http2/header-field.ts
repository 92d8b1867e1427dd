/** One header of a block. Each character of a name or value represents one byte. */
export interface HeaderField {
  readonly name: string
  readonly value: string
  /** Whether it must never enter a table: a password, for example. */
  readonly isSensitive: boolean
}
