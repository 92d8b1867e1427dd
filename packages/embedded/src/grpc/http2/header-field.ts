/** One header as it stands in a block. A character of a name or value stands for a byte. */
export interface HeaderField {
  readonly name: string
  readonly value: string
  /** Whether it must never enter a table: a password, for example. */
  readonly isSensitive: boolean
}
