import { compare, type EtcdClient, op } from '@livetree/etcd'

/** Longest time for the farewell: it must not take the time in which the key is to be deleted. */
const FAREWELL_MS = 1_000

/** How a key is deleted. */
export interface DeleteUnderOptions {
  readonly lease: bigint
  /** Written before, so that readers know that the deletion is meant. */
  readonly farewell: string | undefined
  /** Longest time for the deletion. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/**
 * Deletes a key if it stands under the lease, after it has written the farewell. The farewell is a courtesy: a full store
 * refuses it and takes deletions, so whatever becomes of it, the key is deleted.
 *
 * @throws EtcdError of the deletion; the reason of `signal`
 */
export async function deleteUnder(
  { client, key }: { readonly client: EtcdClient; readonly key: string },
  { lease, farewell, timeoutMs, signal }: DeleteUnderOptions,
): Promise<void> {
  const isOwn = compare.lease(key, '=', lease)
  if (farewell !== undefined) {
    const put = op.put(key, farewell, { lease })
    const putting = client.kv.txn().if(isOwn).then(put).commit({ signal, timeoutMs: FAREWELL_MS })
    await putting.catch(() => undefined)
    signal.throwIfAborted()
  }
  await client.kv.txn().if(isOwn).then(op.delete(key)).commit({ signal, timeoutMs })
}
