import { isDeepStrictEqual } from 'node:util'
import {
  type InstanceIssue,
  type InstanceRecord,
  PROPOSAL_VERSION,
  readVerdict,
  spreadFor,
  type UnjudgedReason,
} from 'livetree/operate'
import type { WorkedOut } from '../change/work-out.ts'
import { AdminError } from '../errors.ts'
import type { CallLimit, Workspace } from '../workspace.ts'
import { type FleetCallOptions, MOST_WAIT_MS, outcomeOf } from './fleet-outcome.ts'
import {
  layersHolding,
  nameOf,
  operationsKeys,
  type ReadFleet,
  readFleet,
  readingFleet,
  readingLimit,
} from './instances.ts'
import { putProposal, type StandingProposal } from './put-proposal.ts'
import { type WatchedKeys, watchUntil } from './watch-until.ts'
import { openParts } from '../secrets/encrypted-with.ts'
import { placeOf } from '../tree/key-place.ts'
import { needsIn } from '../translate-error.ts'

/** Options of `Plan.preflight`. */
export interface PreflightOptions extends FleetCallOptions {
  /**
   * How long to wait for verdicts, in milliseconds, at most 50,000, once the instances are asked; that has the limit of the admin.
   * Default: 3,000, and more the more instances there are: these answer one after the other.
   */
  readonly timeoutMs?: number | undefined
  /** Ask as if everything that the change removes is meant, as `ApplyOptions.allowRemoval`. Default false. */
  readonly allowRemoval?: boolean | undefined
}

/** What one instance says of a plan. */
export interface PreflightAnswer {
  readonly instance: InstanceRecord
  /**
   * `accepted`, `rejected`: it would apply the change, or would not. `unjudged`: it cannot say, see `reason`. `silent`: it has not
   * answered within the time. `gone`: it left before it answered.
   */
  readonly verdict: 'accepted' | 'rejected' | 'unjudged' | 'silent' | 'gone'
  /** The store's revision of the tree that it was judged on; undefined without a verdict. */
  readonly revision: number | undefined
  /** Paths of which the process would go on with the old value until it starts again. */
  readonly needsRestart: readonly string[]
  /** With `rejected`: at most 20. */
  readonly issues: readonly InstanceIssue[]
  /** How many more issues there are. */
  readonly moreIssues: number
  /**
   * With `unjudged`. `behind`: it does not get to the revision of the plan. `hidden`: what is wrong may be due to a secret, whose text
   * it is not sent, or the change is one of a document that it is not sent since a secret is in it. `version`, `cannot`: its livetree, its permissions or its sources do not let it judge. `failed`: its own schema threw.
   */
  readonly reason: UnjudgedReason | 'cannot' | undefined
}

/** What the running instances say of a plan. Nothing of it is written. */
export interface Preflight {
  /** The revision that the plan was worked out at. */
  readonly revision: number
  /** `rejected`: by one at least. `incomplete`: nobody rejects it, and one is `silent` or `unjudged`. `accepted`: by all, or there is none. */
  readonly outcome: 'accepted' | 'rejected' | 'incomplete'
  /** The answers of every instance that reads a key of the plan, sorted by name of the configuration, then by id. */
  readonly answers: readonly PreflightAnswer[]
  /** Paths that the plan sets to a text that may be secret: no instance was sent it, and none has judged it. */
  readonly hidden: readonly string[]
  /** Keys of instances whose records cannot be read here. They were not asked. */
  readonly unreadable: readonly string[]
}

const DEFAULT_MS = 3_000
const CLEAN_UP_MS = 5_000

/**
 * Asks every running instance that reads a key of the change, and collects the verdicts until all have answered or the time is over.
 *
 * @throws AdminError as `Plan.preflight`
 */
export async function preflight(
  workspace: Workspace,
  worked: WorkedOut,
  options: PreflightOptions,
): Promise<Preflight> {
  if (workspace.settings.isUntyped)
    throw new AdminError('invalid_options', {
      what: 'preflight() needs a schema: without one, nothing is known to be secret, and instances would be sent secrets',
      remedy: 'Give createAdmin() the definition, or the JSON Schema that the instances published.',
    })
  const setup = readingLimit(workspace, options)
  const fleet = await readFleet(workspace, setup)
  const answers = new Map(askedAnswers(fleet, worked).map((answer) => [nameOf(answer.instance), answer]))
  const asked = [...answers.values()].flatMap(({ verdict, instance }) =>
    verdict === 'silent' ? [instance] : [],
  )
  if (asked.length > 0) {
    const waitMs = Math.min(DEFAULT_MS + 2 * spreadFor(fleet.instances.length), MOST_WAIT_MS)
    const { timeoutMs = waitMs } = options
    const proposal = await putProposal(workspace, setup, worked, asked, options.allowRemoval === true)
    try {
      await collect(workspace, workspace.limit({ ...options, timeoutMs }), fleet, proposal, answers)
    } finally {
      await takeBack(workspace, proposal)
    }
  }
  const found = [...answers.values()]
  return resultOf(worked, fleet, hidesOpenParts(workspace, worked) ? found.map(unsaid) : found, options)
}

