import type { Bytes } from '../bytes.ts'
import type { CallDeadline } from '../call-deadline.ts'
import { EtcdError } from '../errors.ts'
import type { ResponseHeader } from '../wire/kv.ts'
import type { Entry } from './entry.ts'
import type { KvService } from './kv-contract.ts'
import { type CallControl, controlOf, pinned } from './range-query.ts'

/** Begins what is known of a write whose answer was lost. */
export const READ_BACK = 'it was not sent again; the key was read back'

/** What conditional writes need from the service. */
export interface GuardPorts {
  readonly kv: KvService
  /** Starts the time limit for all requests of a call. */
  deadline(call: string, control: CallControl): CallDeadline
  /** The cluster currently connected to; `undefined` before the first answer. */
  readonly clusterId: bigint | undefined
}

/** True for a write whose answer was lost. */
export function isUnknown(error: unknown): error is EtcdError {
  return error instanceof EtcdError && error.code === 'outcome_unknown'
}

/** Restricts the requests of a call to one cluster: the one given in the options, or the current one. */
export function inOneCluster(
  { clusterId }: { readonly clusterId: bigint | undefined },
  given: CallControl,
): Pick<CallControl, 'clusterId'> {
  return pinned(given.clusterId ?? clusterId)
}

/** What a write reads before it is sent: whatever happens to the read, nothing was written. */
export async function beforeWriting<R>(reading: Promise<R>): Promise<R> {
  try {
    return await reading
  } catch (error) {
    throw error instanceof EtcdError ? error.with({ fate: 'not_sent' }) : error
  }
}

/** Extends the error of the first attempt with what was done since. */
export function stillUnknown(error: EtcdError, done: string): EtcdError {
  return error.with({ what: `${error.what}; ${done}` })
}

/**
 * Reads a key whose write, which failed with `first`, got no answer.
 *
 * @throws EtcdError `outcome_unknown` where the read gets none either
 */
export async function readBack(
  { kv }: GuardPorts,
  { key, options }: { readonly key: Bytes; readonly options: CallControl },
  deadline: CallDeadline,
  first: EtcdError,
): Promise<{ readonly found: Entry | undefined; readonly header: ResponseHeader }> {
  try {
    const read = await deadline.run((timeoutMs) => kv.getRange({ key, ...controlOf(options), timeoutMs }))
    return { found: read.entries[0], header: read.header }
  } catch {
    throw stillUnknown(first, `${READ_BACK}, without an answer`)
  }
}
