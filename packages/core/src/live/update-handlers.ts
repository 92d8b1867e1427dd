import type { Notifier } from '../events/notifier.ts'
import type { SnapshotKeeper } from '../startup/snapshot-keeper.ts'
import type { Snapshot } from '../updates/snapshot.ts'
import type { UpdateObserver } from '../updates/update-observer.ts'

/** What `updateHandlers` passes the results of the update processor to. */
export interface UpdateTargets<T> {
  readonly notifier: Notifier<T>
  /** Undefined if no snapshot is kept on disk. */
  readonly keeper: SnapshotKeeper | undefined
  readonly reportsUnused: boolean
  /** Puts a new value in service. Returns a function that notifies of it. */
  apply(snapshot: Snapshot<T>): () => void
  /** An update of a source was judged. */
  judged(): void
  /** A source has called its sink, so the freshness may be another. */
  checkFreshness(): void
  /** Runs the work outside of the request that made the update, such as one that calls `refresh()`. */
  outside(work: () => void): void
}

/** Creates the observer of the update processor: first state and snapshot file, then the listeners. */
export function updateHandlers<T>(targets: UpdateTargets<T>): UpdateObserver<T> {
  const { notifier, keeper, reportsUnused, outside } = targets
  const handlers: UpdateObserver<T> = {
    accepted(snapshot, isHealed) {
      const notify = targets.apply(snapshot)
      keeper?.accepted()
      if (isHealed) notifier.healed()
      notify()
    },
    confirmed(_snapshot, isHealed) {
      keeper?.accepted()
      if (isHealed) notifier.healed()
    },
    rejected(event) {
      keeper?.rejected(event.source, { isRefused: event.issues.some(({ code }) => code === 'guard') })
      notifier.rejected(event)
    },
    unused(keys) {
      if (reportsUnused) notifier.unused(keys)
    },
    judged(reload) {
      targets.judged()
      if (reload !== undefined) notifier.reloaded(reload)
    },
    connectivity(source) {
      notifier.connectivity(source)
      targets.checkFreshness()
    },
    failed: (error) => notifier.failed(error),
  }
  return {
    accepted: (snapshot, isHealed) => outside(() => handlers.accepted(snapshot, isHealed)),
    confirmed: (snapshot, isHealed) => outside(() => handlers.confirmed(snapshot, isHealed)),
    rejected: (event) => outside(() => handlers.rejected(event)),
    unused: (keys) => outside(() => handlers.unused(keys)),
    timeReload: () => notifier.timeReload(),
    judged: (reload) => outside(() => handlers.judged(reload)),
    connectivity: (source) => outside(() => handlers.connectivity(source)),
    failed: (error) => outside(() => handlers.failed(error)),
    loops: () => outside(() => notifier.loops()),
  }
}
