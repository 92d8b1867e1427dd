import { CallDeadline } from '../call-deadline.ts'
import type { Clock } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import type { Bytes } from '../bytes.ts'
import { bytesOf, keyAfter, type WireRange } from '../key-range.ts'
import { type EvidencePage, StoreEvidence } from '../reflector/store-evidence.ts'
import { setbackSince } from '../reflector/store-position.ts'
import type { StoreRecognizer } from '../reflector/store-recognizer.ts'
import type { Channel } from '../transport/transport.ts'
import { type RangeRequest, ResponseHeader } from '../wire/kv.ts'
import type { Init } from '../wire/message-type.ts'
import type { Method } from '../wire/rpc.ts'
import { type CallControl, controlOf, pinned } from './range-query.ts'

/** One page, read as far as paging needs. */
export interface Page extends EvidencePage {
  readonly header: ResponseHeader | undefined
  readonly hasMore: boolean
  /** As the store knows it; undefined for an empty page. */
  lastKey(): Buffer | undefined
}

/** What reading in pages needs. */
export interface PagerPorts {
  readonly channel: Channel
  readonly recognizer: StoreRecognizer
  readonly clock: Clock
  /** Aborted when the client is closed. */
  readonly closing: AbortSignal
}

/** A range to be read in pages of type `P`. */
export interface Paging<Answer, P extends Page> {
  readonly method: Method<RangeRequest, Answer>
  readonly request: Init<RangeRequest>
  read(answer: Answer): P
  /** Entries per page, from the second one on. */
  limitAfter(page: P): number
}

/** A time limit holds for all pages; without one each page has the client's own. */
export function pageDeadline(clock: Clock, { timeoutMs }: CallControl): CallDeadline | undefined {
  return timeoutMs === undefined ? undefined : new CallDeadline(clock, 'KV/Range', timeoutMs)
}

/** Lets what was just written reach the socket: Node hands HTTP/2 frames over when the present turn ends. */
function afterWrites(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/**
 * Reads a range page by page, all at the revision and from the store of the first page. The next page is asked for as soon
 * as the last key of a page is known, so at most one is under way. Before the last of several pages is handed over, the
 * store has to be what it was page by page. Throws `compacted`, and `cluster_changed` for a page of another store. The signal ends what is under way.
 */
export async function* readPaged<Answer, P extends Page>(
  { channel, recognizer }: PagerPorts,
  { method, request, read, limitAfter }: Paging<Answer, P>,
  control: CallControl & { readonly signal: AbortSignal },
  deadline: CallDeadline | undefined,
): AsyncGenerator<P, void, undefined> {
  let { clusterId } = control
  const ask = (next: Init<RangeRequest>): Promise<Answer> => {
    const options = { ...controlOf({ ...control, ...pinned(clusterId) }), retry: 'read' } as const
    const send = (timeoutMs?: number) =>
      channel.unary(method, next, timeoutMs === undefined ? options : { ...options, timeoutMs })
    const answer = deadline === undefined ? send() : deadline.run(send)
    // An answer that nobody waits for any more, because the reading ended before it, must not count as unhandled.
    answer.catch(() => undefined)
    return answer
  }
  let { revision = 0 } = request
  let last: ResponseHeader | undefined
  const evidence = new StoreEvidence({ ranges: [rangeOf(request)], keysOnly: request.keysOnly ?? false })
  /** Pages read one after the other may come from two stores with equal headers. */
  const assertRecognized = async (): Promise<void> => {
    const question = evidence.question(revision)?.map((probe) => ({
      ...probe,
      read: { ...probe.read, serializable: request.serializable },
    }))
    if (question === undefined) return
    // A member that lags behind may answer what is serializable.
    const known = request.serializable ? undefined : last
    const options = { ...controlOf({ ...control, ...pinned(clusterId) }) }
    const ask = (timeoutMs?: number) =>
      recognizer.recognize({
        question,
        known,
        options: timeoutMs === undefined ? options : { ...options, timeoutMs },
      })
    const recognition = await (deadline === undefined ? ask() : deadline.run(ask))
    if (recognition.type === 'other') throw anotherStore(recognition.reason)
    if (recognition.type === 'unproven') throw recognition.error
  }
  let pending: Promise<Answer> | undefined = ask(request)
  while (pending !== undefined) {
    const page = read(await pending)
    revision ||= page.header?.revision ?? 0
    clusterId ??= page.header?.clusterId ?? 0n
    assertSameStore(page, clusterId, request.serializable ? undefined : last)
    const isFirst = last === undefined
    last = page.header ?? NO_HEADER
    if (page.hasMore && page.lastKey() === undefined) throw emptyPage()
    if (page.hasMore || !isFirst) evidence.listed(page, 0)
    if (!page.hasMore && !isFirst) await assertRecognized()
    const lastKey = page.hasMore ? page.lastKey() : undefined
    pending = undefined
    if (lastKey !== undefined) {
      pending = ask({ ...request, key: keyAfter(lastKey), revision, limit: limitAfter(page) })
      await afterWrites()
    }
    yield page
  }
}

function assertSameStore({ header }: Page, clusterId: bigint, last: ResponseHeader | undefined): void {
  const answered = header?.clusterId ?? 0n
  if (answered !== 0n && answered !== clusterId) {
    const what = `a page came from cluster ${answered.toString(16)}, the reading began in ${clusterId.toString(16)}`
    throw new EtcdError('cluster_changed', { call: 'KV/Range', what })
  }
  const setback = header && setbackSince(last, header)
  if (setback !== undefined) throw anotherStore(setback)
}

function anotherStore(reason: string): EtcdError {
  const what = `the store was replaced while it was read: the pages do not belong to one store (${reason})`
  return new EtcdError('cluster_changed', { call: 'KV/Range', what })
}

function emptyPage(): EtcdError {
  const what = 'the answer says that there is more, and holds nothing'
  return new EtcdError('malformed_message', { call: 'KV/Range', what })
}

function rangeOf({ key = '', rangeEnd = '' }: Init<RangeRequest>): WireRange {
  return { key: bytesOf(key as Bytes), rangeEnd: bytesOf(rangeEnd as Bytes) }
}

const NO_HEADER = ResponseHeader.decode(Buffer.alloc(0))
