import type { Bytes } from './bytes.ts'

/**
 * A range of keys: exactly one of the three forms. Keys are ordered by bytes. A range whose end is not after
 * its start contains no key: reading or deleting it does nothing, watching or permitting it is refused.
 */
export type KeyRange =
  /** One key. */
  | { readonly key: Bytes }
  /** All keys with this prefix; an empty prefix means all keys. */
  | { readonly prefix: Bytes }
  /** From one key up to, and without, another; to the last key without `to`. */
  | { readonly from: Bytes; readonly to?: Bytes }
