import { EtcdError } from './errors.ts'

/** An error of ours as it is; anything else as `internal`, with the original as its cause. */
export function asEtcdError(error: unknown, call: string): EtcdError {
  return error instanceof EtcdError ? error : new EtcdError('internal', { call, cause: error })
}