/** Whether the change has something that is open to anyone in a document that is not sent, since a secret is in it too. */
function hidesOpenParts(workspace: Workspace, { state, edits, hidden }: WorkedOut): boolean {
  const { definition } = workspace.settings
  return [...hidden].some((key) => {
    const { paths } = placeOf(workspace, key)
    const stored = state.reading.entries.get(key)?.value
    const before = openParts(definition, paths, typeof stored === 'string' ? stored : '')
    return !isDeepStrictEqual(before, openParts(definition, paths, edits.get(key) ?? ''))
  })
}

/** An instance that accepts what it was sent has not said that of the rest. */
function unsaid(answer: PreflightAnswer): PreflightAnswer {
  return answer.verdict === 'accepted' ? { ...answer, verdict: 'unjudged', reason: 'hidden' } : answer
}

/** Those that a change concerns: `silent` until they answer, `unjudged` where they cannot. */
function askedAnswers({ instances }: ReadFleet, { edits }: WorkedOut): readonly PreflightAnswer[] {
  return instances
    .filter((instance) => layersHolding(instance, edits.keys()).length > 0)
    .map((instance) => {
      const canJudge = (instance.judgesProposals ?? 0) >= PROPOSAL_VERSION
      return {
        instance,
        verdict: canJudge ? 'silent' : 'unjudged',
        revision: undefined,
        needsRestart: [],
        issues: [],
        moreIssues: 0,
        reason: canJudge ? undefined : 'cannot',
      }
    })
}

/** Fills in the answers as they come. */
function collect(
  workspace: Workspace,
  limit: CallLimit,
  { revision, clusterId }: ReadFleet,
  proposal: StandingProposal,
  answers: Map<string, PreflightAnswer>,
): Promise<void> {
  const keys = operationsKeys(workspace)
  const byKey = new Map(
    [...answers].map(([name, { instance }]) => [keys.instance(instance.name, instance.id), name] as const),
  )
  const verdicts = proposal.layers.map(
    (layer): WatchedKeys => ({
      range: { prefix: keys.verdicts(layer, proposal.id) },
      after: proposal.revision,
      onEvent({ type, key, text }) {
        const verdict = type === 'put' ? readVerdict(text) : undefined
        if (verdict === undefined || key !== keys.verdict(layer, proposal.id, verdict)) return
        const answer = answers.get(nameOf(verdict))
        if (answer !== undefined) answers.set(nameOf(verdict), answered(answer, verdict))
      },
    }),
  )
  const departures: WatchedKeys = {
    range: { prefix: keys.instances },
    after: revision,
    only: 'deletes',
    onEvent({ key }) {
      const name = byKey.get(key)
      const answer = name === undefined ? undefined : answers.get(name)
      if (name !== undefined && answer?.verdict === 'silent')
        answers.set(name, { ...answer, verdict: 'gone' })
    },
  }
  const needs = needsIn(
    workspace.settings.store,
    proposal.layers.map((layer) => ({ prefix: keys.verdictsOf(layer), as: 'readwrite' })),
  )
  return watchUntil(workspace, limit, {
    watches: [...verdicts, departures],
    clusterId,
    isDone: () => ![...answers.values()].some(({ verdict }) => verdict === 'silent'),
    doing: {
      what: 'waiting for the verdicts of running instances',
      needs: [...(readingFleet(workspace).needs ?? []), ...needs],
    },
  })
}

function answered(
  { instance }: PreflightAnswer,
  verdict: NonNullable<ReturnType<typeof readVerdict>>,
): PreflightAnswer {
  const { revision, needsRestart = [], issues = [], moreIssues = 0, reason } = verdict
  return { instance, verdict: verdict.verdict, revision, needsRestart, issues, moreIssues, reason }
}

/** Takes a proposal back, and then deletes the verdicts: none is written on a proposal that is gone. */
async function takeBack(workspace: Workspace, { id, layers, lease }: StandingProposal): Promise<void> {
  const keys = operationsKeys(workspace)
  const control = { timeoutMs: CLEAN_UP_MS }
  try {
    await workspace.client.lease.revoke(lease, control)
    for (const layer of layers)
      await workspace.client.kv.deleteRange({ prefix: keys.verdicts(layer, id), ...control })
  } catch (error) {
    // the proposal expires, and the instances delete their verdicts
    workspace.settings.logger?.info('A proposal could not be taken back; it expires within a minute', {
      id,
      error,
    })
  }
}

function resultOf(
  { state, changes, hidden }: WorkedOut,
  { unreadable }: ReadFleet,
  answers: readonly PreflightAnswer[],
  options: PreflightOptions,
): Preflight {
  const rejected = answers.filter(({ verdict }) => verdict === 'rejected')
  const missing = answers.filter(({ verdict }) => verdict === 'silent' || verdict === 'unjudged')
  return {
    revision: state.reading.revision,
    outcome: outcomeOf('accepted', options, 'The change', rejected, missing),
    answers,
    hidden: changes.filter(({ key }) => hidden.has(key)).map(({ pathText }) => pathText),
    unreadable,
  }
}
