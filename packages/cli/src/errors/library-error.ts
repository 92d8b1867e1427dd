import type { Conflict } from '@livetree/admin'
import type { Issue } from '@livetree/core'

/** An error of a library: `AdminError`, `LivetreeError` or `EtcdError`, of whichever copy. */
export interface LibraryError extends Error {
  readonly code: string
  readonly issues?: readonly Issue[]
  readonly conflicts?: readonly Conflict[]
}

/** Whether a library of livetree threw it: its message is for people, and has a code. */
export function isLibraryError(error: unknown): error is LibraryError {
  return (
    error instanceof Error &&
    ['AdminError', 'LivetreeError', 'EtcdError'].includes(error.name) &&
    typeof (error as { readonly code?: unknown }).code === 'string'
  )
}
