import type { ConfigDefinition, Path } from '@livetree/core'
import type { LayerInfo } from '@livetree/core/source'
import type { Applied, ApplyOptions } from './change/applied.ts'
import type { ChangeOptions, ChangeSet } from './change/change-set.ts'
import type { Plan } from './change/plan.ts'
import type { RollbackOptions } from './change/rollback.ts'
import type { SavedPlan } from './change/saved-plan.ts'
import type { Convergence, VerdictsOptions } from './fleet/convergence.ts'
import type { FollowInstancesOptions, InstancesNews } from './fleet/follow-instances.ts'
import type { FleetInstances } from './fleet/instances.ts'
import type { HistoryOptions } from './history/history.ts'
import type { HistoryEntry, RecordedEntry } from './history/history-entry.ts'
import type { EncryptedValues, RotateOptions, Rotation } from './secrets/rotation.ts'
import type { PathLike } from './selector.ts'
import type { AdminTree } from './tree/tree-view.ts'
import type { Difference, DiffSide } from './transfer/diff.ts'
import type { Exported, ExportOptions } from './transfer/export.ts'
import type { ImportOptions } from './transfer/import.ts'
import type { PromoteOptions } from './transfer/promote.ts'
import type { RevisionsOptions } from './tree/follow-revisions.ts'
import type { CallOptions } from './workspace.ts'
import type { $ZodType } from 'zod/v4/core'

/** Options of `Admin.set` and `Admin.unset`: those of the change and of applying it. */
export type WriteOptions = ChangeOptions & ApplyOptions

/** Options of `Admin.read`. */
export interface ReadOptions extends CallOptions {
  /** Read the store as it was at this revision; files and environment are as they are now. Default: the newest. */
  readonly revision?: number | undefined
}

