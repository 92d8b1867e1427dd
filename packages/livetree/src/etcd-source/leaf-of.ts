import { isUtf8 } from 'node:buffer'
import { type Leaf, Unreadable } from '@livetree/core'
import type { WatchEvent } from '@livetree/etcd'
import type { Overlays } from './overlays.ts'

/** What an event does to the layers its key is in. */
export function leafOf(overlays: Overlays, event: WatchEvent): { layer: number; leaf: Leaf }[] {
  const { key, value, modRevision } = event.kv
  const text = isUtf8(value) ? value.toString() : undefined
  const places = overlays.locate(keyText(key))
  return places.flatMap(({ layer, path }) => {
    if (event.type === 'delete') return { layer, leaf: { path, value: undefined, revision: modRevision } }
    // a marker may take the place of a key that is no marker, so it is a removal, not nothing
    if (overlays.isDirectoryMarker(path, text ?? '?'))
      return { layer, leaf: { path, value: undefined, revision: modRevision } }
    return { layer, leaf: { path, value: text ?? NOT_TEXT, revision: modRevision } }
  })
}

/** Stands for bytes that are not UTF-8 text. */
export const NOT_TEXT = new Unreadable('bytes that are not UTF-8 text')

/** A key as text; one that is not UTF-8 percent-encodes its bytes, which no segment decodes to text again. */
export function keyText(key: Buffer): string {
  if (isUtf8(key)) return key.toString()
  return Array.from(key, (byte) =>
    byte < 0x80 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase()}`,
  ).join('')
}
