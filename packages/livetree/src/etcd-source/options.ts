import { checkOptions, keyText, optionKinds, type OptionTable } from '@livetree/core/source'
import { LivetreeError } from '@livetree/core'
import {
  type Bytes,
  checkClientOptions,
  copyClientOptions,
  type EtcdClient,
  type EtcdClientOptions,
} from '@livetree/etcd'
import { type EtcdLayer, resolveDirectories, resolveRoot } from './directories.ts'
import { planOfDirectories, planOfRoot, type TreePlan } from './tree-plan.ts'

/** Directories below one that the user may read as a whole. */
export interface EtcdRootOptions {
  /** The directory that contains all keys, e.g. `/config/checkout`, without a slash at its end. */
  readonly root: string
  /**
   * Directories below the root, later wins: `['base', 'prod', 'zones/eu-1']`, without a slash at either end. All are read at one revision and followed
   * by one watch over the root. Default: the root itself is the only layer.
   */
  readonly overlays?: readonly string[]
  readonly layers?: undefined
}

/** Directories anywhere in the store. */
export interface EtcdLayersOptions {
  /**
   * The layers, later wins. All are read at one revision and followed together, with a watch for each directory that is
   * not inside another one: a transaction over several of them is one change.
   */
  readonly layers: readonly EtcdLayer[]
  readonly root?: undefined
  readonly overlays?: undefined
}

/** Options of the etcd source that do not depend on where the client comes from. */
export type EtcdTreeOptions = (EtcdRootOptions | EtcdLayersOptions) & {
  /** The source's name in status, origins and messages. Default `etcd`. */
  readonly name?: string
  /** Number of keys per page while listing. Default: 5,000, increasing for later pages of a large tree. */
  readonly pageSize?: number
}

/** Either your own `client`, which stays open, or the options of one that is created, and closed with the last configuration that uses it. */
export type EtcdSourceOptions = EtcdTreeOptions &
  (
    | { readonly client: EtcdClient; readonly ownClient?: undefined }
    | (Omit<EtcdClientOptions, 'clock' | 'logger' | 'signal'> & {
        readonly client?: undefined
        /**
         * Whether the source has a client of its own. Default false: sources of a process whose options of the client are
         * equal share one, with its connections and its watch stream.
         */
        readonly ownClient?: boolean
      })
  )

/** Options of the tree; all others belong to the client. */
const OPTION_TABLE: OptionTable = {
  root: {
    expected: 'a directory such as "/config/checkout"; the whole store cannot be a configuration',
    test: (root) => typeof root === 'string' && !/^\/*$/.test(root),
    isShown: true,
  },
  overlays: {
    expected: 'a list of names of directories below the root',
    test: (overlays) => Array.isArray(overlays) && overlays.every((each) => typeof each === 'string'),
  },
  layers: {
    expected: 'a list of layers such as { prefix: "/config/shared/redis", at: "redis" }, at least one',
    test: (layers) => Array.isArray(layers) && layers.length > 0,
  },
  name: optionKinds.name,
  ownClient: optionKinds.flag,
  pageSize: {
    expected: 'a whole number of keys from 1 on',
    test: (size) => Number.isInteger(size) && (size as number) >= 1,
    isShown: true,
  },
}

/** `EtcdSourceOptions`, validated and with every default applied: what is read, and a client or the options of one. */
export interface ResolvedSource {
  readonly plan: TreePlan
  readonly name: string
  readonly pageSize: number | undefined
  readonly client: EtcdClient | undefined
  readonly ownClient: boolean
  readonly clientOptions: EtcdClientOptions
  /** What the client puts before each key, as text; empty: nothing. */
  readonly namespace: string
}

/** Options of a client that a source has from its configuration. */
const OF_CONFIGURATION = ['clock', 'logger', 'signal'] as const

/**
 * Validates the options, and separates those of the tree from those of the client.
 *
 * @throws LivetreeError `invalid_options` for options of the tree; EtcdError `invalid_option` for options of the client
 */
export function resolveSource(options: EtcdSourceOptions): ResolvedSource {
  const isObject = optionKinds.isObject(options)
  const { client, ownClient, root, overlays, layers, name, pageSize, ...others } = isObject
    ? options
    : ({} as never)
  checkOptions(
    'etcd()',
    isObject ? { root, overlays, layers, name, pageSize, ownClient } : options,
    OPTION_TABLE,
  )
  const clientOptions = copyClientOptions(options as EtcdClientOptions)
  const given = { ...others, ...clientOptions }
  if (client === undefined) assertClientOptions(given)
  else assertNone({ ...given, ...(ownClient !== undefined && { ownClient }) })
  const plan = planOf({ root, overlays, layers })
  return {
    plan,
    name: name ?? 'etcd',
    pageSize,
    client,
    ownClient: ownClient ?? false,
    clientOptions,
    namespace: namespaceOf(client ?? clientOptions),
  }
}

function assertClientOptions(given: EtcdClientOptions): void {
  const foreign = OF_CONFIGURATION.find((each) => given[each] !== undefined)
  if (foreign !== undefined)
    throw invalid(
      `takes no ${foreign}: its client has that of the configuration. Give it to load(), or a client that has one`,
    )
  checkClientOptions(given)
}

/** A client that is given has its options already. */
function assertNone(given: object): void {
  const [needless] = Object.keys(given)
  if (needless === 'ownClient') throw invalid('got both a client and ownClient: give one of them')
  if (needless !== undefined)
    throw invalid(`got both a client and ${needless}: give ${needless} to createEtcdClient() instead`)
}

function namespaceOf({ namespace = '' }: { readonly namespace?: Bytes }): string {
  return keyText(Buffer.from(namespace as string))
}

/**
 * Validates the options that say what is read.
 *
 * @throws LivetreeError `invalid_options`
 */
export function resolveTree(options: EtcdRootOptions | EtcdLayersOptions): TreePlan {
  checkOptions('etcd()', options, OPTION_TABLE)
  const { root, overlays, layers } = options
  return planOf({ root, overlays, layers })
}

interface Given {
  readonly root: string | undefined
  readonly overlays: readonly string[] | undefined
  readonly layers: readonly EtcdLayer[] | undefined
}

function planOf({ root, overlays, layers }: Given): TreePlan {
  if (layers === undefined) {
    if (root === undefined) throw invalid('needs a root, such as "/config/checkout", or layers')
    const resolved = resolveRoot(root, overlays ?? [])
    return planOfRoot(resolved.root, resolved.overlays)
  }
  const other = root === undefined ? overlays && 'overlays' : 'root'
  if (other === undefined) return planOfDirectories(resolveDirectories(layers))
  throw invalid(`got both layers and ${other}: give the layers alone, each with its whole prefix`)
}

function invalid(what: string): LivetreeError {
  return new LivetreeError('invalid_options', `etcd() ${what}.`)
}