/** Reads and writes the tree of one definition in etcd. Every write is judged before it is made, and recorded. */
export interface Admin<T> extends AsyncDisposable {
  /** The name of the definition. */
  readonly name: string
  /** Who writes, as the history shows it, where a write does not name another. */
  readonly author: string
  /** The layers of the store, the lowest precedence first. */
  readonly layers: readonly LayerInfo[]
  /** What judges the tree. Without a schema, it takes every tree. */
  readonly definition: ConfigDefinition<$ZodType>
  /**
   * Sets one value and applies that: `change(…).set(…).plan()`, then `apply(…)`.
   *
   * @throws AdminError as these do
   */
  set<V>(place: (config: T) => V, value: NoInfer<V>, options?: WriteOptions): Promise<Applied>
  set(path: string | Path, value: unknown, options?: WriteOptions): Promise<Applied>
  /** Removes what one layer has at and below a path, and applies that. */
  unset(place: PathLike<T>, options?: WriteOptions): Promise<Applied>
  /**
   * Begins a change of one layer; nothing is read or written yet.
   *
   * @throws AdminError `invalid_options`
   */
  change(options?: ChangeOptions): ChangeSet<T>
  /**
   * Works a saved plan out again. It is applied only if its keys have not moved since it was saved; `compacted` if one of them
   * is not there and the store does not keep its history since, which alone tells whether it was set and removed.
   *
   * @throws AdminError `unreadable`; `store_changed` for a plan of another cluster; and as `ChangeSet.plan`
   */
  openPlan(saved: SavedPlan, options?: CallOptions): Promise<Plan>
  /**
   * Reads the whole tree at one revision and judges it.
   *
   * @throws AdminError `compacted`, `not_found` for a revision to come, `permission_denied`, `store_unavailable`, `timeout`
   */
  read(options?: ReadOptions): Promise<AdminTree<T>>
  /**
   * The configuration as it was at a revision.
   *
   * @throws AdminError `invalid_tree`, and as `read`
   */
  at(revision: number, options?: CallOptions): Promise<T>
  /**
   * The writes to the layers, the newest first: those of admins from their records, those of other tools from the store's
   * own history, as far as that is not compacted. It is read as it is asked for, and the time limit is that of each entry.
   *
   * @throws AdminError `permission_denied`, `store_unavailable`, `timeout`, `aborted`, `invalid_options`;
   *   `invalid_path` for a path that neither the schema nor the history knows
   */
  history(options?: HistoryOptions<T>): AsyncIterable<HistoryEntry>
  /**
   * The newest revision of the store, and then that of each write to the layers, by whomever. Those that came while nobody asked
   * for the next one are given as one, the newest. It ends with `signal` or by `break`.
   *
   * @throws AdminError `permission_denied`, `store_unavailable`, `store_changed`, `timeout` of the first one, `aborted`, `closed`,
   *   `invalid_options`
   */
  revisions(options?: RevisionsOptions): AsyncIterable<number>
  /**
   * The write with an id, such as that of an `outcome_unknown`; undefined if nothing was applied under it, or if its record
   * is pruned.
   *
   * @throws AdminError `unreadable` for a record that is damaged, or of a newer version of livetree; and as `history`
   */
  find(id: string, options?: CallOptions): Promise<RecordedEntry | undefined>
  /**
   * How two trees, layers or texts differ. Two whole trees are compared by value, everything else scalar by scalar.
   *
   * @throws AdminError `invalid_tree` if a whole tree is invalid, `compacted`, `unreadable`, `invalid_options`
   */
  diff(one: DiffSide, other: DiffSide, options?: CallOptions): Promise<readonly Difference[]>
  /**
   * Plans that the keys of all layers, or of the one that is given, get the texts that they had at a revision.
   *
   * @throws AdminError `compacted`, `not_found` for a revision to come, `invalid_options`
   */
  rollback(options: RollbackOptions<T>): Promise<Plan>
  /**
   * Plans that one layer gets, at some places, what another side of a comparison has: another layer, an earlier revision, or, as
   * the text that its admin exports, another environment. Secrets are taken too, and are in no answer. Everything else below a place
   * goes.
   *
   * @throws AdminError `not_found` for a place that neither has, `invalid_path`, and as `diff` and `ChangeSet.plan`
   */
  promote(options: PromoteOptions<T>): Promise<Plan>
  /**
   * The whole configuration, or what one layer holds, as text.
   *
   * @throws AdminError `invalid_tree`, `compacted`, `unwritable_value`, `invalid_options`
   */
  export(options?: ExportOptions): Promise<Exported>
  /**
   * Plans what a text holds as a change of one layer: objects are joined with what the layer has, also inside documents;
   * everything else replaces it.
   *
   * @throws AdminError `unreadable`, `invalid_path`, `invalid_value`, `unwritable_value`, `invalid_options`
   */
  import(text: string, options?: ImportOptions): Promise<Plan>
  /**
   * Which encrypted values the layers have, with which key each is encrypted, and what stands there in plain text.
   *
   * @throws AdminError `permission_denied`, `store_unavailable`, `timeout`, `aborted`, `invalid_options`
   */
  encrypted(options?: CallOptions): Promise<EncryptedValues>
  /**
   * Plans that values of earlier keys are encrypted with the current one, as many as fit into one transaction: apply the plan, and
   * ask again while there are some `left`. Plain text stays unless `plaintext: 'encrypt'` is given. A value that changes meanwhile is a conflict, and is never overwritten.
   *
   * @throws AdminError `keys_unavailable`, and as `ChangeSet.plan`
   */
  rotateSecrets(options?: RotateOptions): Promise<Rotation>
  /**
   * The running instances that joined the fleet and read keys of these layers, whatever their definition.
   *
   * @throws AdminError `permission_denied`, `store_unavailable`, `timeout`, `aborted`, `invalid_options`
   */
  instances(options?: CallOptions): Promise<FleetInstances>
  /**
   * What these instances say, as they say it: their verdicts, and that they leave. The first one says from which revision on. Of what came
   * while nobody asked for the next one, the newest of each instance is given. It ends with `signal` or by `break`.
   *
   * @throws AdminError `compacted` if the store does not keep what was said after `since`; `permission_denied`, `store_unavailable`,
   *   `store_changed`, `timeout` of the first one, `aborted`, `closed`, `invalid_options`
   */
  followInstances(options?: FollowInstancesOptions): AsyncIterable<InstancesNews>
  /**
   * Waits until every running instance that reads keys of these layers has applied or rejected everything that was written up to
   * a revision, or the time is over; `timeoutMs: 1` waits for nobody. Each has to get to the newest write that is known of in its directories:
   * removals by other tools than an admin are not.
   *
   * @param revision default: the newest write to these layers
   * @throws AdminError `fleet_rejected`, `fleet_incomplete` with `require: 'all'`; `compacted`, `not_found` for a revision to come,
   *   `permission_denied`, `store_unavailable`, `store_changed`, `timeout`, `aborted`, `invalid_options`
   */
  verdicts(revision?: number, options?: VerdictsOptions): Promise<Convergence>
  /** Closes the client, unless it was given. Idempotent. */
  close(): Promise<void>
}
