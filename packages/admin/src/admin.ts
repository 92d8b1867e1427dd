import { type ConfigDefinition, type DeepReadonly, defineConfig } from '@livetree/core'
import { checkOptions, type LayerInfo, optionKinds, type OptionTable } from '@livetree/core/source'
import type { JsonSchema } from '@livetree/core/tools'
import type { EtcdSourceOptions } from 'livetree'
import { type $ZodType, $ZodUnknown, type output } from 'zod/v4/core'
import type { Admin, ReadOptions, WriteOptions } from './admin-contract.ts'
import type { Applied, ApplyOptions } from './change/applied.ts'
import { type ChangeOptions, type ChangeSet, openChange } from './change/change-set.ts'
import { type Plan, planDraft } from './change/plan.ts'
import { planRollback, type RollbackOptions } from './change/rollback.ts'
import { draftOf, type SavedPlan } from './change/saved-plan.ts'
import { AdminError } from './errors.ts'
import type { Convergence, VerdictsOptions } from './fleet/convergence.ts'
import { VERDICTS_TABLE } from './fleet/fleet-outcome.ts'
import { followInstances, type FollowInstancesOptions, type InstancesNews } from './fleet/follow-instances.ts'
import { type FleetInstances, readFleet, readsTree } from './fleet/instances.ts'
import { treeVerdicts } from './fleet/tree-verdicts.ts'
import { findRecord, type HistoryOptions, readHistory } from './history/history.ts'
import type { HistoryEntry, RecordedEntry } from './history/history-entry.ts'
import { followRevisions, type RevisionsOptions } from './tree/follow-revisions.ts'
import { jsonSchemaDefinition } from './json-schema-definition.ts'
import { type AdminOptions, resolveAdmin } from './options.ts'
import type { EncryptedValues, RotateOptions, Rotation } from './secrets/rotation.ts'
import type { PathLike } from './selector.ts'
import { readState } from './tree/tree-state.ts'
import { type AdminTree, viewTree } from './tree/tree-view.ts'
import type { Difference, DiffSide } from './transfer/diff.ts'
import type { Exported, ExportOptions } from './transfer/export.ts'
import type { ImportOptions } from './transfer/import.ts'
import type { PromoteOptions } from './transfer/promote.ts'
import { translatedNow } from './translate-error.ts'
import { CALL_TABLE, revisionKind } from './option-tables.ts'
import { type CallOptions, Workspace } from './workspace.ts'

/** Options of `createAdmin` without a definition. */
export type UntypedAdminOptions = AdminOptions & {
  readonly store: EtcdSourceOptions
  /** Stands for the name of a definition in records. Default `untyped`. */
  readonly name?: string | undefined
  /** What judges the tree, as `toJsonSchema` wrote it. Default: nothing. */
  readonly jsonSchema?: JsonSchema | undefined
}

/**
 * Creates an admin for a definition. It connects with the first call.
 *
 * Without a definition, `createAdmin({ store, jsonSchema })` judges by a JSON Schema, whose values are those of JSON. With
 * `createAdmin({ store })` there is no schema: every tree is valid, values are text, and nothing is known to be secret. What `set` and `import` take as numbers, booleans, null and lists stands in the tree as JSON, and
 * `export` reads it so.
 *
 * @throws AdminError `invalid_options`
 */
export function createAdmin<S extends $ZodType>(
  definition: ConfigDefinition<S>,
  options?: AdminOptions,
): Admin<DeepReadonly<output<S>>>
export function createAdmin(options: UntypedAdminOptions): Admin<unknown>
export function createAdmin(
  given: ConfigDefinition<$ZodType> | UntypedAdminOptions,
  options: AdminOptions = {},
): Admin<unknown> {
  if (!isGiven(given))
    throw new AdminError('invalid_options', {
      what: 'createAdmin() needs a definition, or options with a store',
      remedy: 'Give what defineConfig() returned, or { store: { endpoints, root } }.',
    })
  if ('compiled' in given) return new StoreAdmin(new Workspace(resolveAdmin(given, options)))
  const { name = 'untyped', jsonSchema, ...rest } = given
  translatedNow(() => checkOptions('createAdmin()', { name, jsonSchema }, UNTYPED_TABLE))
  if (Object.keys(options).length > 0)
    throw new AdminError('invalid_options', {
      what: 'createAdmin() without a definition takes all options in its first argument',
      remedy: 'Give { store: { endpoints, root }, author, … }.',
    })
  if (jsonSchema !== undefined)
    return new StoreAdmin(new Workspace(resolveAdmin(jsonSchemaDefinition(name, jsonSchema), rest)))
  return new StoreAdmin(new Workspace(resolveAdmin(untypedDefinition(name), rest, true)))
}

