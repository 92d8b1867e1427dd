import type { LivetreeError } from '../errors.ts'
import type { UnusedKey } from '../issue.ts'
import type { RejectedEvent } from './rejection.ts'
import type { Reload, ReloadTimer } from './reload-timer.ts'
import type { Snapshot } from './snapshot.ts'
import type { SourceState } from './source-state.ts'

/** Notified synchronously, after the state of the update processor has changed. Must not throw. */
export interface UpdateObserver<T> {
  /** A new value is in service. `isHealed`: the tree before it was rejected. */
  accepted(snapshot: Snapshot<T>, isHealed: boolean): void
  /** The newest tree is valid and its value is the one in service. */
  confirmed(snapshot: Snapshot<T>, isHealed: boolean): void
  rejected(event: RejectedEvent): void
  unused(keys: readonly UnusedKey[]): void
  /** Begins to time a reload; undefined while nobody measures. Default: nobody does. */
  timeReload?(): ReloadTimer | undefined
  /** An update of a source was judged; called after all else, with its times if it was timed. */
  judged(reload: Reload | undefined): void
  /** A source has called its sink. */
  connectivity(source: SourceState): void
  failed(error: LivetreeError): void
  /** Updates have caused others without end, which now wait for the event loop to turn. */
  loops?(): void
}

/** Ignores everything; in use until a processor is observed. */
export const NO_OBSERVER: UpdateObserver<unknown> = {
  accepted() {},
  confirmed() {},
  rejected() {},
  unused() {},
  judged() {},
  connectivity() {},
  failed() {},
}
