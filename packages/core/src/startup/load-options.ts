import { resolve } from 'node:path'
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
import type { Clock, Source } from '../source/source.ts'
import { systemClock } from '../clock.ts'
import type { LoggerLike } from '../to-logger.ts'
import { checkSources } from './check-sources.ts'

/** What `load` does when a store cannot be reached in time, or has a tree that is not valid. */
export type OnUnavailable =
  /** Rejects. */
  | 'fail'
  /** Serves the snapshot on disk until the store has a valid tree. Rejects where there is none that can be used. */
  | 'snapshot'
  /** Serves what the other sources and the schema's defaults give. Rejects where that is not valid. */
  | 'defaults'

export interface SnapshotOptions {
  /** Of the file, relative to the working directory at the time of `load`; its directory is made if there is none. */
  readonly path: string
  /** Encrypts the file. Without one (or `undefined`), everything that may hold a secret is left out of it. Must not be empty. */
  readonly key?: string | Uint8Array | undefined
  /** At most one write in this time, in milliseconds. Default 1,000. */
  readonly intervalMs?: number | undefined
}

export interface LoadOptions {
  /** Later ones win, leaf by leaf. Default: those of the definition. */
  readonly sources?: readonly Source[] | undefined
  readonly startup?:
    | {
        /** Bounds `load`. Default 10,000. */
        readonly timeoutMs?: number | undefined
        /** Concerns remote sources only: a local one that cannot be read always makes `load` reject. Default `fail`. */
        readonly onUnavailable?: OnUnavailable | undefined
      }
    | undefined
  /** Keeps the last good state of the remote sources on disk. Default, and where no source is remote: nothing is written. */
  readonly snapshot?: SnapshotOptions | undefined
  /** Silence of a remote source, in milliseconds, after which the configuration is `stale`. Default 30,000. */
  readonly staleAfterMs?: number | undefined
  /** Age of the last proof, in milliseconds, from which on `health.isReady` is false. Default: no age. */
  readonly maxStalenessMs?: number | undefined
  /**
   * Console, pino, winston, Fastify's or Nest's logger, or an object of one's own; false: silence. Default: warnings and
   * errors go to `process.emitWarning`, each cause once, unless there is a listener for their event.
   */
  readonly logger?: LoggerLike | false | undefined
  readonly clock?: Clock | undefined
  /** Ends `load`, which then rejects with `aborted`. Has no effect once loaded. */
  readonly signal?: AbortSignal | undefined
}

/** All options with nothing left open. */
export interface ResolvedLoadOptions {
  readonly sources: readonly Source[]
  readonly timeoutMs: number
  readonly onUnavailable: OnUnavailable
  readonly snapshot:
    | { readonly path: string; readonly key: string | Uint8Array | undefined; readonly intervalMs: number }
    | undefined
  readonly staleAfterMs: number
  readonly maxStalenessMs: number
  /** undefined: none was given. */
  readonly logger: LoggerLike | false | undefined
  readonly clock: Clock
  readonly signal: AbortSignal | undefined
}

const table: OptionTable = {
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
  staleAfterMs: milliseconds,
  maxStalenessMs: milliseconds,
  logger: loggerKind,
  clock: withMethods('now', 'setTimeout', 'clearTimeout'),
  signal: abortSignal,
}

/** @throws LivetreeError `invalid_options`, naming the option */
export function resolveLoadOptions(
  options: LoadOptions,
  definedSources: (() => readonly Source[]) | undefined,
): ResolvedLoadOptions {
  checkOptions('load()', options, table)
  const { startup = {}, snapshot, logger, clock = systemClock } = options
  const { onUnavailable = 'fail', timeoutMs = 10_000 } = startup
  if (snapshot !== undefined && snapshot.path === undefined) {
    refuse('snapshot.path does not say where the snapshot is kept')
  }
  if (onUnavailable === 'snapshot' && snapshot === undefined) {
    refuse("startup.onUnavailable is 'snapshot', but snapshot.path does not say where it is")
  }
  return Object.freeze({
    sources: checkSources(options.sources ?? definedSources?.()),
    timeoutMs,
    onUnavailable,
    snapshot: snapshot && {
      path: resolve(snapshot.path),
      key: snapshot.key,
      intervalMs: snapshot.intervalMs ?? 1_000,
    },
    staleAfterMs: options.staleAfterMs ?? 30_000,
    maxStalenessMs: options.maxStalenessMs ?? Number.POSITIVE_INFINITY,
    logger,
    clock,
    signal: options.signal,
  })
}

function refuse(what: string): never {
  throw new LivetreeError('invalid_options', `Cannot load the configuration: ${what}.`)
}
