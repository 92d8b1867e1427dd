import { isUtf8 } from 'node:buffer'
import { keyText, type LayerInfo, type RemovalPermission, shellWord, Unreadable } from '@livetree/core/source'
import { isReserved, type TreePlan } from './tree-plan.ts'

/** The value of a leaf whose bytes are not UTF-8 text. */
const NOT_TEXT = new Unreadable('bytes that are not UTF-8 text')

/** The place of a key in a layer. */
export interface LayerKey {
  readonly layer: number
  readonly path: string
  /** For path `''`: which of the two keys holds the layer's own document. */
  readonly document?: 'key' | 'directory'
}

/** Maps keys to layers. A key may belong to several: its directory is mounted at several places, or inside another. */
export class TreeLayers {
  readonly plan: TreePlan
  readonly #namespace: string
  readonly layers: readonly LayerInfo[]
  /** The directories of the layers, each once. They end in `/`. */
  readonly prefixes: readonly string[]
  /** The keys of layers' own documents besides those of their directories. */
  readonly documents: readonly { readonly key: string; readonly layer: number }[]
  /**
   * Putting one of these keys in a transaction allows every removal in that transaction from its layers; putting it alone
   * allows everything removed from them until then.
   */
  readonly removalKeys: readonly string[]
  readonly removalBytes: readonly Buffer[]
  /** For each of the directories, the layers that it is. */
  readonly #layersOf: readonly (readonly number[])[]
  readonly #prefixBytes: readonly Buffer[]
  readonly #documentBytes: readonly (Buffer | undefined)[]

  /** `namespace`: what the client puts before each key, as text. */
  constructor(plan: TreePlan, namespace = '') {
    this.plan = plan
    this.#namespace = namespace
    const { layers, removalKeys } = plan
    this.removalKeys = removalKeys.map(({ key }) => key)
    this.removalBytes = this.removalKeys.map((key) => Buffer.from(key))
    this.prefixes = [...new Set(layers.map(({ keyPrefix }) => keyPrefix))]
    this.#layersOf = this.prefixes.map((prefix) =>
      layers.flatMap(({ keyPrefix }, layer) => (keyPrefix === prefix ? [layer] : [])),
    )
    this.layers = layers.map(
      ({ keyPrefix, documentKey = keyPrefix, at, unused, isOptional = false }, layer) => {
        const directory = `etcd:${keyPrefix.slice(0, -1)}`
        const isAlone = layers.filter((other) => other.keyPrefix === keyPrefix).length === 1
        const allowed = removalKeys.find((each) => each.layers.includes(layer))
        return {
          name: at === undefined || isAlone ? directory : `${directory} at ${at}`,
          keyPrefix,
          documentKey,
          ...(namespace !== '' && { namespace }),
          separator: '/',
          naming: 'stored' as const,
          unused,
          mayBeMissing: isOptional,
          ...(at !== undefined && { at }),
          ...(allowed !== undefined && {
            removalCommand: `etcdctl put ${shellWord(this.storeKey(allowed.key))} yes`,
          }),
        }
      },
    )
    this.documents = layers.flatMap(({ documentKey: key }, layer) =>
      key === undefined ? [] : [{ key, layer }],
    )
    this.#prefixBytes = layers.map(({ keyPrefix }) => Buffer.from(keyPrefix))
    this.#documentBytes = layers.map(({ documentKey }) =>
      documentKey === undefined ? undefined : Buffer.from(documentKey),
    )
  }

  /** A key or the prefix of keys as etcd itself has it, for clients without the namespace, such as etcdctl. */
  storeKey(key: string): string {
    return this.#namespace + key
  }

  /** The layers that one of `prefixes` is, by its index. */
  layersAt(prefix: number): readonly number[] {
    return this.#layersOf[prefix] ?? []
  }

  /** The places of a key in the layers; empty for a key of no layer or of livetree itself. */
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
    if (isReserved(path)) return undefined
    return path === '' ? { layer, path, document: 'directory' } : { layer, path }
  }

  /** The layers from which removals are allowed by those of `removalKeys` for which `isPut` is true. */
  permissionOf(isPut: (key: number) => boolean): RemovalPermission {
    const put = this.plan.removalKeys.filter((_, index) => isPut(index))
    const allowed = new Set(put.flatMap(({ layers }) => layers))
    if (allowed.size === 0) return false
    return allowed.size === this.layers.length ? true : [...allowed].sort((a, b) => a - b)
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
