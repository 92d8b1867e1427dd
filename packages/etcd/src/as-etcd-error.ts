import { EtcdError } from './errors.ts'

/** Returns an `EtcdError` unchanged and wraps anything else in one with code `internal`. */
export function asEtcdError(error: unknown, call: string): EtcdError {
  return error instanceof EtcdError ? error : new EtcdError('internal', { call, cause: error })
}
