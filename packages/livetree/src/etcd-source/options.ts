import { checkOptions, optionKinds, type OptionTable } from '@livetree/core/source'
import { LivetreeError } from '@livetree/core'
import { checkClientOptions, type EtcdClient, type EtcdClientOptions } from '@livetree/etcd'

/** Options of the etcd source that do not depend on where the client comes from. */
export interface EtcdTreeOptions {
  /** The directory that contains all keys, e.g. `/config/checkout`. */
  readonly root: string
  /**
   * Directories below the root, later wins: `['base', 'prod', 'zones/eu-1']`. All are read at one revision and followed
   * by one watch over the root. Default: the root itself is the only layer.
   */
  readonly overlays?: readonly string[]
  /** The source's name in status, origins and messages. Default `etcd`. */
  readonly name?: string
  /** Number of keys per page while listing. Default: 5,000, increasing for later pages of a large tree. */
  readonly pageSize?: number
}

/** Either your own `client`, which stays open, or the options of one that is created and closed with the configuration. */
export type EtcdSourceOptions = EtcdTreeOptions &
  (
    | { readonly client: EtcdClient }
    | (Omit<EtcdClientOptions, 'clock' | 'logger' | 'signal'> & { readonly client?: undefined })
  )

/** `EtcdTreeOptions`, validated and with every default applied. */
export interface ResolvedTree {
  readonly root: string
  readonly overlays: readonly string[]
  readonly name: string
  readonly pageSize: number | undefined
}

/** Options of the tree; all others belong to the client. */
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

/** `EtcdSourceOptions`, validated: the tree, and a client or the options of one. */
export interface ResolvedSource {
  readonly tree: ResolvedTree
  readonly client: EtcdClient | undefined
  readonly clientOptions: EtcdClientOptions
}

/**
 * Validates the options of the tree and separates them from those of the client, which `createEtcdClient` validates.
 *
 * @throws LivetreeError `invalid_options`
 */
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

/** Removes trailing slashes. A pattern ending in `$` would be quadratic for a million slashes. */
function withoutSlashes(text: string): string {
  let length = text.length
  while (text[length - 1] === '/') length--
  return text.slice(0, length)
}
