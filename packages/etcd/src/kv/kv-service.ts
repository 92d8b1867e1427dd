import type { CompactOptions, KvService } from './kv-contract.ts'
import { CallDeadline, DEFAULT_CALL_MS } from '../call-deadline.ts'
import { checkArgument, FLAG, FUNCTION, type OptionChecks, readOptions, whole } from '../check-argument.ts'
import { type Clock, systemClock } from '../clock.ts'
import { errorCodes } from '../error-codes.ts'
import { EtcdError } from '../errors.ts'
import { inOneCluster, isUnknown, stillUnknown } from './lost-answer.ts'
import type { Bytes } from '../bytes.ts'
import type { KeyRange } from '../key-range-form.ts'
import { Namespace } from '../key-range.ts'
import { StoreRecognizer } from '../reflector/store-recognizer.ts'
import { Sendings } from '../transport/sendings.ts'
import type { Channel } from '../transport/transport.ts'
import type { RangeRequest, RangeResponse, TxnRequest, TxnResponse } from '../wire/kv.ts'
import type { Init } from '../wire/message-type.ts'
import { KV } from '../wire/rpc.ts'
import { abortable, type AbortableIterator } from './abortable.ts'
import { askMembers, askUntilRecent } from './ask-members.ts'
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

const COMPACT_CHECKS: OptionChecks<CompactOptions> = { physical: FLAG, ...CONTROL_CHECKS }

/** Settings of the service besides the channel. */
export interface KvServiceOptions {
  /** Prefix of every key. Default: none. */
  readonly namespace?: Namespace
  /** Maximum number of operations in one branch of a transaction. Default 128, like etcd. */
  readonly maxTxnOps?: number
  /** Default: the machine's clock. */
  readonly clock?: Clock
  /** Time limit of calls without a `timeoutMs`, in milliseconds. Default 10,000. */
  readonly callTimeoutMs?: number
}

const DEFAULT_MAX_TXN_OPS = 128

/** Creates the service on a channel. It makes no I/O before the first call. */
export function createKvService(channel: Channel, options: KvServiceOptions = {}): KvService {
  return new ChannelKv(channel, options)
}

/**
 * The service; `kv-shortcuts.ts` extends it. Every method validates its arguments before it sends anything.
 */
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
    const [cluster, sendings] = [inOneCluster(this.#channel, given), new Sendings()]
    const control = { ...controlOf(given), ...cluster, retry: 'write', sendings } as const
    const compact = () =>
      deadline
        .run((timeoutMs) => this.#channel.unary(KV.compact, request, { ...control, timeoutMs }))
        .catch(assertCompacted)
    try {
      await compact()
    } catch (error) {
      // Compacting twice does no harm. But without a cluster id, the second request might reach another
      // cluster.
      if (!isUnknown(error) || cluster.clusterId === undefined) throw sendings.explain(error)
      await compact().catch((second: unknown) => {
        throw sendings.explain(afterUnknown(error, second))
      })
    }
  }

  /** Starts the time limit for all requests of a call. */
  protected deadline(call: string, { timeoutMs = this.#callTimeoutMs }: CallControl): CallDeadline {
    return new CallDeadline(this.#clock, call, timeoutMs)
  }

  get #pager(): PagerPorts {
    return {
      channel: this.#channel,
      recognizer: this.#recognizer,
      floor: this.#floor,
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
    // A read-only transaction may be serializable.
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

  /**
   * A serializable answer may come from a lagging member, so the request is repeated, once per endpoint,
   * before it fails.
   */
  #serializable(request: Init<RangeRequest>, control: CallControl): Promise<RangeResponse> {
    const { revision = 0 } = request
    const deadline = this.deadline('KV/Range', control)
    const options = { ...controlOf(control), retry: 'read' } as const
    const send = (avoidAll: ReadonlySet<string>) =>
      deadline.run((timeoutMs) => {
        const limited = { ...options, avoidAll, timeoutMs }
        return this.#channel.unary(KV.range, request, limited)
      })
    const seen = () => (this.#floor.hasSeen(revision) ? revision : undefined)
    return askUntilRecent(() => askMembers(send, seen), this.#floor, this.#channel.endpoints().length)
  }
}

/** The error of a write whose first answer was lost, and whose second request failed. */
function afterUnknown(first: EtcdError, second: unknown): unknown {
  if (!(second instanceof EtcdError) || second.code === 'outcome_unknown') return second
  if (errorCodes[second.code].isSpecific) return second.with({ fate: 'unknown' })
  return stillUnknown(first, `the request after it failed: ${second.what}`)
}

/** Accepts `compacted` as success: the compaction was done before. */
function assertCompacted(error: unknown): void {
  if (!(error instanceof EtcdError) || error.code !== 'compacted') throw error
}
