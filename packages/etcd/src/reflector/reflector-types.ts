import type { EtcdError } from '../errors.ts'
import type { Bytes } from '../bytes.ts'
import type { KeyRange } from '../key-range-form.ts'
import type { WatchBatch, WatchProgress } from '../watch/watch-handlers.ts'
import type { ResponseHeader } from '../wire/kv.ts'
import type { ListedPage } from './listed-page.ts'

/** What to list and watch. */
export interface ReflectedRanges {
  /** Ranges that are read at one revision. They may overlap. */
  readonly ranges: readonly KeyRange[]
  /** Single keys that are read and watched with them. Default: none. */
  readonly keys?: readonly Bytes[]
  /**
   * The range that is watched, and contains all of them. The user needs permission to read all of it, which is
   * verified with the list. A list of ranges, each with a watch of its own and joined by revision, for a user
   * who may read only these; each range and key has to be in one of them. Default: the only range, or the
   * smallest range that contains all ranges and keys.
   */
  readonly follow?: KeyRange | readonly KeyRange[]
}

/** Options of `client.watch.reflect`. */
export interface ReflectorOptions {
  /** Entries per page. Default: 5,000 first, then the rest in three pages of 5,000 to 50,000 each. */
  readonly pageSize?: number
  /** Milliseconds between progress requests, if less than the client's `watch.progressIntervalMs`. */
  readonly proofEveryMs?: number
  /**
   * Most milliseconds until the next attempt after an error that somebody has to mend: after a second first, and twice as long each
   * time, for a permission; always as long as this for an entry larger than `limits.responseBytes`. Default 30,000.
   */
  readonly finalRestMs?: number
  /** Cancels the reflector. */
  readonly signal?: AbortSignal
}

/** A complete list. */
export interface ReflectedList {
  /** The revision at which everything was read. */
  readonly revision: number
  /** Increments when another store answers at the endpoints; `revision` may then be lower than before. */
  readonly epoch: number
  /** False for the first list; true for a list that replaces lost changes or another store's state. */
  readonly isResync: boolean
  /**
   * Everything up to this revision was delivered before, in the same epoch; 0 for the first list and for a
   * new epoch.
   */
  readonly knownRevision: number
  readonly header: ResponseHeader
  /**
   * When reading the list started, in milliseconds since the epoch: it contains everything written before.
   */
  readonly provenAt: number
  /**
   * Reads the same ranges and keys at an earlier revision. Returns false if that revision is compacted; some
   * pages may have been delivered by then.
   *
   * @throws EtcdError any error of a read
   */
  readPast(revision: number, onPage: (index: number, page: ListedPage) => void): Promise<boolean>
  /**
   * Reads all changes of these ranges and keys after an earlier revision, up to this list's, in order.
   * Returns undefined if all were delivered; otherwise the revision at which the history begins, and what was
   * delivered is incomplete. More than 200,000 changes are not read: the history then begins at this list. If
   * the earlier revision can still be read afterwards, no compaction has removed a change in between.
   *
   * @throws EtcdError any error of a watch
   */
  readHistory(after: number, onBatch: (batch: WatchBatch) => void): Promise<number | undefined>
}

/**
 * Callbacks of a reflector, called one at a time and in order: the pages of a list, `onList`, then changes
 * after it, until it has to list again. Everything between two calls of `onList` belongs to one history of
 * one store. An exception in a handler is logged and has no other effect.
 */
export interface ReflectorHandlers {
  /** A list starts; the pages of an unfinished one are void. */
  onListing?(): void
  /** A page of the range or, counted after all ranges, of the key with this index. */
  onPage(index: number, page: ListedPage): void
  /**
   * The pages since `onListing` are the complete state at one revision. For additional reads; if the promise
   * rejects, the list is void and is read again.
   */
  onWhole?(list: ReflectedList): Promise<void>
  /** The list is the current state from here on. */
  onList(list: ReflectedList): void
  /** All changes of one revision in the ranges and keys. Bytes are views of the response. */
  onBatch(batch: WatchBatch): void
  /** All changes up to a revision have been delivered. */
  onProgress?(progress: WatchProgress): void
  /** A member serves the watch, for the first time or again. */
  onContact?(): void
  /**
   * The connection is lost or could not be established; called again for each failed attempt. `isFinal`: the
   * list or watch failed for a reason that retrying soon cannot fix (wrong password, missing
   * permission, an entry larger than `limits.responseBytes`). The reflector still retries, at a low rate; cancel it to stop.
   */
  onLost?(error: EtcdError | undefined, isFinal: boolean): void
  /**
   * Called exactly once, last. `error` is undefined after `cancel()` and the signal, and `closed` after the client's
   * `close()`: nobody follows the store any more.
   */
  onEnd?(error: EtcdError | undefined): void
}

/** A list that is kept up to date by a watch. Created by `client.watch.reflect`. */
export interface Reflector {
  /** All changes up to this revision were delivered; 0 before the first list. */
  readonly revision: number
  readonly epoch: number
  /**
   * Resolves once everything the store contained at the time of the call was delivered: reads the cluster's
   * revision, linearizably, and waits until the watch has reached it or until a list that started after the
   * call is complete. Ends a pause between two attempts, and reports progress as of the call.
   *
   * @throws EtcdError if the store cannot be read, or when listing again fails finally; `cancelled` or `closed` when the
   * reflector has ended; the signal's reason
   */
  refresh(options?: { readonly signal?: AbortSignal }): Promise<void>
  /** Cancels the reflector: no handler but `onEnd` is called afterwards. Idempotent. */
  cancel(): void
}
