import { LivetreeError } from '@livetree/core'
import type { EtcdClient, EtcdClientOptions } from '@livetree/etcd'

/** Options of the etcd source that do not depend on where the client comes from. */
export interface EtcdTreeOptions {
  /** The directory all keys lie in, e.g. `/config/checkout`. */
  readonly root: string
  /**
   * Directories below the root, later wins: `['base', 'prod', 'zones/eu-1']`. All are read at one revision and followed
   * by one watch over the root. Default: the root itself is the only layer.
   */
  readonly overlays?: readonly string[]
  /** The source's name in status, origins and messages. Default `etcd`. */
  readonly name?: string
  /** Keys asked for at a time while listing. Default: 5,000, and more for the later pages of a large tree. */
  readonly pageSize?: number
}

/** A client of one's own, which stays open, or what to make one from, which is closed with the configuration. */
export type EtcdSourceOptions = EtcdTreeOptions &
  (
    | { readonly client: EtcdClient }
    | (Omit<EtcdClientOptions, 'clock' | 'logger' | 'signal'> & { readonly client?: undefined })
  )

/** Checked, with nothing left open. */
export interface ResolvedTree {
  readonly root: string
  readonly overlays: readonly string[]
  readonly name: string
  readonly pageSize: number | undefined
}

/** Throws `invalid_options`, naming the option. */
export function resolveTree(options: EtcdTreeOptions): ResolvedTree {
  const { root, overlays = [], name = 'etcd', pageSize } = options
  if (typeof root !== 'string' || /^\/*$/.test(root)) {
    throw invalid(
      'root',
      root,
      'a directory such as "/config/checkout"; the whole store cannot be a configuration',
    )
  }
  const cleaned = overlays.map((overlay) => overlay.replace(/^\/+|\/+$/g, ''))
  const empty = cleaned.indexOf('')
  if (empty >= 0)
    throw invalid(`overlays[${empty}]`, overlays[empty], 'the name of a directory below the root')
  const twice = cleaned.findIndex((overlay, index) => cleaned.indexOf(overlay) !== index)
  if (twice >= 0) throw invalid(`overlays[${twice}]`, overlays[twice], 'each overlay once')
  if (pageSize !== undefined && (!Number.isInteger(pageSize) || pageSize < 1)) {
    throw invalid('pageSize', pageSize, 'a whole number of keys from 1 on')
  }
  return Object.freeze({ root: root.replace(/\/+$/, ''), overlays: Object.freeze(cleaned), name, pageSize })
}

function invalid(option: string, given: unknown, expected: string): LivetreeError {
  return new LivetreeError(
    'invalid_options',
    `etcd({ ${option} }) is ${JSON.stringify(given)}; expected ${expected}.`,
  )
}
