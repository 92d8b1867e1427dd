import type { KeyValue } from '../wire/kv.ts'
import { WatchEvent } from './watch-handlers.ts'

/** The contents of a range by key (bytes as latin1 text). */
export type HeldKeys = ReadonlyMap<string, KeyValue>

const NO_BYTES = Buffer.alloc(0)

/** The name of a key in `HeldKeys`: text that is exact for any bytes. */
export function heldName(key: Buffer): string {
  return key.toString('latin1')
}

/** Indexes a list by key. */
export function hold(kvs: readonly KeyValue[]): Map<string, KeyValue> {
  return new Map(kvs.map((kv) => [heldName(kv.key), kv]))
}

/**
 * The difference of two lists as one batch: deletes of missing keys, puts of new or changed ones.
 * Intermediate states are lost. `isSameStore`: equal mod revisions imply equal values.
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
