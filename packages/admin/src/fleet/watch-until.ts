import type { KeyRange, WatchEvent } from '@livetree/etcd'
import { AdminError } from '../errors.ts'
import { type Doing, translateError, translatedNow } from '../translate-error.ts'
import type { CallLimit, Workspace } from '../workspace.ts'

/** Keys that are watched. */
export interface WatchedKeys {
  readonly range: KeyRange
  /** Everything up to this revision is known. */
  readonly after: number
  readonly only?: 'deletes'
  onEvent(event: WatchEvent): void
}

/** What `watchUntil` waits for. */
export interface Awaited {
  readonly watches: readonly WatchedKeys[]
  readonly clusterId: bigint
  /** Asked at first, and after every event. */
  isDone(): boolean
  readonly doing: Doing
}

/**
 * Watches until what is waited for is there, or the time of the call is over.
 *
 * @throws AdminError `aborted`, `closed`, and what ends a watch, such as `permission_denied`, `store_changed`
 */
export async function watchUntil(
  { client, settings: { clock } }: Workspace,
  limit: CallLimit,
  { watches, clusterId, isDone, doing }: Awaited,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  if (isDone()) return
  const stop = new AbortController()
  const onAbort = () =>
    reject(new AdminError('aborted', { what: `Aborted while ${doing.what}`, cause: limit.signal?.reason }))
  limit.signal?.addEventListener('abort', onAbort, { once: true })
  if (limit.signal?.aborted === true) onAbort()
  const timer = clock.setTimeout(resolve, limit.leftMs)
  try {
    for (const { range, after, only, onEvent } of watches) {
      const options = {
        afterRevision: after,
        signal: stop.signal,
        ...(clusterId !== 0n && { clusterId }),
        ...(only !== undefined && { only }),
      }
      const handlers = {
        onEvents({ events }: { readonly events: readonly WatchEvent[] }) {
          for (const event of events) onEvent(event)
          if (isDone()) resolve()
        },
        onEnd(error: Error | undefined) {
          reject(error === undefined ? new AdminError('closed') : translateError(error, doing))
        },
      }
      translatedNow(() => client.watch.subscribe(range, handlers, options))
    }
    await promise
  } finally {
    stop.abort()
    clock.clearTimeout(timer)
    limit.signal?.removeEventListener('abort', onAbort)
  }
}
