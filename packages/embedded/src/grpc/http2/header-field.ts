/** One header of a block. Each character of a name or value represents one byte. */
export interface HeaderField {
  readonly name: string
  readonly value: string
  /** True for a header that must never be stored in a table, such as a password. */
  readonly isSensitive: boolean
}
