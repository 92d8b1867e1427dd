import type { Bytes } from '../bytes.ts'
import type { KeyRange } from '../key-range-form.ts'
import type { AbortableIterator } from './abortable.ts'
import type { Entry } from './entry.ts'
import type { DeleteOptions, DeleteResult, PutOptions, PutResult, RangeResult } from './operation.ts'
import type { PageOptions } from './pages.ts'
import type { ScanPage } from './range-page.ts'
import type { CallControl, RangeQuery, ReadOptions } from './range-query.ts'
import type { ScanOptions, ScanResult } from './scan.ts'
import type { Txn } from './txn.ts'

/** Options of a compaction. */
export interface CompactOptions extends CallControl {
  /** Wait until the old revisions are removed from the server's database. Default false. */
  readonly physical?: boolean
}

/**
 * Reads and writes keys. Reads are linearizable unless `serializable`, and are retried. A write is sent again
 * only if it was certainly not applied; if that is unknown, it fails with `outcome_unknown`.
 */
export interface KvService {
  /**
   * Reads one key; `undefined` if it does not exist.
   *
   * @throws EtcdError `compacted`, `future_revision`, `permission_denied`
   */
  get(key: Bytes, options?: ReadOptions & CallControl): Promise<Entry | undefined>
  /** Reads all entries of a range in one response, e.g. `getRange({ prefix: '/config/' })`. */
  getRange(query: RangeQuery & CallControl): Promise<RangeResult>
  /** Counts the keys of a range. */
  count(range: KeyRange & ReadOptions & CallControl): Promise<number>
  /**
   * Reads a range page by page, all pages at one revision; the next page is requested while one is being
   * used. Leaving the loop cancels the reading.
   *
   * @throws EtcdError `compacted` if that revision is compacted meanwhile, `cluster_changed` if another store
   * answers
   */
  pages(query: KeyRange & PageOptions): AbortableIterator<RangeResult>
  /** Reads the entries of a range page by page, all at one revision. Fails like `pages`. */
  iterate(query: KeyRange & PageOptions): AbortableIterator<Entry>
  /**
   * The fastest way to read many keys: text in plain lists, page by page, at one revision. If `onPage` throws
   * or rejects, the scan ends with that error. A promise from `onPage` is awaited before the next page,
   * within the time limit of the scan. Fails like `pages`.
   */
  scan(query: KeyRange & ScanOptions, onPage: (page: ScanPage) => unknown): Promise<ScanResult>
  /**
   * Writes one key.
   *
   * @throws EtcdError `lease_not_found`, `no_space`, `request_too_large`, `outcome_unknown`
   */
  put(key: Bytes, value: Bytes, options?: PutOptions & CallControl): Promise<PutResult>
  /**
   * Deletes one key; `deleted` is 0 if it did not exist.
   *
   * @throws EtcdError `outcome_unknown`
   */
  delete(key: Bytes, options?: DeleteOptions & CallControl): Promise<DeleteResult>
  /**
   * Deletes a range.
   *
   * @throws EtcdError `outcome_unknown`
   */
  deleteRange(query: KeyRange & DeleteOptions & CallControl): Promise<DeleteResult>
  /** Starts a transaction: `kv.txn().if(compare.isAbsent('a')).then(op.put('a', '1')).commit()`. */
  txn(): Txn
  /**
   * Discards all revisions before the given one. Succeeds if that is already done. With auth enabled, current
   * releases of etcd 3.5 permit it to root only.
   *
   * @throws EtcdError `future_revision`, `permission_denied`
   */
  compact(revision: number, options?: CompactOptions): Promise<void>
}
