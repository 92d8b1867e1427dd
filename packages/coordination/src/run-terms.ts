import { type EtcdClient, EtcdError, isFinalError, type Logger } from '@livetree/etcd'
import { CallerWait } from './caller-wait.ts'
import { CoordinationError } from './errors.ts'
import { pause, pauseMs } from './send-again.ts'
import { type OpenSession, openedSession, openSession } from './session.ts'
import type { SessionOptions } from './session-contract.ts'

/** Options of `runTerms`. */
export interface TermOptions extends Omit<SessionOptions, 'lease'> {
  readonly signal: AbortSignal
  readonly logger: Logger
}

/** An error that the user's function threw while it held the lock or led: the run rejects with its `cause`. */
export class WorkError extends Error {
  constructor(cause: unknown) {
    super('the work failed', { cause })
  }
}

/** A shorter term, in milliseconds, is followed by a pause. */
const QUICK_MS = 1_000

/** What a new session or a new key mends. */
const MENDABLE: ReadonlySet<string> = new Set(['session_lost', 'lock_lost', 'deadline_exceeded'])

/** True if the same is worth trying again: with a new session, a new key, or when etcd can be reached again. */
export function isMendable(error: unknown): boolean {
  if (error instanceof CoordinationError) return MENDABLE.has(error.code)
  return error instanceof EtcdError && !isFinalError(error)
}

/**
 * Calls `term` again and again until the signal aborts. A term that ends at once is followed by a pause, so that nothing
 * is repeated at full speed.
 */
export async function repeatTerms(signal: AbortSignal, term: () => Promise<void>): Promise<void> {
  for (let quickTerms = 0; !signal.aborted; ) {
    const startedAt = performance.now()
    await term()
    const isQuick = performance.now() - startedAt < QUICK_MS
    quickTerms = isQuick ? quickTerms + 1 : 0
    if (isQuick) await pause(pauseMs(quickTerms), signal).catch(() => undefined)
  }
}

/**
 * Calls `term` again and again, each time with a session of its own, until the signal aborts. `what` is for the log.
 *
 * @throws the cause of a `WorkError`; what cannot be mended by a new session
 */
export async function runTerms(
  client: EtcdClient,
  what: string,
  { signal, ...options }: TermOptions,
  term: (session: OpenSession) => Promise<void>,
): Promise<void> {
  await repeatTerms(signal, async () => {
    try {
      await using session = await openWithin(client, options, signal)
      await term(session)
    } catch (error) {
      if (error instanceof WorkError) throw error.cause
      if (!signal.aborted && !isMendable(error)) throw error
      options.logger.info(`${what} was interrupted and goes on with a new session`, { error })
    }
  })
}

/** Opens a session that outlives the signal, unless that aborts before. */
async function openWithin(
  client: EtcdClient,
  options: SessionOptions,
  signal: AbortSignal,
): Promise<OpenSession> {
  using wait = new CallerWait('openSession', { signal })
  const opening = openSession(client, options)
  try {
    return openedSession(await wait.race(opening))
  } catch (error) {
    opening.then((late) => late.close()).catch(() => undefined)
    throw error
  }
}
