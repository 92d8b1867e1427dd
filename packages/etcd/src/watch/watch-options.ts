import {
  BYTES,
  type Check,
  FLAG,
  MEMBER_ID,
  type OptionChecks,
  oneOf,
  SIGNAL,
  whole,
} from '../check-argument.ts'
import { EtcdError } from '../errors.ts'
import type { Entry } from '../kv/entry.ts'
import { isInRange } from '../reflector/is-in-range.ts'
import { milliseconds, numbersOf, type OptionTable, VALUE } from '../option-table.ts'
import { refuse as refuseOption } from '../refuse-option.ts'
import type { KeyRange } from '../key-range-form.ts'
import { assertHoldsKeys, bytesOf, Namespace, type WireRange } from '../key-range.ts'
import type { KeyValue } from '../wire/kv.ts'

/** An entry without its value. */
export type KnownEntry = Pick<Entry, 'keyBytes' | 'createRevision' | 'modRevision' | 'version'>

/** Number of keys a watch remembers to recognize its store; low, because there may be thousands of watches. */
export const MAX_OWN_EVIDENCE = 8

/** Where a watch starts, and what it delivers. */
export interface WatchOptions {
  /**
   * First revision to deliver. If the store is compacted at exactly this revision, a delete in it may be
   * missing.
   */
  readonly startRevision?: number
  /**
   * Everything up to this revision is known, e.g. from a list with this revision in its header. Prefer it to
   * `startRevision` after a list: it also detects a compaction at exactly the next revision. Default for
   * both: only what is written after a server has created the watch (`onCreated`, or `created` of a reader),
   * a round trip or more after the call.
   */
  readonly afterRevision?: number
  /**
   * Entries of the range as they were at `afterRevision`, which the caller has at hand: the store is recognized by them after
   * a lost connection. At most eight are used, and values are not compared. Default: the first keys of the range, which are
   * read for that once the watch is served.
   */
  readonly known?: readonly KnownEntry[]
  /**
   * The cluster that the revision belongs to, from the list's header. The watch ends if another cluster
   * answers.
   */
  readonly clusterId?: bigint
  /**
   * Deliver only puts or only deletes. Puts are left out by the server, deletes by the client, since the store is recognized
   * by them. Default: both.
   */
  readonly only?: 'puts' | 'deletes'
  /** Deliver the previous entry with each event. Default false. */
  readonly prevKv?: boolean
  /** Cancels the watch. */
  readonly signal?: AbortSignal
}

/** How far a `for await` reader may fall behind. */
export interface QueueOptions {
  /** Maximum number of queued events. Default 10,000. */
  readonly maxQueuedEvents?: number
  /** Maximum size of queued keys and values in bytes. Default 16 MiB. */
  readonly maxQueuedBytes?: number
}

/** Settings of the watch service's streams. */
export interface WatchSettings {
  /** Milliseconds between progress requests on a quiet stream. Default 5,000. */
  readonly progressIntervalMs?: number
  /**
   * Milliseconds without any reaction of the server to a request until the stream is closed. Default 5,000. The next
   * stream has twice the time, up to 5 minutes or this value if it is larger, until the server is quick again.
   */
  readonly progressGraceMs?: number
  /**
   * Milliseconds for connecting and the first message of a new stream; where there are other endpoints, a quarter of it.
   * Each time a stream says nothing until then, the next one has twice the time. Default 10,000.
   */
  readonly openTimeoutMs?: number
  /** Who assigns the ids of watches on a stream. Default `server`, which every proxy supports. */
  readonly idsFrom?: 'server' | 'client'
}

/** The validated `WatchOptions`. */
export interface WatchPlan {
  /** The range as the server knows it, with the namespace. */
  readonly range: WireRange
  /** First revision to deliver; undefined for "from now on". */
  readonly position: number | undefined
  /** A gap before `position` would be data loss, so it must be detected. */
  readonly isContinuing: boolean
  readonly clusterId: bigint | undefined
  /** Entries of the range just before `position`, without their values. */
  readonly known: readonly KeyValue[]
  readonly only: WatchOptions['only']
  readonly prevKv: boolean
}

function refuse(what: string): EtcdError {
  return new EtcdError('invalid_argument', { what, call: 'Watch/Watch' })
}

