import type { ConfigLog } from '../config-log.ts'
import type { Pipeline } from '../pipeline/outcome.ts'
import type { Comparison } from '../startup/comparison.ts'
import type { ResolvedLoadOptions } from '../startup/load-options.ts'
import type { SnapshotKeeper } from '../startup/snapshot-keeper.ts'
import type { Followers } from './followers.ts'
import type { Restarts } from './restarts.ts'
import type { SourceState } from '../updates/source-state.ts'
import type { UpdateProcessor } from '../updates/update-processor.ts'

/** The parts that `load` connects into a configuration. */
export interface ConfigParts<T> {
  readonly name: string
  readonly options: ResolvedLoadOptions
  readonly log: ConfigLog
  readonly reportsUnused: boolean
  readonly pipeline: Pipeline<T>
  readonly sources: readonly SourceState[]
  readonly writer: UpdateProcessor<T>
  /** Undefined if no snapshot is kept on disk. */
  readonly keeper: SnapshotKeeper | undefined
  readonly followers: Followers
  readonly restarts: Restarts<T>
  /** Undefined if the guard has no earlier state to compare the first trees with. */
  readonly comparison: Comparison | undefined
}
