import type { Bytes } from '../bytes.ts'
import type { KeyRange } from '../key-range.ts'
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
  /** Wait until the space is free inside the server's file. Default false. */
  readonly physical?: boolean
}

/**
 * Keys and values. Reads are linearizable unless `serializable`, and are tried again by themselves. A write is sent
 * again only when it surely was not applied; when that cannot be known it fails with `outcome_unknown`.
 */
export interface KvService {
  /**
   * One key; `undefined` when it is not there.
   *
   * @throws EtcdError `compacted`, `future_revision`, `permission_denied`
   */
  get(key: Bytes, options?: ReadOptions & CallControl): Promise<Entry | undefined>
  /** All entries of a range in one answer: `getRange({ prefix: '/config/' })`. */
  getRange(query: RangeQuery & CallControl): Promise<RangeResult>
  /** How many keys a range holds. */
  count(range: KeyRange & ReadOptions & CallControl): Promise<number>
  /**
   * Pages of a range, all at one revision, the next one under way while one is used. Leaving the loop ends it. Throws
   * `compacted` when that revision is compacted meanwhile, and `cluster_changed` when another store answers.
   */
  pages(query: KeyRange & PageOptions): AbortableIterator<RangeResult>
  /** Entries of a range, all at one revision, read page by page. Throws as `pages`. */
  iterate(query: KeyRange & PageOptions): AbortableIterator<Entry>
  /**
   * The quickest way to many keys: text in plain lists, page by page, at one revision. What `onPage` throws ends it, as
   * does a promise of it that is rejected; it is waited for before the next page, as long as the scan may take. Throws as
   * `pages`.
   */
  scan(query: KeyRange & ScanOptions, onPage: (page: ScanPage) => unknown): Promise<ScanResult>
  /**
   * Writes one key.
   *
   * @throws EtcdError `lease_not_found`, `no_space`, `request_too_large`, `outcome_unknown`
   */
  put(key: Bytes, value: Bytes, options?: PutOptions & CallControl): Promise<PutResult>
  /**
   * Deletes one key; `deleted` is 0 when it was not there.
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
  /** Begins a transaction: `kv.txn().if(compare.isAbsent('a')).then(op.put('a', '1')).commit()`. */
  txn(): Txn
  /**
   * Drops the history before a revision. Done already counts as done.
   *
   * @throws EtcdError `future_revision`
   */
  compact(revision: number, options?: CompactOptions): Promise<void>
}
