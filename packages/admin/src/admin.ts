import type { ConfigDefinition, DeepReadonly, Path } from '@livetree/core'
import { checkOptions, type LayerInfo, type OptionTable } from '@livetree/core/source'
import type { $ZodType, output } from 'zod/v4/core'
import type { Applied, ApplyOptions } from './change/applied.ts'
import {
  CALL_TABLE,
  type ChangeOptions,
  type ChangeSet,
  openChange,
  revisionKind,
} from './change/change-set.ts'
import { type Plan, planDraft } from './change/plan.ts'
import { draftOf, type SavedPlan } from './change/saved-plan.ts'
import { type AdminOptions, resolveAdmin } from './options.ts'
import type { PathLike } from './selector.ts'
import { readState } from './tree/tree-state.ts'
import { type AdminTree, viewTree } from './tree/tree-view.ts'
import { translatedNow } from './translate-error.ts'
import { type CallOptions, Workspace } from './workspace.ts'

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
  /** The layers of the store, the lowest precedence first. */
  readonly layers: readonly LayerInfo[]
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
   * Works a saved plan out again. It is applied only if its keys have not moved since it was saved.
   *
   * @throws AdminError `unreadable`, and as `ChangeSet.plan`
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
  /** Closes the client, unless it was given. Idempotent. */
  close(): Promise<void>
}

/**
 * Creates an admin for a definition. It connects with the first call.
 *
 * @throws AdminError `invalid_options`
 */
export function createAdmin<S extends $ZodType>(
  definition: ConfigDefinition<S>,
  options: AdminOptions = {},
): Admin<DeepReadonly<output<S>>> {
  return new StoreAdmin<DeepReadonly<output<S>>>(new Workspace(resolveAdmin(definition, options)))
}

const readTable: OptionTable = { ...CALL_TABLE, revision: revisionKind }

class StoreAdmin<T> implements Admin<T> {
  readonly #workspace: Workspace

  constructor(workspace: Workspace) {
    this.#workspace = workspace
  }

  get name(): string {
    return this.#workspace.settings.definition.name
  }

  get layers(): readonly LayerInfo[] {
    return this.#workspace.settings.store.layers
  }

  async set(place: PathLike<T>, value: unknown, options: WriteOptions = {}): Promise<Applied> {
    const [change, apply, call] = splitOptions(options)
    const path = place as string
    const plan = await this.change(change).set(path, value).plan(call)
    return plan.apply(apply)
  }

  async unset(place: PathLike<T>, options: WriteOptions = {}): Promise<Applied> {
    const [change, apply, call] = splitOptions(options)
    const plan = await this.change(change).unset(place).plan(call)
    return plan.apply(apply)
  }

  change(options: ChangeOptions = {}): ChangeSet<T> {
    return openChange<T>(this.#workspace, options)
  }

  async openPlan(saved: SavedPlan, options: CallOptions = {}): Promise<Plan> {
    translatedNow(() => checkOptions('openPlan()', options, CALL_TABLE))
    return planDraft(this.#workspace, draftOf(this.#workspace, saved), options)
  }

  async read(options: ReadOptions = {}): Promise<AdminTree<T>> {
    translatedNow(() => checkOptions('read()', options, readTable))
    const state = await readState(this.#workspace, this.#workspace.limit(options), options.revision)
    return viewTree<T>(this.#workspace, state)
  }

  async at(revision: number, options: CallOptions = {}): Promise<T> {
    const tree = await this.read({ ...options, revision })
    return tree.value
  }

  close(): Promise<void> {
    return this.#workspace.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** The options of the change, of applying it, and of planning it. */
function splitOptions(options: WriteOptions): readonly [ChangeOptions, ApplyOptions, CallOptions] {
  const { overlay, layer, ifRevision, ...apply } = options
  const { timeoutMs, signal } = apply
  return [{ overlay, layer, ifRevision }, apply, { timeoutMs, signal }]
}
