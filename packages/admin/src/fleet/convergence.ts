import type { InstanceIssue, InstanceRecord } from 'livetree/operate'
import type { Workspace } from '../workspace.ts'
import { type FleetCallOptions, outcomeOf } from './fleet-outcome.ts'
import { instanceAt, operationsKeys, readFleet, readingFleet, readingLimit } from './instances.ts'
import { type WatchedKeys, watchUntil } from './watch-until.ts'

/** Options of `Applied.verdicts` and `Admin.verdicts`. */
export interface VerdictsOptions extends FleetCallOptions {
  /** How long to wait for the instances, in milliseconds, once they are read; that has the limit of the admin. Default 30,000. */
  readonly timeoutMs?: number | undefined
}

/** Whether one instance has applied a revision. */
export interface InstanceAnswer {
  /** What it said last. */
  readonly instance: InstanceRecord
  /**
   * `applied`: it is in service. `rejected`: it was judged, alone or with later writes (see `instance.revision`), and what was in
   * service stays. `pending`: the instance has not said. `gone`: it left before it did.
   */
  readonly verdict: 'applied' | 'rejected' | 'pending' | 'gone'
  /** The revision that it had to get to: the newest one, up to the one asked about, that wrote a key that it reads. */
  readonly revision: number
  /** Paths of which the process goes on with the old value until it starts again. */
  readonly needsRestart: readonly string[]
  /** With `rejected`: at most 20. */
  readonly issues: readonly InstanceIssue[]
  /** How many more issues there are. */
  readonly moreIssues: number
}

/** Whether the running instances have applied a revision. */
export interface Convergence {
  readonly revision: number
  /** `rejected`: by one at least. `incomplete`: nobody rejects it, and one is `pending`. `applied`: by all, or there is none. */
  readonly outcome: 'applied' | 'rejected' | 'incomplete'
  /** By name of the configuration, then by id. */
  readonly answers: readonly InstanceAnswer[]
  /** Keys of instances whose records cannot be read here. */
  readonly unreadable: readonly string[]
}

const DEFAULT_MS = 30_000

/**
 * Waits until every instance that a revision concerns has applied or rejected it, or the time is over.
 *
 * @param targetOf the revision that an instance has to get to; undefined: the instance is not concerned
 * @throws AdminError as `Applied.verdicts`
 */
export async function convergence(
  workspace: Workspace,
  revision: number,
  targetOf: (instance: InstanceRecord) => number | undefined,
  options: VerdictsOptions,
): Promise<Convergence> {
  const { timeoutMs = DEFAULT_MS } = options
  const keys = operationsKeys(workspace)
  const fleet = await readFleet(workspace, readingLimit(workspace, options))
  const answers = new Map<string, InstanceAnswer>()
  for (const instance of fleet.instances) {
    const target = targetOf(instance)
    if (target !== undefined)
      answers.set(keys.instance(instance.name, instance.id), answerOf(instance, target))
  }
  const watched: WatchedKeys = {
    range: { prefix: keys.instances },
    after: fleet.revision,
    onEvent({ type, key, text, kv }) {
      const answer = answers.get(key)
      if (answer === undefined) return
      if (type === 'delete')
        return void (answer.verdict === 'pending' && answers.set(key, { ...answer, verdict: 'gone' }))
      const instance = instanceAt(keys, key, text, kv.modRevision)
      if (instance !== undefined) answers.set(key, answerOf(instance, answer.revision))
    },
  }
  await watchUntil(workspace, workspace.limit({ ...options, timeoutMs }), {
    watches: [watched],
    clusterId: fleet.clusterId,
    isDone: () => ![...answers.values()].some(({ verdict }) => verdict === 'pending'),
    doing: readingFleet(workspace),
  })
  const all = [...answers.values()]
  const rejected = all.filter(({ verdict }) => verdict === 'rejected')
  const pending = all.filter(({ verdict }) => verdict === 'pending')
  const outcome = outcomeOf('applied', options, `Revision ${revision}`, rejected, pending)
  return { revision, outcome, answers: all, unreadable: fleet.unreadable }
}

/** All revisions compared are of this store: `applied` is 0 where what is in service is not. */
function answerOf(instance: InstanceRecord, revision: number): InstanceAnswer {
  const { applied, needsRestart = [], issues = [], moreIssues = 0 } = instance
  const answer = { instance, revision, needsRestart }
  const isThere = applied >= revision && (applied > 0 || instance.verdict === 'applied')
  if (isThere) return { ...answer, verdict: 'applied', issues: [], moreIssues: 0 }
  const isRejected = instance.verdict === 'rejected' && instance.revision >= revision
  return isRejected
    ? { ...answer, verdict: 'rejected', issues, moreIssues }
    : { ...answer, verdict: 'pending', issues: [], moreIssues: 0 }
}
