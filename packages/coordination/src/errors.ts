import { type CoordinationErrorCode, coordinationErrorCodes } from './error-codes.ts'

/** The parts of a `CoordinationError` besides its code. */
export interface CoordinationErrorDetails {
  /** What happened, without a full stop. Never contains a value. Default: the code's meaning. */
  readonly what?: string
  readonly cause?: unknown
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

  constructor(code: CoordinationErrorCode, { what, cause }: CoordinationErrorDetails = {}) {
    const { meaning, remedy } = coordinationErrorCodes[code]
    super(`[${code}] ${sentence(what ?? meaning)} ${remedy}`, cause === undefined ? undefined : { cause })
    Object.defineProperty(this, 'name', { value: 'CoordinationError', enumerable: false })
    this.code = code
  }
}
