import { CallDeadline } from '../call-deadline.ts'
import type { Clock } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import { keyAfter } from '../key-range.ts'
import type { Channel } from '../transport/transport.ts'
import type { RangeRequest, ResponseHeader } from '../wire/kv.ts'
import type { Init } from '../wire/message.ts'
import type { Method } from '../wire/rpc.ts'
import { type CallControl, controlOf, pinned } from './range-query.ts'

/** One page, read as far as paging needs. */
export interface Page {
  readonly header: ResponseHeader | undefined
  readonly hasMore: boolean
  /** As the store knows it; undefined for an empty page. */
  lastKey(): Buffer | undefined
}

/** What reading in pages needs. */
export interface PagerPorts {
  readonly channel: Channel
  readonly clock: Clock
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
 * as the last key of a page is known, so at most one is under way. Throws `compacted`, and `cluster_changed` for a page of
 * another store. The signal ends what is under way.
 */
export async function* readPaged<Answer, P extends Page>(
  { channel }: PagerPorts,
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
  let pending: Promise<Answer> | undefined = ask(request)
  while (pending !== undefined) {
    const page = read(await pending)
    revision ||= page.header?.revision ?? 0
    clusterId ??= page.header?.clusterId ?? 0n
    assertSameStore(page, clusterId)
    const lastKey = page.hasMore ? page.lastKey() : undefined
    pending = undefined
    if (lastKey !== undefined) {
      pending = ask({ ...request, key: keyAfter(lastKey), revision, limit: limitAfter(page) })
      await afterWrites()
    }
    yield page
  }
}

function assertSameStore({ header }: Page, clusterId: bigint): void {
  const answered = header?.clusterId ?? 0n
  if (answered === 0n || answered === clusterId) return
  const what = `a page came from cluster ${answered.toString(16)}, the reading began in ${clusterId.toString(16)}`
  throw new EtcdError('cluster_changed', { call: 'KV/Range', what })
}
