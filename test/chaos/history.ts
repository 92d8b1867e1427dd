import type { Issue, Path } from 'livetree'

export type { Path }

/**
 * What a run leaves behind: everything that was written, what the store made of it, and what each consumer was given.
 * The recorder fills it, the validators judge it; it is plain data and can be stored as JSON lines and judged again.
 */
export interface History {
  /** One for each store the consumers had to do with; a restored or replaced store is another one. In order of time. */
  readonly epochs: readonly StoreHistory[]
  readonly writes: readonly WriteRecord[]
  readonly watches: readonly WatchHistory[]
  readonly configs: readonly ConfigHistory[]
}

/** What a store held and did, as a plain witness of its own saw it: node:http2, no fault in between, none of our client. */
export interface StoreHistory {
  readonly clusterId: string
  /** Only keys that begin so are recorded. Absent: all are, and then no revision is missing. */
  readonly prefix?: string
  /** The witness began after this revision, and the tree was this: key to entry. */
  readonly baseRevision: number
  readonly base: readonly StoreEntry[]
  /** Every revision after `baseRevision` that changed something, without gaps in what changed, in order. */
  readonly revisions: readonly StoreRevision[]
  /** Revisions the history was compacted at; a previous value from before the highest of them may be missing. */
  readonly compactions?: readonly number[]
  /** What a linearizable read found at the end: all that was recorded, replayed, must come to this. */
  readonly final?: { readonly revision: number; readonly entries: readonly StoreEntry[] }
}

/** A key and what it held. Keys and values are UTF-8 text; values that are not are recorded as `base64:…`. */
export interface StoreEntry {
  readonly key: string
  readonly value: string
  readonly createRevision: number
  readonly modRevision: number
  readonly version: number
}

export interface StoreRevision {
  readonly revision: number
  /** In the store's order; never empty. */
  readonly events: readonly StoreEvent[]
}

/** One change of one key. */
export type StoreEvent =
  | {
      readonly type: 'put'
      readonly key: string
      readonly value: string
      readonly createRevision: number
      readonly modRevision: number
      readonly version: number
      /** Only where it was asked for and there was one. */
      readonly previous?: StoreEntry
    }
  | {
      readonly type: 'delete'
      readonly key: string
      readonly modRevision: number
      readonly previous?: StoreEntry
    }

/** One write as its writer saw it. All values written in a run are different, so that each can be found again. */
export interface WriteRecord {
  readonly writer: string
  /** Monotonic milliseconds of the run. */
  readonly calledAtMs: number
  readonly returnedAtMs: number
  readonly operations: readonly (
    | { readonly type: 'put'; readonly key: string; readonly value: string }
    | { readonly type: 'delete'; readonly key: string }
  )[]
  /** `refused`: certainly not applied. `unknown`: applied once or not at all, and nobody knows (`outcome_unknown`). */
  readonly outcome:
    | { readonly type: 'applied'; readonly revision: number }
    | { readonly type: 'refused'; readonly code: string }
    | { readonly type: 'unknown'; readonly code: string }
}

/** One watcher of the etcd client: what it asked for, and what it was given, in order. */
export interface WatchHistory {
  readonly name: string
  /** `rangeEnd` as etcd takes it; absent for a single key. */
  readonly key: string
  readonly rangeEnd?: string
  readonly only?: 'puts' | 'deletes'
  readonly prevKv: boolean
  /** The consumer was waited for until it had everything up to this revision of its last store. Absent if it was not. */
  readonly completeUntil?: number
  readonly records: readonly WatchRecord[]
}

export type WatchRecord =
  /** Taken on. `position`: the first revision it has to deliver. Again after `ended` when the consumer watches anew. */
  | {
      readonly type: 'created'
      readonly position: number
      readonly clusterId: string
      readonly endpoint: string
      /** The store's revision when the server had taken the watch on, where the consumer hears of it. */
      readonly revision?: number
    }
  | {
      readonly type: 'resumed'
      readonly position: number
      readonly endpoint: string
      readonly revision?: number
    }
  | { readonly type: 'disconnected'; readonly code?: string }
  /** One call of the handler. */
  | { readonly type: 'events'; readonly revision: number; readonly events: readonly StoreEvent[] }
  /** The client says that nothing up to `revision` is missing. `isExact` is false on servers that answer early. */
  | { readonly type: 'progress'; readonly revision: number; readonly isExact: boolean }
  /** The history from `position` on is gone; the consumer lists and watches anew. */
  | { readonly type: 'compacted'; readonly compactRevision: number; readonly position: number }
  | { readonly type: 'clusterChanged'; readonly reason: string }
  | { readonly type: 'ended'; readonly code?: string }
  /** The consumer has listed again after `compacted` or `clusterChanged`: the range at exactly this revision. */
  | {
      readonly type: 'listed'
      readonly revision: number
      readonly clusterId: string
      readonly entries: readonly StoreEntry[]
    }

/** One loaded configuration: how the tree maps onto it, and what it served and told, in order. */
export interface ConfigHistory {
  readonly name: string
  readonly root: string
  /** Empty without overlays. */
  readonly overlays: readonly string[]
  /** Which of `History.epochs` each epoch of this configuration is. Absent: the same number, as when it saw them all. */
  readonly stores?: readonly number[]
  readonly records: readonly ConfigRecord[]
}

export type ConfigRecord =
  /** `current` at the moment of the record (`load` resolved, `change`, or read at the end), as plain data. */
  | {
      readonly type: 'served'
      readonly how: 'loaded' | 'change' | 'end'
      readonly epoch: number
      readonly revision: number
      readonly version: number
      readonly value: unknown
      /** Of a `change`: the paths told, and the value the listener knew before. */
      readonly changed?: readonly Path[]
      readonly previous?: unknown
    }
  | {
      readonly type: 'rejected'
      readonly epoch: number
      readonly revision: number
      readonly issues: readonly Issue[]
    }
  | { readonly type: 'stale' | 'live' }
  | { readonly type: 'error'; readonly code: string; readonly message: string }

/** One thing that must not be. `where` names the consumer or writer, `at` the revision. */
export interface Violation {
  readonly validator: string
  readonly where: string
  readonly at?: number
  readonly what: string
}
