import { createHash } from 'node:crypto'
import type { StoreEntry } from 'livetree/operate'

/** What a key held that is not to change until the plan is applied. */
export interface Pin {
  /** The revision that had written it; 0: there was none. */
  readonly revision: number
  /** A hash of its text, in hexadecimal digits: a store that was restored from a backup has other texts with the same revision. Undefined: it is not compared. */
  readonly sha256?: string | undefined
}

/** Pins what a key holds; undefined: nothing. */
export function pinOf(entry: StoreEntry | undefined): Pin {
  if (entry === undefined) return { revision: 0 }
  return {
    revision: entry.modRevision,
    sha256: createHash('sha256').update(entry.value).digest('hex'),
  }
}
