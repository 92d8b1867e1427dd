import { isUtf8 } from 'node:buffer'
import { type LayerInfo, Unreadable } from '@livetree/core/source'

/** Directory below the root that is reserved for livetree's own keys and never part of a configuration. */
const RESERVED = '.livetree'

/** The value of a leaf whose bytes are not UTF-8 text. */
const NOT_TEXT = new Unreadable('bytes that are not UTF-8 text')

/** The place of a key in a layer. */
export interface LayerKey {
  readonly layer: number
  readonly path: string
  /** For path `''`: which of the two keys holds the layer's own document. */
  readonly document?: 'key' | 'directory'
}

/** Maps keys below a root to layers. If one overlay contains another, a key may belong to both. */
export class Overlays {
  /** Ends in `/`. Every key that livetree reads begins with it. */
  readonly prefix: string
  readonly layers: readonly LayerInfo[]
  /**
   * Putting this key in a transaction allows every removal in that transaction; putting it alone allows everything removed
   * until then.
   */
  readonly allowRemovalKey: string
  /** The key of each overlay's own document; empty if the root is the only layer. */
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

  /** The places of a key in the layers; empty for a key of no overlay or of livetree itself. */
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

  /** The place of a key in a layer's directory, given its `path` below the directory; undefined for livetree's own keys. */
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
 * The value of a key at a place. Undefined, like a missing key, for a directory marker: some tools put `dir/` with an empty
 * value.
 */
export function valueAt({ path, document }: LayerKey, value: string | Buffer): unknown {
  const isMarker = value.length === 0 && (document === 'directory' || path.endsWith('/'))
  if (isMarker) return undefined
  if (typeof value === 'string') return value
  return isUtf8(value) ? value.toString() : NOT_TEXT
}

/** Converts a key to text. A key that is not UTF-8 is percent-encoded, in a form that decodes to no segment. */
export function keyText(key: Buffer): string {
  if (isUtf8(key)) return key.toString()
  return Array.from(key, (byte) =>
    byte < 0x80 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase()}`,
  ).join('')
}
