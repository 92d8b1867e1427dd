import { checkOptions, optionKinds, type OptionTable } from '@livetree/core/source'
import { LivetreeError } from '@livetree/core'
import { checkClientOptions, type EtcdClient, type EtcdClientOptions } from '@livetree/etcd'

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

/** Options of the tree; all others are the client's. */
const table: OptionTable = {
  root: {
    expected: 'a directory such as "/config/checkout"; the whole store cannot be a configuration',
    test: (root) => typeof root === 'string' && !/^\/*$/.test(root),
    isShown: true,
  },
  overlays: {
    expected: 'a list of names of directories below the root',
    test: (overlays) => Array.isArray(overlays) && overlays.every((each) => typeof each === 'string'),
  },
  name: optionKinds.name,
  pageSize: {
    expected: 'a whole number of keys from 1 on',
    test: (size) => Number.isInteger(size) && (size as number) >= 1,
    isShown: true,
  },
}

/** What a source needs, checked: the tree, and a client or what to make one from. */
export interface ResolvedSource {
  readonly tree: ResolvedTree
  readonly client: EtcdClient | undefined
  readonly clientOptions: EtcdClientOptions
}

/** Throws `invalid_options` for those of the tree, EtcdError `invalid_option` for those of the client. */
export function resolveSource(options: EtcdSourceOptions): ResolvedSource {
  const isObject = optionKinds.isObject(options)
  const { client, root, overlays, name, pageSize, ...clientOptions } = isObject ? options : ({} as never)
  checkOptions('etcd()', isObject ? { root, overlays, name, pageSize } : options, table)
  const [needless] = Object.keys(clientOptions)
  if (client === undefined) checkClientOptions(clientOptions)
  else if (needless !== undefined) {
    throw invalid(`got both a client and ${needless}: give ${needless} to createEtcdClient() instead`)
  }
  return { tree: resolveTree({ root, overlays, name, pageSize }), client, clientOptions }
}

function resolveTree({ root, overlays = [], name = 'etcd', pageSize }: Given): ResolvedTree {
  if (root === undefined) throw invalid('needs a root, such as "/config/checkout"')
  const names = overlays.map((overlay) => withoutSlashes(overlay).replace(/^\/+/, ''))
  const wrong = names.findIndex((each, index) => each === '' || names.indexOf(each) !== index)
  if (wrong >= 0) {
    const given = JSON.stringify(overlays[wrong])
    throw invalid(
      `got overlays[${wrong}] = ${given}; expected the name of a directory below the root, each once`,
    )
  }
  return Object.freeze({
    root: withoutSlashes(root),
    overlays: Object.freeze(names),
    name,
    pageSize,
  })
}

type Given = { readonly [K in keyof EtcdTreeOptions]?: EtcdTreeOptions[K] | undefined }

function invalid(what: string): LivetreeError {
  return new LivetreeError('invalid_options', `etcd() ${what}.`)
}

/** Without those at the end. A pattern that ends in `$` would begin anew at each of a million slashes. */
function withoutSlashes(text: string): string {
  let length = text.length
  while (text[length - 1] === '/') length--
  return text.slice(0, length)
}
