import { EtcdError } from '../errors.ts'

/** Inquiries without transactions after the first one in which only single reads were answered. */
const LEAST_INQUIRIES_WITHOUT = 8
/** The same, after many failures without a success in between. */
const MOST_INQUIRIES_WITHOUT = 1_024

/** Whether transactions reach the server; a gateway may answer or drop them. */
export class TxnSupport {
  #without = 0
  #next = LEAST_INQUIRIES_WITHOUT

  /** False for some inquiries after a failure, because a transaction that is dropped costs a whole timeout. */
  begin(): boolean {
    this.#without = Math.max(0, this.#without - 1)
    return this.#without === 0
  }

  /** A transaction failed where single reads were answered. */
  failed(): void {
    this.#without = this.#next
    this.#next = Math.min(this.#next * 2, MOST_INQUIRIES_WITHOUT)
  }

  /** A transaction was answered. */
  succeeded(): void {
    this.#next = LEAST_INQUIRIES_WITHOUT
  }
}

/** Refusals of one read: too large, above a lowered limit, not permitted, or blocked by a gateway. */
const REFUSALS: ReadonlySet<string> = new Set([
  'request_too_large',
  'response_too_large',
  'invalid_argument',
  'permission_denied',
  'unimplemented',
])

/** Failures that a read without a transaction does not avoid. */
const DECISIVE: ReadonlySet<string> = new Set([
  'compacted',
  'future_revision',
  'unauthenticated',
  'cluster_changed',
  'malformed_message',
  'cancelled',
  'closed',
])

/** True if one read was refused, and others may be answered. */
export function isRefusalOfRead(error: unknown): error is EtcdError {
  return error instanceof EtcdError && REFUSALS.has(error.code)
}

/** True if the same reads may be answered without a transaction. */
export function isOfTransaction(error: unknown): error is EtcdError {
  if (!(error instanceof EtcdError) || DECISIVE.has(error.code)) return false
  return REFUSALS.has(error.code) || error.fate !== 'not_sent'
}
