import { type Event, EventType } from '@livetree/etcd/wire'
import type { StoreEvent } from '../history.ts'
import { asText, storeEntry } from './as-text.ts'

/** A change as a history holds it. */
export const storeEvent = ({ type, kv, prevKv }: Event): StoreEvent => {
  const previous = prevKv === undefined ? {} : { previous: storeEntry(prevKv) }
  const { key, modRevision } = kv!
  return type === EventType.delete
    ? { type: 'delete', key: asText(key), modRevision, ...previous }
    : { type: 'put', ...storeEntry(kv!), ...previous }
}
