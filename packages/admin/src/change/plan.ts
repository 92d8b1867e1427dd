import type { Issue, UnusedKey } from '@livetree/core'
import { checkOptions, optionKinds, type OptionTable } from '@livetree/core/source'
import { AdminError } from '../errors.ts'
import { isUuidV7 } from '../history/uuid-v7.ts'
import { PREFLIGHT_TABLE } from '../fleet/fleet-outcome.ts'
import { type Preflight, preflight, type PreflightOptions } from '../fleet/preflight.ts'
import { readState } from '../tree/tree-state.ts'
import { translated, translatedNow } from '../translate-error.ts'
import type { CallOptions, Workspace } from '../workspace.ts'
import { applyPlan } from './apply.ts'
import type { Applied, ApplyOptions } from './applied.ts'
import type { Draft, ReadStep } from './draft.ts'
import type { PlannedChange } from './planned-change.ts'
import { PlanCheck } from './plan-check.ts'
import { readWritten } from './read-written.ts'
import { type SavedPlan, savedPlan } from './saved-plan.ts'
import { CALL_TABLE } from '../option-tables.ts'
import { type WorkedOut, workOut } from './work-out.ts'

/** A change worked out against the tree at one revision. Nothing is written before `apply`. */
export interface Plan {
  /** The revision of the store that it was worked out and judged at. */
  readonly revision: number
  /** Each key that changes. */
  readonly changes: readonly PlannedChange[]
  /** What the schema says of the whole tree after it. With any of these it can only be applied with `force`. */
  readonly issues: readonly Issue[]
  /** The changes that remove a key. */
  readonly removes: readonly PlannedChange[]
  /** Keys after it that the schema does not know; of a layer that ignores those of others, what the plan itself writes. */
  readonly unused: readonly UnusedKey[]
  /** It removes so much that running instances would refuse it without `allowRemoval`. */
  readonly needsAllowRemoval: boolean
  /** Whether nothing changes: applying it writes nothing. */
  readonly isEmpty: boolean
  /**
   * Asks every running instance that reads a key of the plan whether it would apply it; see `joinFleet` of `livetree/fleet`. Nothing is
   * written to the layers. Secrets are not sent. Resolves when all have answered, or the time is over.
   *
   * @throws AdminError `fleet_rejected`, `fleet_incomplete` with `require: 'all'`; `too_large` for more than instances judge;
   *   `permission_denied`, `store_unavailable`, `store_changed`, `timeout`, `aborted`, `closed`; `invalid_options`, also without a schema
   */
  preflight(options?: PreflightOptions): Promise<Preflight>
  /**
   * Resolves if what the plan was worked out from is still there, as `apply` requires it: for a dry run. Others may write in between.
   *
   * @throws AdminError `conflict`, `compacted`, `not_found`, `store_changed` as `apply` does; `store_unavailable`, `timeout`, `aborted`,
   *   `closed`
   */
  assertUnmoved(options?: CallOptions): Promise<void>
  /**
   * Writes the change in one transaction, with its record. If other keys of the layers have changed meanwhile, the tree is
   * validated again; if one of its own keys has changed, the call fails with `conflict`. If the answer is lost, the record
   * shows the outcome: it was applied, or it never will be.
   *
   * @throws AdminError `invalid_tree`, `removal_refused`, `conflict`, `contention`, `too_large`, `permission_denied`,
   *   `store_unavailable`, `outcome_unknown`, `timeout`, `aborted`, `invalid_options`
   */
  apply(options?: ApplyOptions): Promise<Applied>
  /**
   * The plan as JSON, to be applied later by `openPlan`: it holds the revision of each key, and the id of the cluster.
   *
   * @throws AdminError `secret_text` if one of its texts may be secret
   */
  save(): SavedPlan
  /** For people and logs: without `unused`, and without any secret. */
  toJSON(): object
}

