import { type Condition, op } from '@livetree/etcd'
import { pause, sendAgain } from './send-again.ts'
import type { SessionPorts } from './session-ports.ts'

/** How long a refused deletion is left alone before it is tried again, in milliseconds. */
const AGAIN_MS = 5_000

/**
 * Deletes a key of a session if the guard holds, until that is answered or the session is over: the end of its lease
 * deletes the key. `onRemoved` is called once the key is known to be gone. Others wait for the key as long as it is
 * there, so a deletion that etcd refuses is tried again from time to time, whether or not a caller asks again.
 *
 * @throws EtcdError if etcd refuses it now
 */
export async function removeKey(
  session: SessionPorts,
  key: string,
  guard: Condition,
  onRemoved: () => void,
): Promise<void> {
  const { client, control, logger, signal } = session
  const txn = client.kv.txn().if(guard).then(op.delete(key))
  const remove = async (): Promise<void> => {
    // The end of the session ends a request that has no answer, too: it has nothing to say any more.
    await sendAgain(() => txn.commit({ ...control, signal }), { signal, isPatient: true })
    onRemoved()
  }
  try {
    await remove()
  } catch (error) {
    if (signal.aborted) return
    session.noteError(error)
    if (signal.aborted) return
    logger.warn('A key could not be deleted; it is tried again until its session ends', { key, error })
    void again(remove, signal)
    throw error
  }
}

async function again(remove: () => Promise<void>, signal: AbortSignal): Promise<void> {
  for (let isRemoved = false; !isRemoved && !signal.aborted; ) {
    isRemoved = await pause(AGAIN_MS, signal)
      .then(remove)
      .then(
        () => true,
        () => false,
      )
  }
}
