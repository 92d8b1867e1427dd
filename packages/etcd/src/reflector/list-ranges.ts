import { EtcdError } from '../errors.ts'
import { keyAfter, type WireRange } from '../key-range.ts'
import { RawPage, rawRange } from '../kv/range-page.ts'
import type { Channel } from '../transport/transport.ts'
import { type RangeRequest, ResponseHeader, type TxnRequest, TxnResponse } from '../wire/kv.ts'
import type { MessageType, Init } from '../wire/message-type.ts'
import { Reader } from '../wire/reader.ts'
import { KV, type Method } from '../wire/rpc.ts'
import { assertSameStore, twoStores } from './assert-same-store.ts'
import type { StoreEvidence } from './store-evidence.ts'
import { setbackSince } from './store-position.ts'
import type { StoreRecognizer } from './store-recognizer.ts'

/** What to list, and the callbacks. */
export interface ListRequest {
  readonly recognizer: StoreRecognizer
  /** Read page by page. */
  readonly ranges: readonly WireRange[]
  /** Only one key of each of these is requested, so that missing permission for them is detected now. */
  readonly follow: readonly WireRange[]
  /** Read at this revision. Default: the newest. */
  readonly revision?: number
  /** Entries per page. Default: 5,000 first, then the rest in three pages of 5,000 to 50,000 each. */
  readonly pageSize: number | undefined
  readonly signal: AbortSignal
  /** Called after each failed attempt that is retried. */
  onRetry(error: EtcdError): void
  /** Called when a list starts; previous pages are void. Returns the evidence to collect about the store. */
  onBegin(): ListEvidence
  /** Called for each page, in order, with the index of its range. */
  onPage(range: number, page: RawPage, revision: number): void
}

/** Collects evidence about the listed store. */
export type ListEvidence = Pick<StoreEvidence, 'listed' | 'question'>

/** The result of a list. */
export interface Listed {
  /** Header of the first answer. Everything was read at its revision. */
  readonly header: ResponseHeader
}

const FIRST_PAGE_SIZE = 5_000
const MAX_PAGE_SIZE = 50_000
/** How often a list is restarted because its revision was compacted; each attempt uses larger pages. */
const ATTEMPTS = 4
const PAGE_GROWTH = 4

/**
 * Reads ranges at one revision, linearizably, with the first pages of all of them in one request. A page that
 * takes too long or is too large is requested in smaller pieces.
 *
 * @throws EtcdError `compacted` if revisions are compacted faster than they can be read, `cluster_changed` if
 * the pages come from two stores, and any error of a read
 */
export async function listRanges(channel: Channel, request: ListRequest): Promise<Listed> {
  for (let attempt = 1; ; attempt += 1) {
    const growth = PAGE_GROWTH ** (attempt - 1)
    try {
      return await new Listing(channel, request, growth).run()
    } catch (error) {
      const isCompacted = error instanceof EtcdError && error.code === 'compacted'
      if (!isCompacted || request.revision !== undefined || attempt === ATTEMPTS) throw error
    }
  }
}

/** One attempt at a list. */
class Listing {
  readonly #channel: Channel
  readonly #request: ListRequest
  readonly #evidence: ListEvidence
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  readonly #firstSize: number
  /** Headers of the first and the last answer. */
  #header: ResponseHeader | undefined
  #lastHeader: ResponseHeader | undefined
  #answers = 0

  constructor(channel: Channel, request: ListRequest, growth: number) {
    this.#channel = channel
    this.#request = request
    this.#evidence = request.onBegin()
    this.#signal = AbortSignal.any([request.signal, this.#stop.signal])
    this.#firstSize = (request.pageSize ?? FIRST_PAGE_SIZE) * growth
  }

  async run(): Promise<Listed> {
    try {
      for (const [range, page] of (await this.#firstPages()).entries()) await this.#readOn(range, page)
      if (this.#answers > 1) await this.#assertSameStore()
      return { header: this.#header! }
    } catch (error) {
      // Cancels a page that is no longer awaited.
      this.#stop.abort(error)
      throw error
    }
  }

  /** The revision of all pages; undefined before the first answer to a list of the newest revision. */
  get #revision(): number | undefined {
    return this.#request.revision ?? this.#header?.revision
  }

  /** Reads the first page of each range. */
  async #firstPages(): Promise<RawPage[]> {
    const { ranges, follow } = this.#request
    const reads: Init<RangeRequest>[] = ranges.map(({ key, rangeEnd }) => ({ key, rangeEnd }))
    for (const range of follow) reads.push({ ...range, limit: 1, keysOnly: true })
    const { size } = this.#request.recognizer
    const pages = await size.split(reads, (some) =>
      this.#patiently(this.#firstSize, (limit) =>
        this.#askAll(some.map((read) => ({ limit, ...read, revision: this.#revision }))),
      ),
    )
    return pages.slice(0, ranges.length)
  }

  /** Passes a page on and reads the rest of its range; the next page is requested while one is being used. */
  async #readOn(range: number, first: RawPage): Promise<void> {
    const { rangeEnd } = this.#request.ranges[range]!
    let page: RawPage | undefined = first
    while (page !== undefined) {
      const last: Buffer | undefined = page.hasMore ? page.lastKey() : undefined
      const next: Promise<RawPage> | undefined =
        last && this.#nextPage({ key: keyAfter(last), rangeEnd }, this.#laterSize(page))
      // If passing the page on throws, the next page is not awaited.
      next?.catch(() => undefined)
      if (next !== undefined) await afterWrites()
      this.#handOver(range, page)
      page = await next
    }
  }

