import type { Admin } from '@livetree/admin'
import type { TreeWatch } from '../tree/tree-watch.ts'
import type { WriteMark } from './convergence.ts'

/** How many writes are looked at, and how far back: the store has to read all revisions since then. */
const MOST_WRITES = 8
const NEAR_REVISIONS = 20_000

/** The newest writes, with the times at which they were made; read again when there is a newer one. */
export class RecentWrites {
  readonly #admin: Admin<unknown>
  readonly #trees: TreeWatch
  #read: { readonly newest: number; readonly writes: Promise<readonly WriteMark[]> } | undefined

  constructor(admin: Admin<unknown>, trees: TreeWatch) {
    this.#admin = admin
    this.#trees = trees
  }

  /** The oldest first. @throws AdminError */
  async writes(): Promise<readonly WriteMark[]> {
    const newest = await this.#trees.newest()
    if (this.#read?.newest === newest) return this.#read.writes
    const writes = this.#find(newest)
    this.#read = { newest, writes }
    writes.catch(() => {
      if (this.#read?.writes === writes) this.#read = undefined
    })
    return writes
  }

  async #find(newest: number): Promise<readonly WriteMark[]> {
    const since = Math.max(0, newest - NEAR_REVISIONS)
    const found: WriteMark[] = []
    for await (const entry of this.#admin.history({ since, limit: MOST_WRITES })) {
      const { revision, changes } = entry
      // Only a record has a time. For other writes, the time at which the watch reported them stands in.
      const at = entry.type === 'recorded' ? entry.at.getTime() : this.#trees.reportedAt(revision)
      if (at !== undefined)
        found.push({ revision, at, layers: [...new Set(changes.map(({ layer }) => layer))] })
    }
    return found.reverse()
  }
}
