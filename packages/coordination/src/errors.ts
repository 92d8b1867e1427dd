import { type CoordinationErrorCode, coordinationErrorCodes } from './error-codes.ts'

/** The parts of a `CoordinationError` besides its code. */
export interface CoordinationErrorDetails {
  /** What happened, without a full stop. Never contains a value. Default: the code's meaning. */
  readonly what?: string
  readonly cause?: unknown
  /** Replaces the code's remedy. */
  readonly remedy?: string | undefined
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}

/**
 * Every error of this package itself. `code` is one of `coordinationErrorCodes`; the message names the key and
 * what to do. What etcd refuses is thrown as the client's `EtcdError`.
 */
export class CoordinationError extends Error {
  override readonly name = 'CoordinationError'
  readonly code: CoordinationErrorCode

  constructor(code: CoordinationErrorCode, { what, cause, remedy }: CoordinationErrorDetails = {}) {
    const known = coordinationErrorCodes[code]
    const message = `[${code}] ${sentence(what ?? known.meaning)} ${remedy ?? known.remedy}`
    super(message, cause === undefined ? undefined : { cause })
    Object.defineProperty(this, 'name', { value: 'CoordinationError', enumerable: false })
    this.code = code
  }
}
