import type { LayerInfo } from '@livetree/core'

/** Below the root, kept for livetree's own keys; never part of a configuration. */
const RESERVED = '.livetree'

/** A key of the store as the place it has in a layer. */
export interface Place {
  readonly layer: number
  readonly path: string
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
  }

  /** The layers a key is in, and where; none for a key of another overlay or of livetree itself. */
  locate(key: string): Place[] {
    if (key.startsWith(this.#reserved)) return []
    const places: Place[] = []
    for (const [layer, { keyPrefix }] of this.layers.entries()) {
      if (key.startsWith(keyPrefix)) places.push({ layer, path: key.slice(keyPrefix.length) })
      // a document for the whole overlay stands at the overlay's own key
      else if (this.documentKeys[layer] === key) places.push({ layer, path: '' })
    }
    return places
  }

  /** Whether a path of a layer is one of livetree's own keys. */
  isReserved(layer: number, path: string): boolean {
    return path.startsWith(RESERVED) && (this.layers[layer]!.keyPrefix + path).startsWith(this.#reserved)
  }

  /** Made by tools that know directories: `dir/` with nothing in it. */
  isDirectoryMarker(path: string, value: unknown): boolean {
    return value === '' && (path === '' || path.endsWith('/'))
  }
}
