import type { KeyValue } from '../wire/kv.ts'
import { WatchEvent } from './watch-handlers.ts'

/** What a range holds, by key (its bytes as latin1 text). */
export type HeldKeys = ReadonlyMap<string, KeyValue>

const noBytes = Buffer.alloc(0)

/** A key as the name it is held under: exact for any bytes. */
export const heldName = (key: Buffer): string => key.toString('latin1')

/** The key-values of a list by their names. */
export const hold = (kvs: readonly KeyValue[]): Map<string, KeyValue> =>
  new Map(kvs.map((kv) => [heldName(kv.key), kv]))

/**
 * What must have happened between two lists, as one batch: deletes of what is gone, puts of what is new or was written
 * since. Intermediate states are lost with the history. `isSameStore`: equal mod revisions mean equal values.
 */
export const diffLists = (
  before: HeldKeys,
  after: HeldKeys,
  revision: number,
  isSameStore: boolean,
): WatchEvent[] => {
  const deletes: WatchEvent[] = []
  for (const [name, kv] of before) {
    if (!after.has(name)) deletes.push(new WatchEvent('delete', tombstone(kv.key, revision), kv))
  }
  const puts: WatchEvent[] = []
  for (const [name, kv] of after) {
    const prevKv = before.get(name)
    if (prevKv === undefined || !isSame(prevKv, kv, isSameStore)) puts.push(new WatchEvent('put', kv, prevKv))
  }
  return [...deletes, ...puts.sort((a, b) => a.kv.modRevision - b.kv.modRevision)]
}

const isSame = (a: KeyValue, b: KeyValue, isSameStore: boolean): boolean =>
  a.modRevision === b.modRevision && (isSameStore || (a.lease === b.lease && a.value.equals(b.value)))

const tombstone = (key: Buffer, modRevision: number): KeyValue => ({
  key,
  value: noBytes,
  createRevision: 0,
  modRevision,
  version: 0,
  lease: 0n,
})
