import { type EtcdClient, EtcdError, op, type WatchEvent } from '@livetree/etcd'
import { sendAgain } from './send-again.ts'

/** A job and its claim, both of which the transaction of one holder deletes in this order. */
export interface ClaimedJob {
  readonly client: EtcdClient
  readonly control: { readonly clusterId?: bigint }
  /** A prefix of both keys. */
  readonly prefix: string
  readonly item: Buffer
  /** The create revision of the item. */
  readonly itemRevision: number
  readonly claim: Buffer
  /** The create revision of the claim: both keys existed then, and the claim is gone now. */
  readonly token: number
  /** Ends the search: its reason is thrown. */
  readonly signal: AbortSignal
}

/**
 * Searches the history for the deletion of a claim: true if its transaction deleted the item just before it; false if the
 * claim was deleted alone, or by a range deletion, which runs in the order of keys. Undefined if the history does not show
 * it: the item was deleted earlier, or the history is compacted or cannot be watched.
 */
export async function wasRemovedWithClaim(job: ClaimedJob): Promise<boolean | undefined> {
  for (let revision = job.token; ; ) {
    const seen = await endOfClaim(revision, job)
    if (!(seen instanceof EtcdError)) return seen
    const { compactRevision = 0 } = seen
    if (seen.code !== 'compacted' || compactRevision <= revision) return undefined
    if ((await existedAt(compactRevision, job)) === false) return undefined
    revision = compactRevision
  }
}

/** Both keys exist at the revision. Returns the error that ended the watch if the end of the claim was not seen. */
function endOfClaim(
  revision: number,
  { client, control, prefix, item, claim, signal }: ClaimedJob,
): Promise<boolean | undefined | EtcdError> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    let wasAlone = false
    const onAbort = (): void => {
      reject(signal.reason)
      watcher.cancel()
    }
    const settle = (result: boolean | undefined | EtcdError): void => {
      signal.removeEventListener('abort', onAbort)
      resolve(result)
    }
    const onEvents = ({ events }: { readonly events: readonly WatchEvent[] }): void => {
      const itemAt = events.findIndex(({ kv }) => kv.key.equals(item))
      const claimAt = events.findIndex(({ kv }) => kv.key.equals(claim))
      if (claimAt < 0) {
        wasAlone ||= itemAt >= 0
        return
      }
      settle(wasAlone ? undefined : itemAt >= 0 && itemAt < claimAt)
      watcher.cancel()
    }
    const watcher = client.watch.subscribe(
      { prefix },
      { onEvents, onEnd: (error) => settle(error ?? new EtcdError('closed')) },
      { afterRevision: revision, only: 'deletes', ...control },
    )
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

/** Whether both keys were there at a revision. Undefined if that is compacted by now. */
async function existedAt(
  revision: number,
  { client, control, item, itemRevision, claim, token, signal }: ClaimedJob,
): Promise<boolean | undefined> {
  const txn = client.kv.txn().then(op.get(item, { revision }), op.get(claim, { revision }))
  try {
    const result = await sendAgain(() => txn.commit(control), { signal, isPatient: true })
    const [foundItem, foundClaim] = result.succeeded ? result.results : []
    return foundItem?.createRevision === itemRevision && foundClaim?.createRevision === token
  } catch (error) {
    if (error instanceof EtcdError && error.code === 'compacted') return undefined
    throw error
  }
}
