import { EtcdError } from '../errors.ts'
import { type Bytes, type KeyRange, Namespace } from '../key-range.ts'
import type { Channel } from '../transport/transport.ts'
import type { RangeRequest, RangeResponse, ResponseHeader, TxnRequest, TxnResponse } from '../wire/kv.ts'
import type { Init } from '../wire/message.ts'
import { KV } from '../wire/rpc.ts'
import { Entry } from './entry.ts'
import {
  type DeleteOptions,
  type DeleteResult,
  deleteRequest,
  deleteResult,
  type PutOptions,
  type PutResult,
  putRequest,
  putResult,
  type RangeResult,
  rangeResult,
} from './operation.ts'
import { type PageOptions, readPages } from './pages.ts'
import type { ScanPage } from './range-page.ts'
import {
  type CallControl,
  controlOf,
  keyRequest,
  type RangeQuery,
  type ReadOptions,
  rangeRequest,
} from './range-query.ts'
import { RevisionFloor } from './revision-floor.ts'
import { type ScanOptions, type ScanResult, scanRange } from './scan.ts'
import { Txn } from './txn.ts'
import { assertTxn, isReadOnly } from './txn-check.ts'

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
  /** One key; `undefined` when it is not there. Throws `compacted`, `future_revision`, `permission_denied`. */
  get(key: Bytes, options?: ReadOptions & CallControl): Promise<Entry | undefined>
  /** All entries of a range in one answer: `getRange({ prefix: '/config/' })`. */
  getRange(query: RangeQuery & CallControl): Promise<RangeResult>
  /** How many keys a range holds. */
  count(range: KeyRange & ReadOptions & CallControl): Promise<number>
  /** Pages of a range, all at one revision, the next one under way while one is used. Throws `compacted`. */
  pages(query: KeyRange & PageOptions): AsyncIterable<RangeResult>
  /** Entries of a range, all at one revision, read page by page. Throws `compacted`. */
  iterate(query: KeyRange & PageOptions): AsyncIterable<Entry>
  /** The quickest way to many keys: text in plain lists, page by page, at one revision. What `onPage` throws ends it. */
  scan(query: KeyRange & ScanOptions, onPage: (page: ScanPage) => void): Promise<ScanResult>
  /** Writes one key. Throws `lease_not_found`, `no_space`, `request_too_large`, `outcome_unknown`. */
  put(key: Bytes, value: Bytes, options?: PutOptions & CallControl): Promise<PutResult>
  /** Deletes one key; `deleted` is 0 when it was not there. Throws `outcome_unknown`. */
  delete(key: Bytes, options?: DeleteOptions & CallControl): Promise<DeleteResult>
  /** Deletes a range. Throws `outcome_unknown`. */
  deleteRange(query: KeyRange & DeleteOptions & CallControl): Promise<DeleteResult>
  /** Begins a transaction: `kv.txn().if(compare.isAbsent('a')).then(op.put('a', '1')).commit()`. */
  txn(): Txn
  /** Drops the history before a revision. Done already counts as done. Throws `future_revision`. */
  compact(revision: number, options?: CompactOptions): Promise<void>
}

/** What the service needs besides the channel. */
export interface KvServiceOptions {
  /** Put before every key. Default: none. */
  readonly namespace?: Namespace
  /** Most operations in one branch of a transaction. Default 128, etcd's own. */
  readonly maxTxnOps?: number
}

const defaultMaxTxnOps = 128

/** Makes the service over a channel. No I/O before the first call. */
export const createKvService = (channel: Channel, options: KvServiceOptions = {}): KvService =>
  new ChannelKv(channel, options.namespace ?? new Namespace(), options.maxTxnOps ?? defaultMaxTxnOps)

/** The service itself; `everyday.ts` builds on it. */
export class ChannelKv implements KvService {
  readonly #channel: Channel
  readonly #namespace: Namespace
  readonly #maxTxnOps: number
  readonly #floor = new RevisionFloor()

