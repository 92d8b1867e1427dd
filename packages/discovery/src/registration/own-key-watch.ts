import type { Clock, EtcdClient, Reflector, WatchEvent } from '@livetree/etcd'
import { monotonicNow } from '../clock.ts'

/** What the store last held under an own key. `value` is undefined if the key is absent. */
export interface SeenKey {
  /** The revision of the change, or of the list. */
  readonly revision: number
  readonly value: string | undefined
  readonly lease: bigint
  /**
   * For a list: when reading it began, in ms of the monotonic clock. It holds everything that was written before, whatever
   * its revision; that of a restored store may be lower.
   */
  readonly listedSince: number | undefined
}

/**
 * Watches one key, through disconnections, compactions and restored stores.
 *
 * @throws EtcdError `closed`
 */
export function watchOwnKey(
  { client, clock }: { readonly client: EtcdClient; readonly clock: Clock },
  key: string,
  onSeen: (seen: SeenKey) => void,
): Reflector {
  let listed: KeyContents = ABSENT
  let listedSince = 0
  return client.watch.reflect(
    { ranges: [{ key }] },
    {
      onListing: () => {
        listed = ABSENT
        listedSince = monotonicNow(clock)
      },
      onPage: (_, page) => {
        for (const { value, lease } of page.entries()) listed = { value: value.toString(), lease }
      },
      onList: ({ revision }) => onSeen({ ...listed, revision, listedSince }),
      onBatch: ({ revision, events }) => {
        const last = events.at(-1)
        if (last !== undefined) onSeen({ ...stateAfter(last), revision, listedSince: undefined })
      },
    },
  )
}

type KeyContents = Pick<SeenKey, 'value' | 'lease'>

const ABSENT: KeyContents = { value: undefined, lease: 0n }

function stateAfter({ type, kv, text }: WatchEvent): KeyContents {
  return type === 'put' ? { value: text, lease: kv.lease } : ABSENT
}
