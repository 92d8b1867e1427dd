import { hostname, userInfo } from 'node:os'
import { type ConfigDefinition, Keyring } from '@livetree/core'
import {
  checkOptions,
  type Clock,
  type Logger,
  optionKinds,
  type OptionTable,
  type Source,
} from '@livetree/core/source'
import { etcd, type EtcdSourceOptions } from 'livetree'
import { type EtcdStore, layerSharing, storeOf } from 'livetree/operate'
import type { $ZodType } from 'zod/v4/core'
import { AdminError } from './errors.ts'
import { translatedNow } from './translate-error.ts'

/** Options of `createAdmin`. */
export interface AdminOptions {
  /** Who writes, as the history shows it: 1 to 200 characters. Default: the user of this process, such as `ana@laptop`. */
  readonly author?: string | undefined
  /**
   * The store that is written: the options that `etcd()` takes, such as `{ endpoints, root }`. They stand in for the sources
   * of the definition. Default: the one source of `etcd()` among these.
   */
  readonly store?: EtcdSourceOptions | undefined
  /**
   * Everything that a running instance reads, the lowest precedence first, with one source of `etcd()`, which is written.
   * Trees are judged with all of them. What only instances have, such as their environment, can stand here as
   * `memory({ … })`. Default: the sources of the definition.
   */
  readonly sources?: readonly Source[] | undefined
  /** Opens and makes encrypted values. Default: the keys of the definition, or none: then these values cannot be written, nor judged. */
  readonly keys?: Keyring | undefined
  /** Where histories, instances and schemas are kept: a directory beside all layers. Default `/.livetree`. */
  readonly operationsPrefix?: string | undefined
  /** The number of records that each layer's history keeps, from 1 to 100,000. Default 1,000. */
  readonly historyLimit?: number | undefined
  /** The limit of every call with all its requests, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number | undefined
  /** The most operations that one transaction of the store takes: its `--max-txn-ops`. Default 128. */
  readonly maxOperations?: number | undefined
  /** The most bytes that one request of the store takes: its `--max-request-bytes`. Default 1.5 MiB. */
  readonly maxRequestBytes?: number | undefined
  /** Default: the system's clock. */
  readonly clock?: Clock | undefined
  /** Where the client reports. Default: nowhere. */
  readonly logger?: Logger | undefined
}

/** `AdminOptions` with every default applied. */
export interface ResolvedAdmin {
  readonly definition: ConfigDefinition<$ZodType>
  /** There is no schema: the definition takes every tree, and values are text. */
  readonly isUntyped: boolean
  readonly author: string
  readonly store: EtcdStore
  /** All sources; the one that reads the store is number `own`. */
  readonly sources: readonly Source[]
  readonly own: number
  readonly keyring: Keyring | undefined
  /** Without a slash at its end. */
  readonly operationsPrefix: string
  readonly historyLimit: number
  readonly timeoutMs: number
  readonly maxOperations: number
  readonly maxRequestBytes: number
  readonly clock: Clock
  readonly logger: Logger | undefined
}

function count(least: number, most: number) {
  return {
    expected: `a whole number from ${least} to ${most}`,
    test: (value: unknown) =>
      Number.isInteger(value) && (value as number) >= least && (value as number) <= most,
    isShown: true,
  }
}

const OPTION_TABLE: OptionTable = {
  author: optionKinds.name,
  store: {
    expected: 'options of etcd(), such as { endpoints, root }',
    test: optionKinds.isObject,
  },
  sources: {
    expected: 'a list of sources, one of them of etcd()',
    test: (sources) => Array.isArray(sources) && sources.length > 0,
  },
  keys: { expected: 'what keyring() returns', test: (keys) => keys instanceof Keyring },
  operationsPrefix: {
    expected: 'a directory of the store such as "/.livetree"',
    test: (prefix) => typeof prefix === 'string' && /[^/]/.test(prefix),
    isShown: true,
  },
  historyLimit: count(1, 100_000),
  timeoutMs: optionKinds.milliseconds,
  maxOperations: count(4, 1_000_000),
  maxRequestBytes: count(1_024, 1024 ** 3),
  clock: optionKinds.withMethods('now', 'setTimeout', 'clearTimeout'),
  logger: optionKinds.withMethods('debug', 'info', 'warn', 'error'),
}

const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
}

/**
 * Checks the options and finds the store that is written.
 *
 * @throws AdminError `invalid_options`
 */
export function resolveAdmin(
  definition: ConfigDefinition<$ZodType>,
  options: AdminOptions,
  isUntyped = false,
): ResolvedAdmin {
  translatedNow(() => checkOptions('createAdmin()', options, OPTION_TABLE))
  const sources = sourcesOf(definition, options)
  const stores = sources.flatMap((source, index) => {
    const store = storeOf(source)
    return store === undefined ? [] : [{ store, index }]
  })
  const [first, ...others] = stores
  if (first === undefined) throw invalid('needs a source of etcd() to write to, and there is none', STORE)
  if (others.length > 0) throw invalid(`found ${stores.length} sources of etcd() and writes to one`, STORE)
  const operationsPrefix = withoutSlash(options.operationsPrefix ?? '/.livetree')
  assertBeside(operationsPrefix, first.store)
  return Object.freeze({
    definition,
    isUntyped,
    author: options.author ?? processAuthor(),
    store: first.store,
    sources,
    own: first.index,
    keyring: options.keys ?? translatedNow(() => definition.keys?.()),
    operationsPrefix,
    historyLimit: options.historyLimit ?? 1_000,
    timeoutMs: options.timeoutMs ?? 10_000,
    maxOperations: options.maxOperations ?? 128,
    maxRequestBytes: options.maxRequestBytes ?? 1.5 * 1024 * 1024,
    clock: options.clock ?? systemClock,
    logger: options.logger,
  })
}

const STORE = 'Give { store: { endpoints, root } }, or sources with one etcd().'

/** Records among the keys of a layer would be configuration, and a layer among the records would be history. */
function assertBeside(operationsPrefix: string, { prefixes }: EtcdStore): void {
  const layer = layerSharing(operationsPrefix, prefixes)
  if (layer === undefined) return
  throw invalid(
    `got operationsPrefix = "${operationsPrefix}", which shares keys with the layer ${layer.slice(0, -1)}`,
    'Choose a directory beside all layers, such as "/.livetree".',
  )
}

function sourcesOf(
  definition: ConfigDefinition<$ZodType>,
  { store, sources }: AdminOptions,
): readonly Source[] {
  if (store !== undefined && sources !== undefined)
    throw invalid('got both store and sources', 'Give one of them.')
  if (store !== undefined) return [translatedNow(() => etcd(store))]
  if (sources !== undefined) return [...sources]
  if (definition.sources === undefined)
    throw invalid(`needs sources, and the definition "${definition.name}" has none`, STORE)
  return translatedNow(() => definition.sources?.() ?? [])
}

function invalid(what: string, remedy: string): AdminError {
  return new AdminError('invalid_options', { what: `createAdmin() ${what}`, remedy })
}

function withoutSlash(prefix: string): string {
  let length = prefix.length
  while (prefix[length - 1] === '/') length--
  return prefix.slice(0, length)
}

/** The user of this process, which may have no name in a container. */
function processAuthor(): string {
  const host = hostname().slice(0, 100)
  try {
    return `${userInfo().username.slice(0, 90)}@${host}`
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}@${host}`
  }
}