const APPLY_TABLE: OptionTable = {
  message: {
    expected: 'text of 1 to 4,000 characters',
    test: (message) => typeof message === 'string' && message.length >= 1 && message.length <= 4_000,
  },
  author: optionKinds.name,
  allowRemoval: optionKinds.flag,
  force: optionKinds.flag,
  id: {
    expected: 'a UUID of version 7, in lower case',
    test: (id) => typeof id === 'string' && isUuidV7(id),
    isShown: true,
  },
  onSend: optionKinds.callback,
  timeoutMs: optionKinds.milliseconds,
  signal: optionKinds.abortSignal,
}

/**
 * Plans a draft on the newest tree.
 *
 * @throws AdminError as `workOut`, and of a reading
 */
export async function planDraft(
  workspace: Workspace,
  draft: Draft,
  options: CallOptions = {},
): Promise<Plan> {
  const limit = workspace.limit(options)
  const state = await readState(workspace, limit)
  assertSameCluster(draft, state.reading.clusterId)
  const read = { ...draft, steps: await readWritten(workspace, draft.steps, state) }
  return new DraftPlan(workspace, read, workOut(workspace, read, state))
}

function assertSameCluster({ plannedOn = 0n }: Draft, clusterId: bigint): void {
  if (plannedOn === 0n || clusterId === 0n || plannedOn === clusterId) return
  const [planned, here] = [plannedOn, clusterId].map((id) => id.toString(16))
  throw new AdminError('store_changed', {
    what: `The plan was made on the cluster ${planned}, and the cluster ${here} answers here`,
    remedy: 'Open it with the endpoints that it was made with, or plan it again here. Nothing was written.',
  })
}

class DraftPlan implements Plan {
  readonly revision: number
  readonly changes: readonly PlannedChange[]
  readonly issues: readonly Issue[]
  readonly removes: readonly PlannedChange[]
  readonly unused: readonly UnusedKey[]
  readonly needsAllowRemoval: boolean
  readonly isEmpty: boolean
  readonly #workspace: Workspace
  readonly #draft: Draft<ReadStep>
  readonly #worked: WorkedOut

  constructor(workspace: Workspace, draft: Draft<ReadStep>, worked: WorkedOut) {
    this.#workspace = workspace
    this.#draft = draft
    this.#worked = worked
    this.revision = worked.state.reading.revision
    this.changes = worked.changes
    this.issues = worked.issues
    this.removes = worked.changes.filter(({ type }) => type === 'removed')
    this.unused = worked.unused
    this.needsAllowRemoval = worked.needsAllowRemoval
    this.isEmpty = worked.changes.length === 0
  }

  async preflight(options: PreflightOptions = {}): Promise<Preflight> {
    translatedNow(() => checkOptions('preflight()', options, PREFLIGHT_TABLE))
    return preflight(this.#workspace, this.#worked, options)
  }

  async assertUnmoved(options: CallOptions = {}): Promise<void> {
    translatedNow(() => checkOptions('assertUnmoved()', options, CALL_TABLE))
    const limit = this.#workspace.limit(options)
    await translated({ what: 'comparing the tree with the plan' }, () =>
      new PlanCheck(this.#workspace, limit, this.#draft, this.#worked).assertUnmoved(this.#worked),
    )
  }

  async apply(options: ApplyOptions = {}): Promise<Applied> {
    translatedNow(() => checkOptions('apply()', options, APPLY_TABLE))
    return applyPlan(this.#workspace, this.#draft, this.#worked, options)
  }

  save(): SavedPlan {
    return savedPlan(this.#workspace, this.#draft, this.#worked)
  }

  toJSON(): object {
    const { revision, changes, issues, needsAllowRemoval } = this
    return asJson({ revision, changes, issues, needsAllowRemoval })
  }
}

/** A copy as JSON has it: numbers without a limit as text, maps as objects, sets as lists. */
function asJson(value: object): object {
  const text = JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === 'bigint') return String(part)
    if (part instanceof Map) return Object.fromEntries(part)
    return part instanceof Set ? [...part] : part
  })
  return JSON.parse(text) as object
}