/**
 * Validates the options of a watch, and its range.
 *
 * @throws EtcdError `invalid_argument`
 */
export function planWatch(range: KeyRange, options: WatchOptions, namespace: Namespace): WatchPlan {
  const { startRevision, afterRevision, only } = options
  if (startRevision !== undefined && afterRevision !== undefined)
    throw refuse('startRevision and afterRevision were both given; afterRevision is startRevision - 1')
  assertNotEmpty(range)
  const wireRange = namespace.range(range)
  return Object.freeze({
    range: wireRange,
    known: knownIn(wireRange, options, namespace),
    position: afterRevision === undefined ? startRevision : afterRevision + 1,
    isContinuing: afterRevision !== undefined,
    clusterId: options.clusterId,
    only,
    prevKv: options.prevKv ?? false,
  })
}

/** @throws EtcdError `invalid_argument` for entries that cannot have been there at `afterRevision` */
function knownIn(
  range: WireRange,
  { known = [], afterRevision }: WatchOptions,
  namespace: Namespace,
): readonly KeyValue[] {
  if (known.length > 0 && afterRevision === undefined) throw refuse('known was given without afterRevision')
  return known.slice(0, MAX_OWN_EVIDENCE).map(({ keyBytes, createRevision, modRevision, version }) => {
    const key = Buffer.from(bytesOf(namespace.key(keyBytes)))
    if (!isInRange(range, key)) throw refuse('known has a key outside of the range')
    if (modRevision > (afterRevision ?? 0))
      throw refuse('known has an entry that was written after afterRevision')
    return { key, createRevision, modRevision, version, value: NO_VALUE, lease: 0n }
  })
}

const NO_VALUE = Buffer.alloc(0)

const WHOLE_STORE = new Namespace()

/**
 * Refuses a range that can contain no key, which etcd does not watch, and an invalid range.
 *
 * @throws EtcdError `invalid_argument`
 */
export function assertNotEmpty(range: KeyRange): void {
  assertHoldsKeys(WHOLE_STORE.range(range), 'Watch/Watch')
}

/** A revision up to which everything is known; 0 means nothing. */
export const REVISION: Check = whole(0)

const FIRST_REVISION: Check = {
  ...whole(1),
  expected: 'a whole number from 1 on; leave it out to watch from now',
}

const KNOWN: Check = {
  accepts: (value) => Array.isArray(value) && value.every(isKnownEntry),
  expected: 'a list of entries',
}

function isKnownEntry({ keyBytes, createRevision, modRevision, version }: KnownEntry): boolean {
  const isRevision = (value: unknown) => FIRST_REVISION.accepts(value)
  return BYTES.accepts(keyBytes) && [createRevision, modRevision, version].every(isRevision)
}

/** The checks of `WatchOptions`. */
export const WATCH_CHECKS: OptionChecks<WatchOptions> = {
  startRevision: FIRST_REVISION,
  afterRevision: REVISION,
  known: KNOWN,
  clusterId: MEMBER_ID,
  only: oneOf('puts', 'deletes'),
  prevKv: FLAG,
  signal: SIGNAL,
}

/** The checks of a watch with `for await`. */
export const READER_CHECKS: OptionChecks<WatchOptions & QueueOptions> = {
  ...WATCH_CHECKS,
  maxQueuedEvents: whole(1),
  maxQueuedBytes: whole(1),
}

/** Every setting of the watch service, with its bounds and its default. */
export const WATCH_SETTINGS = {
  progressIntervalMs: milliseconds(5_000),
  progressGraceMs: milliseconds(5_000),
  openTimeoutMs: milliseconds(10_000),
  idsFrom: VALUE,
} as const satisfies OptionTable<WatchSettings>

/**
 * Validates the settings and fills in the defaults.
 *
 * @throws EtcdError `invalid_option`
 */
export function resolveWatchSettings(settings: WatchSettings): Required<WatchSettings> {
  const { idsFrom = 'server' } = settings
  if (idsFrom !== 'server' && idsFrom !== 'client')
    throw refuseOption("watch.idsFrom is neither 'server' nor 'client'")
  return Object.freeze({ ...numbersOf('watch', WATCH_SETTINGS, settings), idsFrom })
}
