import { checkOptions, type OptionTable } from '../check-options.ts'
import { LivetreeError } from '../errors.ts'
import {
  abortSignal,
  list,
  logger as loggerKind,
  milliseconds,
  oneOf,
  text,
  withMethods,
} from '../option-kinds.ts'
import { Keyring } from '../keyring/keyring.ts'
import { absolutePath } from '../source/absolute-path.ts'
import type { Clock, Source } from '../source/source.ts'
import { systemClock } from '../clock.ts'
import type { LoggerLike } from '../to-logger.ts'
import { checkSources } from './check-sources.ts'

/** What `load` does if a store cannot be reached in time or its tree is invalid. */
export type OnUnavailable =
  /** `load` rejects. */
  | 'fail'
  /** Serves the snapshot on disk until the store delivers a valid tree. `load` rejects if there is no usable snapshot. */
  | 'snapshot'
  /** Serves the other sources and the schema's defaults. `load` rejects if these are not valid together. */
  | 'defaults'

/** Options of the snapshot on disk. */
export interface SnapshotOptions {
  /** Path of the file, relative to the working directory at the time of `load`. A missing directory is created; a file that is no snapshot is left as it is, and reported. */
  readonly path: string
  /** Encrypts the file. Must not be empty. Default: the file is not encrypted and omits everything that may be secret; it is then refused at a start unless higher layers give all that. */
  readonly key?: string | Uint8Array | undefined
  /** Minimum time between two writes, in milliseconds. Default 1,000. */
  readonly intervalMs?: number | undefined
}

/** Options of `ConfigDefinition.load`. */
export interface LoadOptions {
  /** Later sources win, leaf by leaf. Default: the sources of the definition. */
  readonly sources?: readonly Source[] | undefined
  readonly startup?:
    | {
        /**
         * How long `load` waits for the first valid state, in milliseconds. Default 10,000. A snapshot that has not been read
         * by then gets 5 s more, unless `onUnavailable` is `fail`; then a source that has waited for it has up to 5 s to hand over
         * what it has read.
         */
        readonly timeoutMs?: number | undefined
        /** Applies to remote sources only: `load` always rejects if a local source cannot be read. Default `fail`. */
        readonly onUnavailable?: OnUnavailable | undefined
      }
    | undefined
  /** Keeps the last good state of the remote sources on disk. Default: nothing is written. Ignored without a remote source. */
  readonly snapshot?: SnapshotOptions | undefined
  /** Opens the values that `secret(…, { encrypted: true })` asks for; see `keyring`. Default: the keys of the definition, or none. */
  readonly keys?: Keyring | undefined
  /**
   * How long a remote source may be silent before the configuration is `stale`, in milliseconds. Default 30,000. With the
   * etcd source at least 500; `Infinity`: for any time.
   */
  readonly staleAfterMs?: number | undefined
  /** Age of the last proof, in milliseconds, above which `health.isReady` is false. Default: no limit. */
  readonly maxStalenessMs?: number | undefined
  /**
   * Console, pino, winston, Fastify's or Nest's logger, or your own object; `false` disables logging. Default: warnings and
   * errors go to `process.emitWarning`, each cause once, unless there is a listener for their event.
   */
  readonly logger?: LoggerLike | false | undefined
  /** Replaces the system clock, for tests. */
  readonly clock?: Clock | undefined
  /** Aborts `load`, which then rejects with `aborted`. Has no effect after loading. */
  readonly signal?: AbortSignal | undefined
}

/** `LoadOptions` with every default applied. */
export interface ResolvedLoadOptions {
  readonly sources: readonly Source[]
  readonly timeoutMs: number
  readonly onUnavailable: OnUnavailable
  readonly snapshot:
    | { readonly path: string; readonly key: string | Uint8Array | undefined; readonly intervalMs: number }
    | undefined
  readonly keys: Keyring | undefined
  readonly staleAfterMs: number
  readonly maxStalenessMs: number
  /** Undefined if none was given. */
  readonly logger: LoggerLike | false | undefined
  readonly clock: Clock
  readonly signal: AbortSignal | undefined
}

const OPTION_TABLE: OptionTable = {
  sources: list,
  startup: { timeoutMs: milliseconds, onUnavailable: oneOf('fail', 'snapshot', 'defaults') },
  snapshot: {
    path: text,
    key: {
      expected: 'text or bytes that are not empty; leave it out to keep secrets off the disk',
      test: (key) => (typeof key === 'string' || key instanceof Uint8Array) && key.length > 0,
    },
    intervalMs: milliseconds,
  },
  keys: { expected: 'what keyring() returns', test: (keys) => keys instanceof Keyring },
  staleAfterMs: milliseconds,
  maxStalenessMs: milliseconds,
  logger: loggerKind,
  clock: withMethods('now', 'setTimeout', 'clearTimeout'),
  signal: abortSignal,
}

/** What a definition gives where the options do not. */
export interface DefinedDefaults {
  readonly sources: (() => readonly Source[]) | undefined
  readonly keys: (() => Keyring) | undefined
}

/**
 * Validates the options and applies defaults.
 *
 * @param defined used if the options have no `sources`, or no `keys`
 * @throws LivetreeError `invalid_options`, naming the option
 */
export function resolveLoadOptions(options: LoadOptions, defined: DefinedDefaults): ResolvedLoadOptions {
  checkOptions('load()', options, OPTION_TABLE)
  const { startup = {}, snapshot, logger, clock = systemClock } = options
  const { onUnavailable = 'fail', timeoutMs = 10_000 } = startup
  if (snapshot !== undefined && snapshot.path === undefined) {
    refuse('snapshot.path does not say where the snapshot is kept')
  }
  if (onUnavailable === 'snapshot' && snapshot === undefined) {
    refuse("startup.onUnavailable is 'snapshot', but snapshot.path does not say where it is")
  }
  return Object.freeze({
    sources: checkSources(options.sources ?? defined.sources?.()),
    timeoutMs,
    onUnavailable,
    snapshot: snapshot && {
      path: absolutePath(snapshot.path),
      key: snapshot.key,
      intervalMs: snapshot.intervalMs ?? 1_000,
    },
    keys: checkKeyring(options.keys ?? defined.keys?.()),
    staleAfterMs: options.staleAfterMs ?? 30_000,
    maxStalenessMs: options.maxStalenessMs ?? Number.POSITIVE_INFINITY,
    logger,
    clock,
    signal: options.signal,
  })
}

function checkKeyring(keys: unknown): Keyring | undefined {
  if (keys === undefined || keys instanceof Keyring) return keys
  return refuse('the function `keys` of the definition did not return what keyring() returns')
}

function refuse(what: string): never {
  throw new LivetreeError('invalid_options', `Cannot load the configuration: ${what}.`)
}
