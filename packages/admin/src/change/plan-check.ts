import type { StoreEntry, StoreReading } from 'livetree/operate'
import { AdminError } from '../errors.ts'
import { findRecords } from '../history/find-records.ts'
import { newestRevision } from '../history/newest-revision.ts'
import { placeOf } from '../tree/key-place.ts'
import { readStore } from '../tree/tree-state.ts'
import type { CallLimit, Workspace } from '../workspace.ts'
import { type Conflict, conflictOf, describeConflict, textOf } from './conflict.ts'
import type { Draft } from './draft.ts'
import { hashOf } from './saved-plan.ts'
import { removalsSince } from './removals-since.ts'
import type { WorkedOut } from './work-out.ts'

/** Detects conflicts: compares a change, computed on the newest tree, with its plan. */
export class PlanCheck {
  readonly #workspace: Workspace
  readonly #limit: CallLimit
  readonly #draft: Draft<unknown>
  readonly #planned: WorkedOut
  /** No key of the change was removed up to this revision. */
  #unremovedUntil: number

  constructor(workspace: Workspace, limit: CallLimit, draft: Draft<unknown>, planned: WorkedOut) {
    this.#workspace = workspace
    this.#limit = limit
    this.#draft = draft
    this.#planned = planned
    const { plannedAt, ifRevision } = draft
    const { revision } = planned.state.reading
    this.#unremovedUntil = Math.min(revision, plannedAt ?? revision, ifRevision ?? revision)
  }

