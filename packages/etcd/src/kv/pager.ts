import { CallDeadline } from '../call-deadline.ts'
import type { Clock } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import type { Bytes } from '../bytes.ts'
import { bytesOf, keyAfter, type WireRange } from '../key-range.ts'
import { type EvidencePage, StoreEvidence } from '../reflector/store-evidence.ts'
import { setbackSince } from '../reflector/store-position.ts'
import type { StoreRecognizer } from '../reflector/store-recognizer.ts'
import type { Channel } from '../transport/transport.ts'
import type { UnaryOptions } from '../transport/unary-request.ts'
import { type RangeRequest, ResponseHeader } from '../wire/kv.ts'
import type { Init } from '../wire/message-type.ts'
import type { Method } from '../wire/rpc.ts'
import { askMembers, askUntilRecent } from './ask-members.ts'
import { type CallControl, controlOf, pinned } from './range-query.ts'
import type { RevisionFloor } from './revision-floor.ts'

/** One page, decoded as far as paging requires. */
export interface Page extends EvidencePage {
  readonly header: ResponseHeader | undefined
  readonly hasMore: boolean
  /** The last key as the store knows it; undefined for an empty page. */
  lastKey(): Buffer | undefined
}

/** What reading in pages needs from the service. */
export interface PagerPorts {
  readonly channel: Channel
  readonly recognizer: StoreRecognizer
  /** The newest revision that the client has seen. */
  readonly floor: Pick<RevisionFloor, 'isBelow' | 'learn' | 'error'>
  readonly clock: Clock
  /** Aborted when the client is closed. */
  readonly closing: AbortSignal
}

/** A range to read in pages of type `P`. */
export interface Paging<Answer, P extends Page> {
  readonly method: Method<RangeRequest, Answer>
  readonly request: Init<RangeRequest>
  read(answer: Answer): P
  /** Number of entries to request after this page. */
  limitAfter(page: P): number
}

/** Options of one read. */
type ReadLimits = Pick<UnaryOptions, 'timeoutMs' | 'avoidAll'>

/** No member is avoided. */
const NONE: ReadonlySet<string> = new Set()

/** A `timeoutMs` limits all pages together; without one, each page has the client's time limit. */
export function pageDeadline(clock: Clock, { timeoutMs }: CallControl): CallDeadline | undefined {
  return timeoutMs === undefined ? undefined : new CallDeadline(clock, 'KV/Range', timeoutMs)
}

/**
 * Waits until pending writes have reached the socket: Node sends HTTP/2 frames at the end of the event loop's
 * turn.
 */
function afterWrites(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/**
 * Reads a range page by page, all pages at the revision and from the store of the first one. The next page is
 * requested as soon as the last key of a page is known, so at most one request is in progress. Before the
 * last of several pages is returned, the store is verified against all pages read. Aborting the signal
 * cancels the request in progress.
 *
 * @throws EtcdError `compacted`; `cluster_changed` for a page of another store; `stale_read` if all members that can
 * be asked lag behind a serializable page that was read
 */
export async function* readPaged<Answer, P extends Page>(
  { channel, recognizer, floor }: PagerPorts,
  { method, request, read, limitAfter }: Paging<Answer, P>,
  control: CallControl & { readonly signal: AbortSignal },
  deadline: CallDeadline | undefined,
): AsyncGenerator<P, void, undefined> {
  let { clusterId } = control
  let { revision = 0 } = request
  let last: ResponseHeader | undefined
  /** Sends a read within the time limit; a serializable one to each member in turn, until one has reached the revision. */
  const within = <T>(send: (more: ReadLimits) => Promise<T>): Promise<T> => {
    const ask = (avoidAll: ReadonlySet<string> = NONE) =>
      deadline === undefined ? send({ avoidAll }) : deadline.run((timeoutMs) => send({ avoidAll, timeoutMs }))
    return request.serializable ? askMembers(ask, () => last && revision) : ask()
  }
  const ask = (next: Init<RangeRequest>): Promise<Answer> => {
    const options = { ...controlOf({ ...control, ...pinned(clusterId) }), retry: 'read' } as const
    const answer = within((more) => channel.unary(method, next, { ...options, ...more }))
    // If the reading ends before this answer arrives, its rejection must not count as unhandled.
    answer.catch(() => undefined)
    return answer
  }
  const evidence = new StoreEvidence({ ranges: [rangeOf(request)], keysOnly: request.keysOnly ?? false })
  /** Detects that pages read one after the other come from two stores with equal headers. */
  const assertRecognized = async (): Promise<void> => {
    const question = evidence.question(revision)?.map((probe) => ({
      ...probe,
      read: { ...probe.read, serializable: request.serializable },
    }))
    if (question === undefined) return
    // A serializable answer may come from a lagging member.
    const known = request.serializable ? undefined : last
    const options = { ...controlOf({ ...control, ...pinned(clusterId) }) }
    const recognition = await within((more) =>
      recognizer.recognize({ question, known, options: { ...options, ...more } }),
    )
    if (recognition.type === 'other') throw anotherStore(recognition.reason)
    if (recognition.type === 'unproven') throw recognition.error
  }
  let pending: Promise<Answer> | undefined = ask(request)
  while (pending !== undefined) {
    let asked: Promise<Answer> | undefined = pending
    const readPage = async (): Promise<P> => {
      const answer = asked ?? ask(request)
      asked = undefined
      try {
        return read(await answer)
      } catch (error) {
        // The pages before were read at this revision: the store went back.
        const isSetback = last !== undefined && !request.serializable && isFuture(error)
        throw isSetback ? anotherStore('revision_went_back') : error
      }
    }
    // A member may lag behind what the client has seen; then the next one is asked.
    const isNewest = last === undefined && request.serializable && !request.revision
    const page: P = await (isNewest
      ? askUntilRecent(readPage, floor, channel.endpoints().length)
      : readPage())
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

function isFuture(error: unknown): boolean {
  return error instanceof EtcdError && error.code === 'future_revision'
}

function assertSameStore({ header }: Page, clusterId: bigint, last: ResponseHeader | undefined): void {
  const answered = header?.clusterId ?? 0n
  if (answered !== 0n && answered !== clusterId) {
    const what = `a page came from cluster ${answered.toString(16)}, the first one from ${clusterId.toString(16)}`
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
  const what = 'the answer claims more entries but contains none'
  return new EtcdError('malformed_message', { call: 'KV/Range', what })
}

function rangeOf({ key = '', rangeEnd = '' }: Init<RangeRequest>): WireRange {
  return { key: bytesOf(key as Bytes), rangeEnd: bytesOf(rangeEnd as Bytes) }
}

const NO_HEADER = ResponseHeader.decode(Buffer.alloc(0))
