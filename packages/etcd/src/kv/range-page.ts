import { isUtf8 } from 'node:buffer'
import { EtcdError } from '../errors.ts'
import { KeyValue, type RangeRequest, RangeResponse, ResponseHeader } from '../wire/kv.ts'
import type { MessageType } from '../wire/message-type.ts'
import { Reader } from '../wire/reader.ts'
import { KV, type Method } from '../wire/rpc.ts'

/** An entry whose key or value is not valid UTF-8. */
export interface NotText {
  /** Its index in the page's lists. */
  readonly index: number
  readonly key: Buffer
  readonly value: Buffer
}

/** One page of a scan. Equal indexes in the lists belong to the same key. */
export interface ScanPage {
  /**
   * Header of this page's response. `header.revision` is the store's; the scan's revision is in the result.
   */
  readonly header: ResponseHeader
  /** The revision at which all pages of the scan are read. */
  readonly revision: number
  /** The keys without the client's namespace. */
  readonly keys: readonly string[]
  /** The values as UTF-8 text. */
  readonly values: readonly string[]
  readonly modRevisions: readonly number[]
  /** Entries that are not valid UTF-8, in order; usually none. Their text contains U+FFFD. */
  readonly notText: readonly NotText[]
}

/** Field tags of `RangeResponse` and `KeyValue` as encoded. */
const TAGS = { header: 10, entry: 18, more: 24, count: 32, key: 10, modRevision: 24, value: 42 } as const

const REPLACEMENT = '\ufffd'

/** Returns the bytes of a response undecoded, so that the caller decides when to decode them. */
const AS_BYTES: MessageType<Buffer> = {
  ...(RangeResponse as unknown as MessageType<Buffer>),
  decode: (bytes) => bytes as Buffer,
}

/** KV/Range with an undecoded response, for `RawPage`. */
export const rawRange: Method<RangeRequest, Buffer> = {
  path: KV.range.path,
  request: KV.range.request,
  response: AS_BYTES,
}

/** The response for a range, decoded as far as paging requires; entries are decoded on demand. */
export class RawPage {
  readonly header: ResponseHeader
  readonly hasMore: boolean
  /** Number of entries in the range from this page on. */
  readonly count: number
  readonly #bytes: Buffer
  /** Entries on this page. */
  readonly length: number
  readonly #last: { readonly at: number; readonly end: number } | undefined

  /** @throws EtcdError `malformed_message` */
  constructor(bytes: Buffer) {
    const reader = new Reader(bytes)
    const end = bytes.length
    let header: ResponseHeader | undefined
    let length = 0
    let lastAt = 0
    let lastEnd = 0
    let hasMore = false
    let count = 0
    while (reader.at < end) {
      const tag = reader.exact32(end)
      if (tag === TAGS.entry) {
        const size = reader.length(end)
        length += 1
        lastAt = reader.at
        lastEnd = lastAt + size
        reader.at = lastEnd
      } else if (tag === TAGS.header)
        header = ResponseHeader.read(reader, reader.length(end) + reader.at, header)
      else if (tag === TAGS.more) hasMore = reader.uint32(end) !== 0
      else if (tag === TAGS.count) count = reader.int64(end, true)
      else skipField(reader, tag, end)
    }
    if (hasMore && length === 0) throw malformed('claims more entries but contains none')
    this.#bytes = bytes
    this.header = header ?? ResponseHeader.decode(Buffer.alloc(0))
    this.hasMore = hasMore
    this.count = count
    this.length = length
    this.#last = length === 0 ? undefined : { at: lastAt, end: lastEnd }
  }

  /** Key of the last entry as the store knows it. */
  lastKey(): Buffer | undefined {
    if (this.#last === undefined) return undefined
    const reader = new Reader(this.#bytes)
    reader.at = this.#last.at
    return KeyValue.read(reader, this.#last.end, undefined).key
  }

  /** The entries as bytes: views of the response. */
  entries(): readonly KeyValue[] {
    return RangeResponse.decode(this.#bytes).kvs
  }

  /**
   * Calls back with the mod revision of each entry and its position for `entryAt`, without decoding the
   * entry.
   */
  eachEntry(onEntry: (modRevision: number, at: number, end: number) => void): void {
    const reader = new Reader(this.#bytes)
    const pageEnd = this.#bytes.length
    while (reader.at < pageEnd) {
      const tag = reader.exact32(pageEnd)
      if (tag !== TAGS.entry) {
        reader.skip(tag, pageEnd)
        continue
      }
      const size = reader.length(pageEnd)
      const at = reader.at
      const end = at + size
      let modRevision = 0
      while (reader.at < end && modRevision === 0) {
        const field = reader.exact32(end)
        if (field === TAGS.modRevision) modRevision = reader.int64(end, true)
        else reader.skip(field, end)
      }
      reader.at = end
      onEntry(modRevision, at, end)
    }
  }

  /** Decodes the entry at a position reported by `eachEntry`. */
  entryAt(at: number, end: number): KeyValue {
    return KeyValue.decode(this.#bytes.subarray(at, end))
  }

  /** Decodes the entries as text. `skipBytes` is the length of the namespace in front of each key. */
  decode(revision: number, skipBytes: number): ScanPage {
    const bytes = this.#bytes
    const reader = new Reader(bytes)
    const end = bytes.length
    const keys: string[] = []
    const values: string[] = []
    const modRevisions: number[] = []
    const notText: NotText[] = []
    while (reader.at < end) {
      const tag = reader.exact32(end)
      if (tag !== TAGS.entry) {
        reader.skip(tag, end)
        continue
      }
      const size = reader.length(end)
      const start = reader.at
      const last = start + size
      let key = ''
      let value = ''
      let modRevision = 0
      while (reader.at < last) {
        const field = reader.exact32(last)
        if (field === TAGS.key) key = text(reader, last, skipBytes)
        else if (field === TAGS.value) value = text(reader, last, 0)
        else if (field === TAGS.modRevision) modRevision = reader.int64(last, true)
        else reader.skip(field, last)
      }
      if (key.includes(REPLACEMENT) || value.includes(REPLACEMENT)) {
        noteUnlessText(bytes.subarray(start, last), keys.length, skipBytes, notText)
      }
      keys.push(key)
      values.push(value)
      modRevisions.push(modRevision)
    }
    return { header: this.header, revision, keys, values, modRevisions, notText }
  }
}

/** Skips a field of a later version, but refuses field number 0, which is never valid. */
function skipField(reader: Reader, tag: number, end: number): void {
  if (tag >>> 3 === 0) throw malformed('has a field numbered 0')
  reader.skip(tag, end)
}

function malformed(what: string): EtcdError {
  return new EtcdError('malformed_message', { call: 'KV/Range', what: `the answer ${what}` })
}

function text(reader: Reader, end: number, skipBytes: number): string {
  const length = reader.length(end)
  const start = reader.at
  reader.at = start + length
  return reader.buffer.toString('utf8', start + skipBytes, start + length)
}

/** Records an entry whose bytes are not valid UTF-8. U+FFFD may also be part of valid text. */
function noteUnlessText(entry: Buffer, index: number, skipBytes: number, notText: NotText[]): void {
  const { key, value } = KeyValue.decode(entry)
  if (!isUtf8(key) || !isUtf8(value)) notText.push({ index, key: key.subarray(skipBytes), value })
}
