import { type EtcdClient, guardLogger } from '@livetree/etcd'
import {
  type Check,
  checkArgument,
  checkName,
  faultOf,
  FUNCTION,
  KEY_PART,
  MILLISECONDS_OR_NONE,
  type OptionChecks,
  readOptions,
  refuse,
} from './check-argument.ts'
import type { Lock } from './mutex.ts'
import { type MembershipPlan, runMembership } from './partition-membership.ts'
import { isMendable, repeatTerms, runTerms, WorkError } from './run-terms.ts'
import { checkClient, OpenSession, SESSION_CHECKS } from './session.ts'
import type { Session, SessionOptions } from './session-contract.ts'

/** Options of `runPartitioner`. */
export interface PartitionerOptions extends Omit<SessionOptions, 'lease' | 'signal'> {
  /**
   * The names of the partitions, without slashes. A partition is run by a member that has it in its list, so members with
   * different lists can work side by side while a new version is rolled out.
   */
  readonly partitions: readonly string[]
  /**
   * Milliseconds from a change of the members to the next assignment, so that members that come or go together move
   * partitions once. Default 1,000.
   */
  readonly settleMs?: number
  /**
   * Milliseconds that `run` has to end after its `lock.signal` aborted because the partition goes to another member; then
   * the lock is released. Default 30,000.
   */
  readonly drainMs?: number
  /** Ends it: every `run` is asked to stop by its `lock.signal`, awaited, and its partition goes to another member. */
  readonly signal?: AbortSignal
}

const DEFAULT_SETTLE_MS = 1_000
const DEFAULT_DRAIN_MS = 30_000

const PARTITIONS: Check = {
  accepts: (value) =>
    Array.isArray(value) &&
    value.length > 0 &&
    value.every(KEY_PART.accepts) &&
    new Set(value).size === value.length,
  expected: 'a list of different names without slashes, with at least one',
  fault: (value) => (Array.isArray(value) ? faultOfList(value) : undefined),
}

function faultOfList(names: readonly unknown[]): string {
  const at = names.findIndex((name, index) => !KEY_PART.accepts(name) || names.indexOf(name) < index)
  if (at < 0) return 'an empty list'
  const first = names.indexOf(names[at])
  return first < at
    ? `a list whose name at index ${at} is that at index ${first} again`
    : `a list whose name at index ${at} is ${faultOf(KEY_PART, names[at])}`
}

const PARTITIONER_CHECKS: OptionChecks<PartitionerOptions> = {
  partitions: PARTITIONS,
  settleMs: MILLISECONDS_OR_NONE,
  drainMs: MILLISECONDS_OR_NONE,
  signal: SESSION_CHECKS.signal,
  ttlSeconds: SESSION_CHECKS.ttlSeconds,
  marginMs: SESSION_CHECKS.marginMs,
  logger: SESSION_CHECKS.logger,
}

/**
 * Shares partitions among all processes that call this with the same name, and calls `run` for each partition that is
 * assigned to this one, with a lock on it. So no partition has two holders at once; each is assigned to one member, and a
 * member that comes or goes moves about its share of them only. When `lock.signal` aborts, `run` has to end: it still
 * holds the lock while `lock.isHeld`, at most for `drainMs`. `run` is called again when it returns, and never before.
 *
 * With a client, it opens a session of its own, and a new one whenever one is lost. With a session, it ends with that.
 * Resolves when the signal has aborted and every call of `run` has settled.
 *
 * @throws CoordinationError `invalid_argument`, `closed`, and `session_lost` if a session was given; EtcdError if etcd
 * refuses for good; what `run` throws while it holds its lock and is not asked to stop
 */
export async function runPartitioner(
  owner: EtcdClient | Session,
  name: string,
  options: PartitionerOptions,
  run: (partition: string, lock: Lock) => unknown,
): Promise<void> {
  if (!(owner instanceof OpenSession)) checkClient(owner)
  checkName(name)
  const given = readOptions('runPartitioner', PARTITIONER_CHECKS, options)
  checkArgument('partitions of runPartitioner', PARTITIONS, given.partitions)
  checkArgument('run', FUNCTION, run)
  const { partitions, settleMs = DEFAULT_SETTLE_MS, drainMs = DEFAULT_DRAIN_MS, ...session } = given
  const { signal = new AbortController().signal, logger = undefined, ...lease } = session
  const plan: MembershipPlan = {
    name,
    partitions: [...partitions],
    settleMs,
    drainMs,
    signal,
    logger: guardLogger(logger),
    run,
    running: new Map(),
  }
  try {
    if (owner instanceof OpenSession) await runWithin(owner, plan, Object.keys(lease))
    else
      await runTerms(owner, `The partitioner ${name}`, { ...lease, signal, logger: plan.logger }, (opened) =>
        runMembership(opened, plan),
      )
  } finally {
    await Promise.all(plan.running.values())
  }
}

/** Joins again whenever the member's key is deleted by hand, as long as the session lasts. */
async function runWithin(
  session: OpenSession,
  plan: MembershipPlan,
  leaseOptions: readonly string[],
): Promise<void> {
  if (leaseOptions.length > 0)
    throw refuse(`${leaseOptions.join(' and ')} of runPartitioner is that of the session already`)
  await repeatTerms(plan.signal, async () => {
    try {
      await runMembership(session, plan)
    } catch (error) {
      if (error instanceof WorkError) throw error.cause
      if (plan.signal.aborted) return
      session.assertOpen()
      if (!isMendable(error)) throw error
      plan.logger.info('A membership was interrupted; the next one follows', { name: plan.name, error })
    }
  })
}