  /**
   * @throws AdminError `conflict` if others changed keys of the change; `compacted` if the history no longer shows whether
   *   one was set and removed; `not_found` for a future `ifRevision`; `store_changed` for a plan of a future revision
   */
  async assertUnmoved(worked: WorkedOut): Promise<void> {
    this.assertPast(worked.state.reading.revision)
    const keys = new Set([...this.#planned.touched, ...worked.touched, ...(this.#draft.pins?.keys() ?? [])])
    const written = this.#writtenKeys(keys, worked)
    const removals = written.length > 0 ? NONE : await this.#removals(keys, worked)
    const moved = [...written, ...removals.keys()]
    if (moved.length === 0) return
    const before = await this.#readingBefore()
    const since = before?.revision ?? this.#plannedRevision()
    const { entries } = worked.state.reading
    const gone = written.filter((key) => !entries.has(key))
    const lost = await this.#removalsOf(gone, worked.state.reading, since).catch(() => NONE)
    const removedAt = (key: string) => removals.get(key) ?? lost.get(key)
    const revisions = moved.flatMap((key) => entries.get(key)?.modRevision ?? removedAt(key) ?? [])
    const records = await findRecords(this.#workspace, this.#limit, since, new Set(revisions)).catch(
      () => undefined,
    )
    const conflicts = moved.map((key) => {
      const { pathText: path, isHidden } = placeOf(this.#workspace, key)
      const now = entries.get(key)
      const { edits, state } = this.#planned
      // A key that has the text already is no edit.
      const wanted = edits.has(key) ? edits.get(key) : textOf(state.reading.entries.get(key))
      const planned = before?.entries.get(key)
      const isPlannedKnown = before !== undefined
      const parts = { key, path, isHidden, isPlannedKnown, planned, now, wanted, removedAt: removedAt(key) }
      return conflictOf(parts, records)
    })
    throw conflictError(conflicts)
  }

  /** The tree that the change was planned on; undefined if the store does not tell it, such as one that is compacted. */
  async #readingBefore(): Promise<StoreReading | undefined> {
    const { reading } = this.#planned.state
    const revision = this.#plannedRevision()
    if (revision === reading.revision) return reading
    return readStore(this.#workspace, this.#limit, revision).catch(() => undefined)
  }

  /** For a saved plan its own revision, otherwise that of the tree it was computed on. */
  #plannedRevision(): number {
    const { plannedAt, ifRevision } = this.#draft
    const { revision } = this.#planned.state.reading
    const earlier = [plannedAt, ifRevision].flatMap((each) => (each !== undefined && each >= 1 ? each : []))
    return Math.min(...earlier, revision)
  }

  /** The keys of the change, as it was planned and as it would be now, that were written by others. */
  #writtenKeys(keys: ReadonlySet<string>, worked: WorkedOut): readonly string[] {
    const { ifRevision, pins } = this.#draft
    const then = this.#planned.state.reading.entries
    const now = worked.state.reading.entries
    return [...keys].filter((key) => {
      const at = now.get(key)?.modRevision ?? 0
      // A store that was restored from a backup gives a revision to a second text.
      const isOther =
        at !== 0 &&
        ((then.get(key)?.modRevision === at && !isSameValue(then.get(key), now.get(key))) ||
          !isOfHash(now.get(key), this.#draft.hashes?.get(key)))
      const expected = pins?.get(key) ?? then.get(key)?.modRevision ?? 0
      return isOther || at !== expected || (ifRevision !== undefined && at > ifRevision)
    })
  }

  /**
   * The absent keys of the change that were set and removed since the plan, each with the revision of its removal. They have
   * no mod revision to compare.
   */
  async #removals(keys: ReadonlySet<string>, worked: WorkedOut): Promise<ReadonlyMap<string, number>> {
    const { entries, revision, clusterId } = worked.state.reading
    const gone = [...keys].filter((key) => !entries.has(key))
    if (gone.length === 0) return NONE
    const isNewest = worked !== this.#planned
    const until = isNewest ? revision : (await newestRevision(this.#workspace, this.#limit)).revision
    this.assertPast(until)
    const removals = await this.#removalsOf(gone, { revision: until, clusterId }, this.#unremovedUntil)
    this.#unremovedUntil = Math.max(this.#unremovedUntil, until)
    return removals
  }

  #removalsOf(
    keys: readonly string[],
    { revision: until, clusterId }: Pick<StoreReading, 'revision' | 'clusterId'>,
    after: number,
  ): Promise<ReadonlyMap<string, number>> {
    return removalsSince(this.#workspace, this.#limit, keys, { after, until, clusterId })
  }

  /**
   * @param revision of the store
   * @throws AdminError `store_changed` if the plan is of a later one; `not_found` for such an `ifRevision`
   */
  assertPast(revision: number): void {
    const { plannedAt = 0, ifRevision = 0 } = this.#draft
    if (ifRevision > revision)
      throw new AdminError('not_found', {
        what: `Revision ${ifRevision}, which the change depends on, is still to come: the store is at ${revision}`,
      })
    const newest = Math.max(plannedAt, this.#planned.state.reading.revision)
    if (newest > revision)
      throw new AdminError('store_changed', {
        what: `The plan was made at revision ${newest}, and the store is at ${revision}: this is another store, or it was restored from an earlier backup`,
      })
  }

  /**
   * Refuses to write what the plan did not show: an object that was passed to the change may have been mutated since.
   *
   * @throws AdminError `conflict`
   */
  assertAsPlanned({ edits }: WorkedOut): void {
    const planned = this.#planned.edits
    const other = [...edits].find(([key, text]) => !planned.has(key) || planned.get(key) !== text)
    if (other === undefined) return
    const { pathText } = placeOf(this.#workspace, other[0])
    throw new AdminError('conflict', {
      what: `The change would now write something else at "${pathText}" than was planned`,
    })
  }
}

function isOfHash(entry: StoreEntry | undefined, hash: string | undefined): boolean {
  return hash === undefined || (entry !== undefined && hashOf(entry) === hash)
}

function isSameValue(one: StoreEntry | undefined, other: StoreEntry | undefined): boolean {
  const [first, second] = [one, other].map((entry) => entry && Buffer.from(entry.value))
  return first === undefined || second === undefined ? first === second : first.equals(second)
}

const NONE: ReadonlyMap<string, number> = new Map()

function conflictError(conflicts: readonly Conflict[]): AdminError {
  const keys = conflicts.length === 1 ? 'A key' : `${conflicts.length} keys`
  const lines = conflicts.slice(0, 20).map((each) => `  ${describeConflict(each)}`)
  const rest = conflicts.length - lines.length
  const text = [...lines, ...(rest > 0 ? [`  and ${rest} more`] : [])].join('\n')
  return new AdminError('conflict', {
    what: `${keys} of this change changed after it was planned:\n${text}\n`,
    conflicts,
  })
}