const UNTYPED_TABLE: OptionTable = {
  name: optionKinds.name,
  jsonSchema: { expected: 'a JSON Schema as toJsonSchema() returns it, an object', test: isGiven },
}

/** A definition that takes every tree. */
function untypedDefinition(name: string): ConfigDefinition<$ZodType> {
  return translatedNow(() =>
    defineConfig({ name, schema: new $ZodUnknown({ type: 'unknown' }), unused: 'ignore' }),
  )
}

const READ_TABLE: OptionTable = { ...CALL_TABLE, revision: revisionKind }

/** What reads and writes files is loaded by the calls that need it: YAML takes longer to load than a value to read. */
class StoreAdmin<T> implements Admin<T> {
  readonly #workspace: Workspace

  constructor(workspace: Workspace) {
    this.#workspace = workspace
  }

  get name(): string {
    return this.#workspace.settings.definition.name
  }

  get author(): string {
    return this.#workspace.settings.author
  }

  get layers(): readonly LayerInfo[] {
    return this.#workspace.settings.store.layers
  }

  get definition(): ConfigDefinition<$ZodType> {
    return this.#workspace.settings.definition
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
    translatedNow(() => checkOptions('read()', options, READ_TABLE))
    const state = await readState(this.#workspace, this.#workspace.limit(options), options.revision)
    return viewTree<T>(this.#workspace, state)
  }

  async at(revision: number, options: CallOptions = {}): Promise<T> {
    const tree = await this.read({ ...options, revision })
    return tree.value
  }

  history(options: HistoryOptions<T> = {}): AsyncIterable<HistoryEntry> {
    return readHistory(this.#workspace, options)
  }

  revisions(options: RevisionsOptions = {}): AsyncIterable<number> {
    return followRevisions(this.#workspace, options)
  }

  async find(id: string, options: CallOptions = {}): Promise<RecordedEntry | undefined> {
    translatedNow(() => checkOptions('find()', options, CALL_TABLE))
    return findRecord(this.#workspace, id, options)
  }

  async diff(one: DiffSide, other: DiffSide, options: CallOptions = {}): Promise<readonly Difference[]> {
    const { diffSides } = await import('./transfer/diff.ts')
    return diffSides(this.#workspace, one, other, options)
  }

  async rollback(options: RollbackOptions<T>): Promise<Plan> {
    return planRollback(this.#workspace, options)
  }

  async promote(options: PromoteOptions<T>): Promise<Plan> {
    const { planPromotion } = await import('./transfer/promote.ts')
    return planPromotion(this.#workspace, options)
  }

  async export(options: ExportOptions = {}): Promise<Exported> {
    const { exportTree } = await import('./transfer/export.ts')
    return exportTree(this.#workspace, options)
  }

  async import(text: string, options: ImportOptions = {}): Promise<Plan> {
    const { planImport } = await import('./transfer/import.ts')
    return planImport(this.#workspace, text, options)
  }

  async encrypted(options: CallOptions = {}): Promise<EncryptedValues> {
    const { readEncrypted } = await import('./secrets/rotation.ts')
    return readEncrypted(this.#workspace, options)
  }

  async rotateSecrets(options: RotateOptions = {}): Promise<Rotation> {
    const { planRotation } = await import('./secrets/rotation.ts')
    return planRotation(this.#workspace, options)
  }

  async instances(options: CallOptions = {}): Promise<FleetInstances> {
    translatedNow(() => checkOptions('instances()', options, CALL_TABLE))
    const { revision, instances, unreadable } = await readFleet(
      this.#workspace,
      this.#workspace.limit(options),
    )
    return { revision, instances: instances.filter((each) => readsTree(this.#workspace, each)), unreadable }
  }

  followInstances(options: FollowInstancesOptions = {}): AsyncIterable<InstancesNews> {
    return followInstances(this.#workspace, options)
  }

  async verdicts(revision?: number, options: VerdictsOptions = {}): Promise<Convergence> {
    translatedNow(() =>
      checkOptions('verdicts()', { revision, ...options }, { ...VERDICTS_TABLE, revision: revisionKind }),
    )
    return treeVerdicts(this.#workspace, revision, options)
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
  if (!isGiven(options))
    throw new AdminError('invalid_options', {
      what: 'Expected an object of options, such as { overlay }',
      remedy: '',
    })
  const { overlay, layer, ifRevision, ...apply } = options
  const { timeoutMs, signal } = apply
  return [{ overlay, layer, ifRevision }, apply, { timeoutMs, signal }]
}

/** Whether an object was given, as the types say. */
function isGiven(value: unknown): boolean {
  return optionKinds.isObject(value)
}
