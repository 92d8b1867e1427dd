import { isUtf8 } from 'node:buffer'
import type { KeyValue } from '@livetree/etcd/wire'
import type { StoreEntry } from '../history.ts'

/** Bytes as a history holds them: as text, or as `base64:…` where they are none. */
export const asText = (bytes: Uint8Array): string => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return isUtf8(buffer) ? buffer.toString() : `base64:${buffer.toString('base64')}`
}

/** A key and what it holds, as a history holds it. */
export const storeEntry = (kv: Omit<KeyValue, 'lease'>): StoreEntry => ({
  key: asText(kv.key),
  value: asText(kv.value),
  createRevision: kv.createRevision,
  modRevision: kv.modRevision,
  version: kv.version,
})
