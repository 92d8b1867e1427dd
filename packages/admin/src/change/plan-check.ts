import type { StoreReading } from 'livetree/operate'
import { AdminError } from '../errors.ts'
import { findRecords } from '../history/find-records.ts'
import { placeOf } from '../tree/key-place.ts'
import { readStore } from '../tree/tree-state.ts'
import type { CallLimit, Workspace } from '../workspace.ts'
import { type Conflict, conflictOf, describeConflict } from './conflict.ts'
import type { Draft } from './draft.ts'
import type { WorkedOut } from './work-out.ts'

/** Compares a change, worked out on the newest tree, with its plan. */
export class PlanCheck {
  readonly #workspace: Workspace
  readonly #limit: CallLimit
  readonly #draft: Draft
  readonly #planned: WorkedOut

  constructor(workspace: Workspace, limit: CallLimit, draft: Draft, planned: WorkedOut) {
    this.#workspace = workspace
    this.#limit = limit
    this.#draft = draft
    this.#planned = planned
  }

  /** @throws AdminError `conflict` where keys of the change moved; `not_found` for an `ifRevision` to come */
  async assertUnmoved(worked: WorkedOut): Promise<void> {
    const moved = new Set([...this.#movedKeys(worked), ...(await this.#removedKeys(worked))])
    if (moved.size === 0) return
    const before = await this.#readingBefore()
    const records = await findRecords(this.#workspace, this.#limit, before.revision).catch(() => [])
    const conflicts = [...moved].map((key) => {
      const { pathText: path, isHidden } = placeOf(this.#workspace, key)
      const now = worked.state.reading.entries.get(key)
      const wanted = this.#planned.edits.get(key)
      return conflictOf({ key, path, isHidden, planned: before.entries.get(key), now, wanted }, records)
    })
    throw conflictError(conflicts)
  }

  /** The tree that the change was meant for: of a saved plan, that of its own revision as long as it is not compacted. */
  async #readingBefore(): Promise<StoreReading> {
    const { reading } = this.#planned.state
    const { plannedAt, ifRevision } = this.#draft
    const revision = Math.min(...[plannedAt, ifRevision].flatMap((each) => each ?? []))
    if (!(revision >= 1 && revision < reading.revision)) return reading
    return readStore(this.#workspace, this.#limit, revision).catch(() => reading)
  }

  /** The keys of the change, as it was planned and as it would be now, that were written by others. */
  #movedKeys(worked: WorkedOut): string[] {
    const { ifRevision, pins } = this.#draft
    const then = this.#planned.state.reading.entries
    const now = worked.state.reading.entries
    const keys = new Set([...this.#planned.touched, ...worked.touched, ...(pins?.keys() ?? [])])
    return [...keys].filter((key) => {
      const at = now.get(key)?.modRevision ?? 0
      const expected = pins?.get(key) ?? then.get(key)?.modRevision ?? 0
      return at !== expected || (ifRevision !== undefined && at > ifRevision)
    })
  }

  /** The keys of the change that were there at `ifRevision` and are gone: what is gone has no revision to compare. */
  async #removedKeys({ state, touched }: WorkedOut): Promise<string[]> {
    const { ifRevision } = this.#draft
    const { entries, revision } = state.reading
    if (ifRevision === undefined || ifRevision < 1) return []
    if (ifRevision > revision)
      throw new AdminError('not_found', {
        what: `Revision ${ifRevision}, which the change depends on, is still to come: the store is at ${revision}`,
      })
    const gone = [...new Set([...this.#planned.touched, ...touched])].filter((key) => !entries.has(key))
    if (gone.length === 0 || ifRevision === revision) return []
    const then = await readStore(this.#workspace, this.#limit, ifRevision)
    return gone.filter((key) => then.entries.has(key))
  }

  /**
   * Nothing is written that the plan did not show: a value that the change was given may have been altered since.
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

function conflictError(conflicts: readonly Conflict[]): AdminError {
  const keys = conflicts.length === 1 ? 'A key' : `${conflicts.length} keys`
  const lines = conflicts.slice(0, 20).map((each) => `  ${describeConflict(each)}`)
  const rest = conflicts.length - lines.length
  const text = [...lines, ...(rest > 0 ? [`  and ${rest} more`] : [])].join('\n')
  return new AdminError('conflict', {
    what: `${keys} of this change moved since it was planned:\n${text}\n`,
    conflicts,
  })
}
