import { isUtf8 } from 'node:buffer'
import { type LayerInfo, Unreadable } from '@livetree/core/source'

/** Below the root, kept for livetree's own keys; never part of a configuration. */
const RESERVED = '.livetree'

/** Stands for bytes that are not UTF-8 text. */
const NOT_TEXT = new Unreadable('bytes that are not UTF-8 text')

/** A key of the store as the place it has in a layer. */
export interface LayerKey {
  readonly layer: number
  readonly path: string
  /** Which of the keys that a layer's own document may stand at, with path `''`. */
  readonly document?: 'key' | 'directory'
}

/** Which keys below a root belong to which layer. Overlays may lie inside each other; a key then belongs to both. */
export class Overlays {
  /** Ends in `/`; everything livetree reads lies below it. */
  readonly prefix: string
  readonly layers: readonly LayerInfo[]
  /**
   * Putting this key in a transaction says that what the transaction removes is meant to go, however much it is; putting
   * it alone, that all that is gone by then is.
   */
  readonly allowRemovalKey: string
  /** Where each overlay's own document would stand; none when the root is the only layer. */
  readonly documentKeys: readonly string[]
  readonly #reserved: string
  readonly #prefixBytes: readonly Buffer[]
  readonly #documentBytes: readonly Buffer[]

  constructor(root: string, overlays: readonly string[]) {
    this.prefix = `${root}/`
    this.#reserved = `${this.prefix}${RESERVED}/`
    this.allowRemovalKey = `${this.#reserved}allow-removal`
    const prefixes =
      overlays.length === 0 ? [this.prefix] : overlays.map((overlay) => `${this.prefix}${overlay}/`)
    this.documentKeys = overlays.map((overlay) => this.prefix + overlay)
    this.layers = prefixes.map((keyPrefix) => ({
      name: `etcd:${keyPrefix.slice(0, -1)}`,
      keyPrefix,
      separator: '/',
      naming: 'stored' as const,
    }))
    this.#prefixBytes = prefixes.map((prefix) => Buffer.from(prefix))
    this.#documentBytes = this.documentKeys.map((key) => Buffer.from(key))
  }

  /** The layers a key is in, and where; none for a key of another overlay or of livetree itself. */
  locate(key: Buffer): LayerKey[] {
    const places: LayerKey[] = []
    for (const [layer, prefix] of this.#prefixBytes.entries()) {
      if (key.subarray(0, prefix.length).equals(prefix)) {
        const place = this.placeIn(layer, keyText(key.subarray(prefix.length)))
        if (place !== undefined) places.push(place)
      } else if (this.#documentBytes[layer]?.equals(key)) {
        places.push({ layer, path: '', document: 'key' })
      }
    }
    return places
  }

  /** The place of a key of a layer's directory; undefined for livetree's own. `path` is the key below the directory. */
  placeIn(layer: number, path: string): LayerKey | undefined {
    const { keyPrefix } = this.layers[layer]!
    const isReserved =
      (path.startsWith(RESERVED) || keyPrefix.startsWith(this.#reserved)) &&
      this.#isReserved(keyPrefix + path)
    if (isReserved) return undefined
    return path === '' ? { layer, path, document: 'directory' } : { layer, path }
  }

  #isReserved(key: string): boolean {
    return key.startsWith(this.#reserved)
  }
}

/**
 * What a key holds at a place. Undefined, as when there is no such key, for a directory marker: tools that know
 * directories put `dir/` with nothing in it.
 */
export function valueAt({ path, document }: LayerKey, value: string | Buffer): unknown {
  const isMarker = value.length === 0 && (document === 'directory' || path.endsWith('/'))
  if (isMarker) return undefined
  if (typeof value === 'string') return value
  return isUtf8(value) ? value.toString() : NOT_TEXT
}

/** A key as text; one that is not UTF-8 percent-encodes its bytes, which no segment decodes to text again. */
export function keyText(key: Buffer): string {
  if (isUtf8(key)) return key.toString()
  return Array.from(key, (byte) =>
    byte < 0x80 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase()}`,
  ).join('')
}
