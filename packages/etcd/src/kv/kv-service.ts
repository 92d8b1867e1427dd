import { CallDeadline, DEFAULT_CALL_MS } from '../call-deadline.ts'
import { checkArgument, FLAG, FUNCTION, type OptionChecks, readOptions, whole } from '../check-argument.ts'
import { type Clock, systemClock } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import { inOneCluster, isUnknown } from './conditional-write.ts'
import { type Bytes, type KeyRange, Namespace } from '../key-range.ts'
import { StoreRecognizer } from '../reflector/store-recognizer.ts'
import type { Channel } from '../transport/transport.ts'
import type { RangeRequest, RangeResponse, TxnRequest, TxnResponse } from '../wire/kv.ts'
import type { Init } from '../wire/message.ts'
import { KV } from '../wire/rpc.ts'
import { abortable, type AbortableIterator } from './abortable.ts'
import { Entry } from './entry.ts'
import {
  DELETE_CALL_CHECKS,
  DELETE_RANGE_CHECKS,
  type DeleteOptions,
  type DeleteResult,
  deleteRequest,
  deleteResult,
  PUT_CALL_CHECKS,
  type PutOptions,
  type PutResult,
  putRequest,
  putResult,
  type RangeResult,
  rangeResult,
} from './operation.ts'
import type { PagerPorts } from './pager.ts'
import { PAGE_CHECKS, type PageOptions, readPages } from './pages.ts'
import type { ScanPage } from './range-page.ts'
import {
  type CallControl,
  CONTROL_CHECKS,
  controlOf,
  COUNT_CHECKS,
  GET_CHECKS,
  keyRequest,
  QUERY_CHECKS,
  type RangeQuery,
  type ReadOptions,
  rangeRequest,
  readQuery,
} from './range-query.ts'
import { RevisionFloor } from './revision-floor.ts'
import { SCAN_CHECKS, type ScanOptions, type ScanResult, scanRange } from './scan.ts'
import { Txn } from './txn.ts'
import { assertTxn, isReadOnly } from './txn-check.ts'

/** Options of a compaction. */
export interface CompactOptions extends CallControl {
  /** Wait until the space is free inside the server's file. Default false. */
  readonly physical?: boolean
}

const COMPACT_CHECKS: OptionChecks<CompactOptions> = { physical: FLAG, ...CONTROL_CHECKS }
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

/** What the service needs besides the channel. */
export interface KvServiceOptions {
  /** Put before every key. Default: none. */
  readonly namespace?: Namespace
  /** Most operations in one branch of a transaction. Default 128, etcd's own. */
  readonly maxTxnOps?: number
  /** Default: the machine's clock. */
  readonly clock?: Clock
  /** For calls made of several requests and without a `timeoutMs`. Default 10,000. */
  readonly callTimeoutMs?: number
}

const DEFAULT_MAX_TXN_OPS = 128

/** Makes the service over a channel. No I/O before the first call. */
export function createKvService(channel: Channel, options: KvServiceOptions = {}): KvService {
  return new ChannelKv(channel, options)
}

/** The service itself; `everyday.ts` builds on it. Each method checks what it was given before it sends anything. */
export class ChannelKv implements KvService {
  readonly #channel: Channel
  readonly #namespace: Namespace
  readonly #maxTxnOps: number
  readonly #clock: Clock
  readonly #callTimeoutMs: number
  readonly #floor = new RevisionFloor()
  readonly #recognizer: StoreRecognizer
  /** Aborted when the client is closed. */
  protected readonly closing = new AbortController()

  constructor(channel: Channel, options: KvServiceOptions) {
    this.#channel = channel
    this.#recognizer = new StoreRecognizer(channel)
    this.#namespace = options.namespace ?? new Namespace()
    this.#maxTxnOps = options.maxTxnOps ?? DEFAULT_MAX_TXN_OPS
    this.#clock = options.clock ?? systemClock
    this.#callTimeoutMs = options.callTimeoutMs ?? DEFAULT_CALL_MS
  }