  #handOver(range: number, page: RawPage): void {
    this.#evidence.listed(page, range)
    this.#request.onPage(range, page, this.#revision!)
  }

  #nextPage(range: WireRange, size: number): Promise<RawPage> {
    return this.#patiently(size, (limit) => this.#ask({ ...range, limit, revision: this.#revision }))
  }

  /**
   * etcd counts the rest of a range for every page: a lot of small pages cost more than the entries
   * themselves.
   */
  #laterSize(page: RawPage): number {
    const third = Math.ceil((page.count - page.length) / 3)
    return this.#request.pageSize === undefined
      ? Math.min(MAX_PAGE_SIZE, Math.max(this.#firstSize, third))
      : this.#firstSize
  }

  /**
   * Requests a smaller page whenever one was too large or took too long; a request is never repeated
   * unchanged.
   */
  async #patiently<T>(size: number, ask: (limit: number) => Promise<T>): Promise<T> {
    for (let limit = size; ; limit = Math.ceil(limit / PAGE_GROWTH)) {
      try {
        return await ask(limit)
      } catch (error) {
        if (!(error instanceof EtcdError) || !TOO_MUCH.has(error.code)) throw error
        if (limit === 1) throw error.code === 'response_too_large' ? tooLargeAlone(error) : error
        this.#request.onRetry(error)
      }
    }
  }

  async #ask(read: Init<RangeRequest>): Promise<RawPage> {
    const page = new RawPage(await this.#channel.unary(rawRange, read, this.#control))
    this.#take(page.header)
    return page
  }

  async #askAll(reads: readonly Init<RangeRequest>[]): Promise<RawPage[]> {
    const [only, ...others] = reads
    if (only !== undefined && others.length === 0) return [await this.#ask(only)]
    const success = reads.map((value) => ({ request: { type: 'range' as const, value } }))
    const { header, pages } = readRawTxn(await this.#channel.unary(RAW_TXN, { success }, this.#control))
    this.#take(header)
    return pages
  }

  get #control() {
    return {
      signal: this.#signal,
      retry: 'read',
      // Over a slow link a page may take longer than the time limit of a call, and would never be whole.
      isPatient: true,
      onRetry: this.#request.onRetry,
      ...(this.#header === undefined ? {} : { clusterId: this.#header.clusterId }),
    } as const
  }

  #take(header: ResponseHeader): void {
    if (header.revision < 1) {
      const what = 'the answer names no revision of the store, which every etcd does'
      throw new EtcdError('malformed_message', { call: 'KV/Range', what })
    }
    if (setbackSince(this.#lastHeader, header) !== undefined) throw twoStores()
    this.#header ??= header
    this.#lastHeader = header
    this.#answers += 1
  }

  #assertSameStore(): Promise<void> {
    const { onRetry, recognizer } = this.#request
    const question = this.#evidence.question(this.#revision!)
    const options = { signal: this.#signal, onRetry }
    return assertSameStore({ recognizer, question, known: this.#lastHeader, options })
  }
}

function tooLargeAlone(error: EtcdError): EtcdError {
  const remedy = 'One entry alone is too large: make its value smaller, or raise limits.responseBytes.'
  return error.with({ remedy })
}

const TOO_MUCH: ReadonlySet<string> = new Set(['deadline_exceeded', 'response_too_large'])

/**
 * Waits until pending writes have reached the socket: Node sends HTTP/2 frames at the end of the event loop's
 * turn.
 */
function afterWrites(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** KV/Txn with an undecoded response. */
const RAW_TXN: Method<TxnRequest, Buffer> = {
  path: KV.txn.path,
  request: KV.txn.request,
  response: {
    ...(TxnResponse as unknown as MessageType<Buffer>),
    decode: (bytes) => bytes as Buffer,
  },
}

/** Field tags of `TxnResponse` and `ResponseOp`. */
const TAGS = { header: 10, response: 26, range: 10 } as const

/**
 * Splits the response to a transaction of reads into undecoded pages. @throws EtcdError `malformed_message`
 */
function readRawTxn(bytes: Buffer): { header: ResponseHeader; pages: RawPage[] } {
  const reader = new Reader(bytes)
  const pages: RawPage[] = []
  let headerBytes: Buffer = Buffer.alloc(0)
  while (reader.at < bytes.length) {
    const tag = reader.exact32(bytes.length)
    if (tag !== TAGS.header && tag !== TAGS.response) {
      reader.skip(tag, bytes.length)
      continue
    }
    const end = reader.length(bytes.length) + reader.at
    if (tag === TAGS.header) headerBytes = bytes.subarray(reader.at, end)
    else if (reader.exact32(end) === TAGS.range) {
      const size = reader.length(end)
      pages.push(new RawPage(bytes.subarray(reader.at, reader.at + size)))
    }
    reader.at = end
  }
  return { header: ResponseHeader.decode(headerBytes), pages }
}
