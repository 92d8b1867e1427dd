import { checkOptions } from '@livetree/core/source'
import { type Convergence, convergence, type VerdictsOptions } from '../fleet/convergence.ts'
import { VERDICTS_TABLE } from '../fleet/fleet-outcome.ts'
import { layersHolding } from '../fleet/instances.ts'
import { translatedNow } from '../translate-error.ts'
import type { CallOptions, Workspace } from '../workspace.ts'
import type { PlannedChange } from './planned-change.ts'

/** Options of `Plan.apply`. */
export interface ApplyOptions extends CallOptions {
  /** Why, as the history shows it: at most 4,000 characters. */
  readonly message?: string | undefined
  /** Who writes, as the history shows it: 1 to 200 characters. Default: the author of the admin. */
  readonly author?: string | undefined
  /** Allow everything that the change removes, however much it is. Default false. */
  readonly allowRemoval?: boolean | undefined
  /** Write it although the schema refuses the tree. Recorded. Default false. */
  readonly force?: boolean | undefined
  /**
   * The id of the write, a UUID of version 7 in lower case, for whoever has to know it before the call: of all calls with one id, also
   * of several processes, at most one writes, and `find(id)` finds it. The others fail with `conflict`. Default: a new one.
   */
  readonly id?: string | undefined
  /**
   * Called with the id of the write before it is sent, and again before it is sent another time: whoever may stop before
   * `apply` has an answer can ask `find(id)` later. It is waited for. Where it throws or rejects, the call fails with `aborted`,
   * before anything is sent, with that as the `cause`.
   */
  readonly onSend?: ((id: string) => void | Promise<void>) | undefined
}

/** What an apply has written. */
export interface Applied {
  /** The id of its record; undefined if nothing had to be written. */
  readonly id: string | undefined
  /** The revision of the store that wrote it; of an empty plan, the one that it was worked out at. */
  readonly revision: number
  readonly changes: readonly PlannedChange[]
  /**
   * Waits until every running instance that reads a key of the change has applied or rejected it, or the time is over.
   *
   * @throws AdminError `fleet_rejected`, `fleet_incomplete` with `require: 'all'`; `permission_denied`, `store_unavailable`,
   *   `store_changed`, `timeout` before anything is known, `aborted`, `closed`, `invalid_options`
   */
  verdicts(options?: VerdictsOptions): Promise<Convergence>
}

/** What was written, with the way to the instances. */
export class AppliedChange implements Applied {
  readonly id: string | undefined
  readonly revision: number
  readonly changes: readonly PlannedChange[]
  readonly #workspace: Workspace

  constructor(workspace: Workspace, { id, revision, changes }: Omit<Applied, 'verdicts'>) {
    this.#workspace = workspace
    this.id = id
    this.revision = revision
    this.changes = changes
  }

  async verdicts(options: VerdictsOptions = {}): Promise<Convergence> {
    translatedNow(() => checkOptions('verdicts()', options, VERDICTS_TABLE))
    const keys = this.changes.map(({ key }) => key)
    return convergence(
      this.#workspace,
      this.revision,
      (instance) => (layersHolding(instance, keys).length > 0 ? this.revision : undefined),
      options,
    )
  }
}
