import {
  type Bytes,
  type EtcdClient,
  EtcdError,
  guardLogger,
  isFinalError,
  type Logger,
} from '@livetree/etcd'
import {
  BYTES,
  checkArgument,
  checkName,
  FUNCTION,
  type OptionChecks,
  readOptions,
  SIGNAL,
} from './check-argument.ts'
import { CallerWait } from './caller-wait.ts'
import { campaign, type Leadership } from './election.ts'
import { CoordinationError } from './errors.ts'
import { pause, pauseMs } from './send-again.ts'
import { checkClient, openedSession, openSession, SESSION_CHECKS } from './session.ts'
import type { Session, SessionOptions } from './session-contract.ts'

/** Options of `runElection`. */
export interface RunElectionOptions extends Omit<SessionOptions, 'lease' | 'signal'> {
  /** What the others see of this candidate. */
  readonly value: Bytes
  /** Ends it: the leader is asked to stop by `leadership.signal`, awaited, and resigns. */
  readonly signal?: AbortSignal
}

const RUN_CHECKS: OptionChecks<RunElectionOptions> = {
  value: BYTES,
  signal: SIGNAL,
  ttlSeconds: SESSION_CHECKS.ttlSeconds,
  marginMs: SESSION_CHECKS.marginMs,
  logger: SESSION_CHECKS.logger,
}

/** A shorter term, in milliseconds, is followed by a pause. */
const QUICK_MS = 1_000

/** What a new session mends. */
const MENDABLE: ReadonlySet<string> = new Set(['session_lost', 'lock_lost', 'deadline_exceeded'])

/**
 * Campaigns again and again, with a new session whenever one is lost, and calls `lead` each time this candidate leads.
 * It resigns when `lead` settles, and never calls it again before. What `lead` throws after the leadership was lost is
 * taken as the consequence of that; an error while it leads ends the run. Resolves when the signal has aborted.
 *
 * @throws CoordinationError `invalid_argument`, `closed` if the client is; EtcdError if etcd refuses for good; what `lead`
 * throws while it leads
 */
export async function runElection(
  client: EtcdClient,
  name: string,
  options: RunElectionOptions,
  lead: (leadership: Leadership) => unknown,
): Promise<void> {
  checkClient(client)
  checkName(name)
  const given = readOptions('runElection', RUN_CHECKS, options)
  checkArgument('the value', BYTES, given.value)
  checkArgument('lead', FUNCTION, lead)
  const { signal = new AbortController().signal } = given
  const logger = guardLogger(given.logger)
  for (let quickTerms = 0; !signal.aborted; ) {
    const startedAt = performance.now()
    await runTerm(client, name, { ...given, signal, logger }, lead)
    // A term that fails, or ends at once, is followed by a pause, so that nothing is repeated at full speed.
    const isQuick = performance.now() - startedAt < QUICK_MS
    quickTerms = isQuick ? quickTerms + 1 : 0
    if (isQuick) await pause(pauseMs(quickTerms), signal).catch(() => undefined)
  }
}

/** One session: campaigns, leads, resigns. */
async function runTerm(
  client: EtcdClient,
  name: string,
  {
    value,
    signal,
    ...options
  }: RunElectionOptions & { readonly signal: AbortSignal; readonly logger: Logger },
  lead: (leadership: Leadership) => unknown,
): Promise<void> {
  try {
    await using session = await openWithin(client, options, signal)
    const leadership = await campaign(openedSession(session), name, value, { signal, stop: signal })
    await leadThenResign(leadership, signal, lead)
  } catch (error) {
    if (error instanceof LeadError) throw error.cause
    const isOver = signal.aborted || (error instanceof CoordinationError && MENDABLE.has(error.code))
    const isTransient = error instanceof EtcdError && !isFinalError(error)
    if (!isOver && !isTransient) throw error
    options.logger.info('A candidacy ended; the next one follows', { name, error })
  }
}

/** What the leader's own work threw while it led. */
class LeadError extends Error {}

async function leadThenResign(
  leadership: Leadership,
  signal: AbortSignal,
  lead: (leadership: Leadership) => unknown,
): Promise<void> {
  try {
    await lead(leadership)
  } catch (cause) {
    if (leadership.isHeld && !signal.aborted) throw new LeadError('the work of the leader failed', { cause })
  }
  await leadership.resign()
}

/** Opens a session that outlives the signal, unless that aborts before. */
async function openWithin(
  client: EtcdClient,
  options: SessionOptions,
  signal: AbortSignal,
): Promise<Session> {
  using wait = new CallerWait('openSession', { signal })
  const opening = openSession(client, options)
  try {
    return await wait.race(opening)
  } catch (error) {
    opening.then((late) => late.close()).catch(() => undefined)
    throw error
  }
}
