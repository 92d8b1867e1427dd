import type { KeyValue } from '../wire/kv.ts'
import { WatchEvent } from './watch-handlers.ts'

/** What a range holds, by key (its bytes as latin1 text). */
export type HeldKeys = ReadonlyMap<string, KeyValue>

const NO_BYTES = Buffer.alloc(0)

/** A key as the name it is held under: exact for any bytes. */
export function heldName(key: Buffer): string {
  return key.toString('latin1')
}

/** The key-values of a list by their names. */
export function hold(kvs: readonly KeyValue[]): Map<string, KeyValue> {
  return new Map(kvs.map((kv) => [heldName(kv.key), kv]))
}

/**
 * What must have happened between two lists, as one batch: deletes of what is gone, puts of what is new or was written
 * since. Intermediate states are lost with the history. `isSameStore`: equal mod revisions mean equal values.
 */
export function diffLists(
  before: HeldKeys,
  after: HeldKeys,
  revision: number,
  isSameStore: boolean,
): WatchEvent[] {
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

function isSame(a: KeyValue, b: KeyValue, isSameStore: boolean): boolean {
  return a.modRevision === b.modRevision && (isSameStore || (a.lease === b.lease && a.value.equals(b.value)))
}

function tombstone(key: Buffer, modRevision: number): KeyValue {
  return {
    key,
    value: NO_BYTES,
    createRevision: 0,
    modRevision,
    version: 0,
    lease: 0n,
  }
}
