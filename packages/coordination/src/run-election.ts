import { type Bytes, type EtcdClient, guardLogger } from '@livetree/etcd'
import {
  BYTES,
  checkArgument,
  checkName,
  FUNCTION,
  type OptionChecks,
  readOptions,
  SIGNAL,
} from './check-argument.ts'
import { campaign, type Leadership } from './election.ts'
import { runTerms, WorkError } from './run-terms.ts'
import { checkClient, SESSION_CHECKS } from './session.ts'
import type { SessionOptions } from './session-contract.ts'

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
  const { value, ...given } = readOptions('runElection', RUN_CHECKS, options)
  checkArgument('the value', BYTES, value)
  checkArgument('lead', FUNCTION, lead)
  const { signal = new AbortController().signal } = given
  const logger = guardLogger(given.logger)
  await runTerms(client, `The candidacy in ${name}`, { ...given, signal, logger }, async (session) => {
    const leadership = await campaign(session, name, value, { signal, stop: signal })
    await leadThenResign(leadership, signal, lead)
  })
}

async function leadThenResign(
  leadership: Leadership,
  signal: AbortSignal,
  lead: (leadership: Leadership) => unknown,
): Promise<void> {
  try {
    await lead(leadership)
  } catch (error) {
    if (leadership.isHeld && !signal.aborted) throw new WorkError(error)
  }
  await leadership.resign()
}
