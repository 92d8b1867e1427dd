import { EtcdError } from '../errors.ts'

/** An error of ours as it is; anything else as `internal`, with the original as its cause. */
export const asEtcdError = (error: unknown, call: string): EtcdError =>
  error instanceof EtcdError ? error : new EtcdError('internal', { call, cause: error })