  constructor(channel: Channel, namespace: Namespace, maxTxnOps: number) {
    this.#channel = channel
    this.#namespace = namespace
    this.#maxTxnOps = maxTxnOps
  }

  async get(key: Bytes, options: ReadOptions & CallControl = {}): Promise<Entry | undefined> {
    const response = await this.#range(keyRequest(key, options, this.#namespace), options)
    const found = response.kvs[0]
    return found === undefined ? undefined : new Entry(found, this.#namespace)
  }

  async getRange(query: RangeQuery & CallControl): Promise<RangeResult> {
    return rangeResult(await this.#range(rangeRequest(query, this.#namespace), query), this.#namespace)
  }

  async count(query: KeyRange & ReadOptions & CallControl): Promise<number> {
    const request = rangeRequest({ ...query, countOnly: true }, this.#namespace)
    return (await this.#range(request, query)).count
  }

  pages(query: KeyRange & PageOptions): AsyncIterable<RangeResult> {
    return readPages(this.#channel, this.#namespace, query)
  }

  async *iterate(query: KeyRange & PageOptions): AsyncGenerator<Entry, void, undefined> {
    for await (const page of this.pages(query)) yield* page.entries
  }

  scan(query: KeyRange & ScanOptions, onPage: (page: ScanPage) => void): Promise<ScanResult> {
    return scanRange(this.#channel, this.#namespace, query, onPage)
  }

  async put(key: Bytes, value: Bytes, options: PutOptions & CallControl = {}): Promise<PutResult> {
    const request = putRequest(key, value, options, this.#namespace)
    const response = await this.#channel.unary(KV.put, request, { ...controlOf(options), retry: 'write' })
    this.#learn(response.header)
    return putResult(response, this.#namespace)
  }

  delete(key: Bytes, options: DeleteOptions & CallControl = {}): Promise<DeleteResult> {
    return this.deleteRange({ ...options, key })
  }

  async deleteRange(query: KeyRange & DeleteOptions & CallControl): Promise<DeleteResult> {
    const request = deleteRequest(query, query, this.#namespace)
    const response = await this.#channel.unary(KV.deleteRange, request, {
      ...controlOf(query),
      retry: 'write',
    })
    this.#learn(response.header)
    return deleteResult(response, this.#namespace)
  }

  txn(): Txn {
    return new Txn(this.#namespace, (request, control) => this.#txn(request, control), [], [], [])
  }

  async compact(revision: number, options: CompactOptions = {}): Promise<void> {
    const request = { revision, physical: options.physical }
    const compact = () => this.#channel.unary(KV.compact, request, { ...controlOf(options), retry: 'write' })
    try {
      await compact()
    } catch (error) {
      if (!(error instanceof EtcdError) || error.code !== 'outcome_unknown') throw error
      await compact().catch(assertCompacted)
    }
  }

  async #txn(request: Init<TxnRequest>, control: CallControl): Promise<TxnResponse> {
    assertTxn(request, this.#maxTxnOps)
    const retry = isReadOnly(request) ? 'read' : 'write'
    const response = await this.#channel.unary(KV.txn, request, { ...controlOf(control), retry })
    this.#learn(response.header)
    return response
  }

  /** Serializable answers may come from a member that lags behind; each other member is asked once before giving up. */
  async #range(request: Init<RangeRequest>, control: CallControl): Promise<RangeResponse> {
    const attempts = request.serializable ? Math.max(2, this.#channel.endpoints().length) : 1
    for (let attempt = 1; ; attempt += 1) {
      const response = await this.#channel.unary(KV.range, request, { ...controlOf(control), retry: 'read' })
      if (!request.serializable || !this.#floor.isBelow(response.header)) {
        this.#learn(response.header)
        return response
      }
      if (attempt === attempts) throw this.#floor.error(response.header)
    }
  }

  #learn(header: ResponseHeader | undefined): void {
    this.#floor.learn(header)
  }
}

/** After a compaction of unknown outcome, "compacted" says that it was applied. */
const assertCompacted = (error: unknown): void => {
  if (!(error instanceof EtcdError) || error.code !== 'compacted') throw error
}
