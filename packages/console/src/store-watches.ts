import type { Admin } from '@livetree/admin'
import { FleetWatch } from './fleet/fleet-watch.ts'
import { RecentWrites } from './fleet/recent-writes.ts'
import { TreeWatch } from './tree/tree-watch.ts'

/** What is known of the store, once for everybody who looks at it. */
export interface StoreWatches {
  readonly trees: TreeWatch
  readonly fleet: FleetWatch
  readonly writes: RecentWrites
  close(): void
}

/** Nothing is watched before somebody asks. */
export function createWatches(admin: Admin<unknown>): StoreWatches {
  const trees = new TreeWatch(admin)
  const fleet = new FleetWatch(admin)
  return {
    trees,
    fleet,
    writes: new RecentWrites(admin, trees),
    close() {
      trees.close()
      fleet.close()
    },
  }
}
