import type { EtcdError } from '../errors.ts'
import type { Bytes } from '../bytes.ts'
import type { KeyRange } from '../key-range.ts'
import type { WatchBatch, WatchProgress } from '../watch/watch-handlers.ts'
import type { ResponseHeader } from '../wire/kv.ts'
import type { ListedPage } from './listed-page.ts'

/** What to list and follow. */
export interface ReflectedRanges {
  /** All of them are read at one revision. They may lie inside each other. */
  readonly ranges: readonly KeyRange[]
  /** Single keys, read and followed with them. Default: none. */
  readonly keys?: readonly Bytes[]
  /**
   * One range that holds all of them and is watched; the user needs to be allowed to read all of it, which the list
   * already shows. Default: the only range; the smallest range that holds all where there are several or keys.
   */
  readonly follow?: KeyRange
}

/** How to list and follow. */
export interface ReflectorOptions {
  /** Entries per page. Default: 5,000 first, then the rest in three parts of 5,000 to 50,000 each. */
  readonly pageSize?: number
  /** Milliseconds between proofs that nothing is missing, where that is less than the client's own. */
  readonly proofEveryMs?: number
  /** Ends it. */
  readonly signal?: AbortSignal
}

/** A list that is whole. */
export interface ReflectedList {
  /** Everything was read at it. */
  readonly revision: number
  /** Rises by one when the store behind the endpoints became another one; `revision` may then be lower than before. */
  readonly epoch: number
  /** False for the first list. True where it takes the place of changes that are lost, or of another store. */
  readonly isResync: boolean
  /** Everything up to this revision was handed over before, in the same epoch; 0 for a new epoch or the first list. */
  readonly knownRevision: number
  readonly header: ResponseHeader
  /** When reading it began, milliseconds since the epoch: nothing written before is missing. */
  readonly provenAt: number
  /**
   * Reads the same ranges and keys as they were at an earlier revision. False where that is compacted; some pages may
   * have been handed over by then.
   *
   * @throws EtcdError whatever a read is refused with
   */
  readPast(revision: number, onPage: (index: number, page: ListedPage) => void): Promise<boolean>
  /**
   * Reads all changes of these ranges and keys after an earlier revision, up to this list's, in order. Undefined when
   * they were all handed over; else the revision at which the history begins, as what was handed over is then not whole.
   * More than 200,000 changes count as none: the history then begins at this list. Where the earlier revision can still be
   * read afterwards, no compaction has taken a change away unseen.
   *
   * @throws EtcdError whatever a watch is refused with
   */
  readHistory(after: number, onBatch: (batch: WatchBatch) => void): Promise<number | undefined>
}

/**
 * What a reflector says, one call at a time and in order: pages of a list, `onList`, then changes from there on, until it
 * has to list again. What is handed over between two calls of `onList` is one store in one history. A handler that
 * throws is logged and changes nothing else.
 */
export interface ReflectorHandlers {
  /** A list begins; pages of one that was not finished are void. */
  onListing?(): void
  /** A page of the range or, after all ranges, of the key with this index. */
  onPage(index: number, page: ListedPage): void
  /**
   * The pages since `onListing` are all there was at one revision. For what has to be read besides; what it rejects with
   * makes the list void, and it is listed again.
   */
  onWhole?(list: ReflectedList): Promise<void>
  /** The list is what is known from here on. */
  onList(list: ReflectedList): void
  /** All changes of one revision in the ranges and keys. Bytes are views of the answer they came in. */
  onBatch(batch: WatchBatch): void
  /** Nothing up to a revision is missing. */
  onProgress?(progress: WatchProgress): void
  /** A member serves the watch, for the first time or again. */
  onContact?(): void
  /**
   * Contact is lost or could not be made; said again for each attempt that failed. `isFinal`: a list was rejected, or the
   * watch has ended, for a reason that trying again soon cannot mend (a wrong password, no permission). The reflector
   * goes on all the same, seldom; whoever wants it to end cancels it.
   */
  onLost?(error: EtcdError | undefined, isFinal: boolean): void
  /** Exactly once, last: it was cancelled, by its signal or by the client's `close()`. */
  onEnd?(): void
}

/** A list that follows its store. Made by `client.watch.reflect`. */
export interface Reflector {
  /** Everything up to it was handed over; 0 before the first list. */
  readonly revision: number
  readonly epoch: number
  /**
   * Resolves when all that the store held at the time of the call was handed over: asks the cluster for its revision,
   * linearizably, and waits for the watch to get there, or for a list that began after the call. Ends a rest between two
   * attempts.
   *
   * @throws EtcdError when the store cannot be asked, or what ends the attempt to list again for good; the signal's reason
   */
  refresh(options?: { readonly signal?: AbortSignal }): Promise<void>
  /** Ends it: no handler but `onEnd` is called any more. Safe to call twice. */
  cancel(): void
}
