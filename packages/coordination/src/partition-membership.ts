import { type Group, joinGroup, type Membership, openGroup } from './group.ts'
import { decodeMember, encodePartitions, type PartitionMember, partitionsOf } from './partition-owners.ts'
import { aborted, type PartitionPlan, PartitionWork } from './partition-work.ts'
import type { OpenSession } from './session.ts'

/** What one member does, from joining to leaving. */
export interface MembershipPlan extends PartitionPlan {
  readonly partitions: readonly string[]
  readonly settleMs: number
  /** Ends it. */
  readonly signal: AbortSignal
}

/**
 * Joins, runs the partitions that are assigned to this member, and leaves when the signal aborts. All locks are released
 * when it settles.
 *
 * @throws CoordinationError `lock_lost` if somebody deleted the member's key, `session_lost`, `closed`; `WorkError`;
 * EtcdError if etcd refuses
 */
export async function runMembership(session: OpenSession, plan: MembershipPlan): Promise<void> {
  const { logger, partitions, signal } = plan
  const name = `${plan.name}/members`
  await using member = await joinGroup(session, name, { value: encodePartitions(partitions), signal })
  await using group = await openGroup(session.client, name, { logger, signal })
  const assignment = new Assignment(session, plan, { member, group })
  try {
    await aborted(AbortSignal.any([signal, member.signal, assignment.failed]))
  } finally {
    // The others learn first that this member goes, so that they wait for its locks while its work ends.
    const leaving = member.leave()
    leaving.catch(() => undefined)
    await assignment.end()
    await leaving
  }
  assignment.failed.throwIfAborted()
}

/** Keeps the work of one member equal to what is assigned to it. */
class Assignment {
  readonly #session: OpenSession
  readonly #plan: MembershipPlan
  readonly #member: Membership
  readonly #group: Group
  readonly #works = new Map<string, PartitionWork>()
  readonly #failure = new AbortController()
  readonly #off: () => void
  #mine: ReadonlySet<string> = new Set()
  #timer: NodeJS.Timeout | undefined

  constructor(
    session: OpenSession,
    plan: MembershipPlan,
    place: { readonly member: Membership; readonly group: Group },
  ) {
    this.#session = session
    this.#plan = plan
    this.#member = place.member
    this.#group = place.group
    this.#off = this.#group.on('change', () => this.#assignSoon())
    this.#assignSoon()
  }

  /** Aborts when a partition cannot be run; its reason is the error. */
  get failed(): AbortSignal {
    return this.#failure.signal
  }

  /** Stops everything, and resolves when all locks are released. */
  async end(): Promise<void> {
    this.#off()
    clearTimeout(this.#timer)
    this.#assign(new Set())
    await Promise.all([...this.#works.values()].map(({ done }) => done.catch(() => undefined)))
  }

  /**
   * One assignment for all changes of the next `settleMs`. The time counts from the first of them, so members that come and
   * go all the time delay it no further.
   */
  #assignSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#assign(partitionsOf(this.#member.id, this.#members()))
    }, this.#plan.settleMs)
  }

  #members(): readonly PartitionMember[] {
    const { logger, name } = this.#plan
    return this.#group.members.flatMap((member) => {
      const decoded = decodeMember(member)
      if (decoded === undefined)
        logger.warn('A key is not that of a member and is ignored', { name, key: member.key })
      return decoded ?? []
    })
  }

  #assign(mine: ReadonlySet<string>): void {
    this.#mine = mine
    for (const [partition, work] of this.#works)
      if (!mine.has(partition)) work.stop(new Error(`partition ${partition} goes to another member`))
    for (const partition of mine) if (!this.#works.has(partition)) this.#start(partition)
  }

  #start(partition: string): void {
    const work = new PartitionWork(this.#session, this.#plan, partition)
    this.#works.set(partition, work)
    const onDone = (): void => {
      this.#works.delete(partition)
      // It was assigned again while the former work ended.
      if (this.#mine.has(partition)) this.#start(partition)
    }
    work.done.then(onDone, (error: unknown) => this.#failure.abort(error))
  }
}