  async get(key: Bytes, options?: ReadOptions & CallControl): Promise<Entry | undefined> {
    const given = readOptions('KV/Range', GET_CHECKS, options)
    const response = await this.#range(keyRequest(key, given, this.#namespace), given)
    const found = response.kvs[0]
    return found === undefined ? undefined : new Entry(found, this.#namespace)
  }

  async getRange(query: RangeQuery & CallControl): Promise<RangeResult> {
    const given = readQuery('KV/Range', QUERY_CHECKS, query)
    return rangeResult(await this.#range(rangeRequest(given, this.#namespace), given), this.#namespace)
  }

  async count(query: KeyRange & ReadOptions & CallControl): Promise<number> {
    const given = readQuery('KV/Range', COUNT_CHECKS, query)
    const request = rangeRequest({ ...given, countOnly: true }, this.#namespace)
    return (await this.#range(request, given)).count
  }

  pages(query: KeyRange & PageOptions): AbortableIterator<RangeResult> {
    return readPages(this.#pager, this.#namespace, readQuery('KV/Range', PAGE_CHECKS, query))
  }

  iterate(query: KeyRange & PageOptions): AbortableIterator<Entry> {
    const given = readQuery('KV/Range', PAGE_CHECKS, query)
    this.#namespace.range(given)
    const [pager, namespace] = [this.#pager, this.#namespace]
    return abortable(given.signal, async function* (signal) {
      for await (const { entries } of readPages(pager, namespace, { ...given, signal })) yield* entries
    })
  }

  async scan(query: KeyRange & ScanOptions, onPage: (page: ScanPage) => unknown): Promise<ScanResult> {
    const given = readQuery('KV/Range', SCAN_CHECKS, query)
    checkArgument('KV/Range', 'onPage', FUNCTION, onPage)
    return scanRange(this.#pager, this.#namespace, given, onPage)
  }

  async put(key: Bytes, value: Bytes, options?: PutOptions & CallControl): Promise<PutResult> {
    const given = readOptions('KV/Put', PUT_CALL_CHECKS, options)
    const request = putRequest(key, value, given, this.#namespace)
    const { mark } = this.#floor
    const response = await this.#channel.unary(KV.put, request, { ...controlOf(given), retry: 'write' })
    this.#floor.learn(response.header, mark)
    return putResult(response, this.#namespace)
  }

  async delete(key: Bytes, options?: DeleteOptions & CallControl): Promise<DeleteResult> {
    return this.#delete({ ...readOptions('KV/DeleteRange', DELETE_CALL_CHECKS, options), key })
  }

  async deleteRange(query: KeyRange & DeleteOptions & CallControl): Promise<DeleteResult> {
    return this.#delete(readQuery('KV/DeleteRange', DELETE_RANGE_CHECKS, query))
  }

  txn(): Txn {
    return new Txn(this.#namespace, (request, control) => this.#txn(request, control), [], [], [])
  }

  async compact(revision: number, options?: CompactOptions): Promise<void> {
    const given = readOptions('KV/Compact', COMPACT_CHECKS, options)
    checkArgument('KV/Compact', 'the revision', whole(0), revision)
    const request = { revision, physical: given.physical }
    const deadline = this.deadline('KV/Compact', given)
    const control = { ...controlOf(given), ...inOneCluster(this.#channel, given), retry: 'write' } as const
    const compact = () =>
      deadline
        .run((timeoutMs) => this.#channel.unary(KV.compact, request, { ...control, timeoutMs }))
        .catch(assertCompacted)
    try {
      await compact()
    } catch (error) {
      // Doing it twice does no harm, but in a cluster that nobody has named it might be another one.
      if (!isUnknown(error) || control.clusterId === undefined) throw error
      await compact()
    }
  }

  /** The one time limit of a call made of several requests, from now on. */
  protected deadline(call: string, { timeoutMs = this.#callTimeoutMs }: CallControl): CallDeadline {
    return new CallDeadline(this.#clock, call, timeoutMs)
  }

  get #pager(): PagerPorts {
    return {
      channel: this.#channel,
      recognizer: this.#recognizer,
      clock: this.#clock,
      closing: this.closing.signal,
    }
  }

  async #delete(query: KeyRange & DeleteOptions & CallControl): Promise<DeleteResult> {
    const request = deleteRequest(query, query, this.#namespace)
    const { mark } = this.#floor
    const response = await this.#channel.unary(KV.deleteRange, request, {
      ...controlOf(query),
      retry: 'write',
    })
    this.#floor.learn(response.header, mark)
    return deleteResult(response, this.#namespace)
  }

  async #txn(request: Init<TxnRequest>, control: CallControl): Promise<TxnResponse> {
    assertTxn(request, this.#maxTxnOps)
    const retry = isReadOnly(request) ? 'read' : 'write'
    const { mark } = this.#floor
    const response = await this.#channel.unary(KV.txn, request, { ...controlOf(control), retry })
    // One that only reads may be serializable.
    this.#floor.learn(response.header, retry === 'write' ? mark : undefined)
    return response
  }

  #range(request: Init<RangeRequest>, control: CallControl): Promise<RangeResponse> {
    return request.serializable ? this.#serializable(request, control) : this.#read(request, control)
  }

  async #read(request: Init<RangeRequest>, control: CallControl): Promise<RangeResponse> {
    const { mark } = this.#floor
    const response = await this.#channel.unary(KV.range, request, { ...controlOf(control), retry: 'read' })
    this.#floor.learn(response.header, mark)
    return response
  }

  /** Serializable answers may come from a member that lags behind; each other member is asked once before giving up. */
  async #serializable(request: Init<RangeRequest>, control: CallControl): Promise<RangeResponse> {
    const attempts = Math.max(2, this.#channel.endpoints().length)
    const deadline = this.deadline('KV/Range', control)
    for (let attempt = 1; ; attempt += 1) {
      const response = await deadline.run((timeoutMs) =>
        this.#channel.unary(KV.range, request, { ...controlOf(control), timeoutMs, retry: 'read' }),
      )
      if (!this.#floor.isBelow(response.header)) {
        this.#floor.learn(response.header)
        return response
      }
      if (attempt === attempts) throw this.#floor.error(response.header)
    }
  }
}

/** "Compacted" says that it was done before. */
function assertCompacted(error: unknown): void {
  if (!(error instanceof EtcdError) || error.code !== 'compacted') throw error
}
