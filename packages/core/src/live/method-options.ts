import { checkArguments, checkOptions, type OptionTable } from '../check-options.ts'
import type { ChangedOptions, RefreshOptions, WatchOptions } from '../live-config.ts'
import { abortSignal, callback, flag, milliseconds } from '../option-kinds.ts'
import { Snapshot } from '../updates/snapshot.ts'

const WATCH_ARGUMENTS = { selector: callback, handler: callback }
const WATCH_OPTIONS: OptionTable = { immediate: flag, isEqual: callback }
const REFRESH_OPTIONS: OptionTable = { timeoutMs: milliseconds, signal: abortSignal }
const CHANGED_OPTIONS: OptionTable = {
  ...REFRESH_OPTIONS,
  after: {
    expected: 'a revision of the store or a snapshot() of this configuration',
    test: (after) => Number.isFinite(after) || after instanceof Snapshot,
  },
}

/** Checks the arguments of `LiveConfig.watch`. @throws LivetreeError `invalid_options` */
export function checkWatch<S>(selector: unknown, handler: unknown, options: WatchOptions<S>): void {
  checkArguments('watch()', { selector, handler }, WATCH_ARGUMENTS)
  checkOptions('watch()', options, WATCH_OPTIONS)
}

/** Checks the options of `LiveConfig.changed`. @throws LivetreeError `invalid_options` */
export function checkChanged<T>(options: ChangedOptions<T>): void {
  checkOptions('changed()', options, CHANGED_OPTIONS)
}

/** Checks the options of `LiveConfig.refresh`. @throws LivetreeError `invalid_options` */
export function checkRefresh(options: RefreshOptions): void {
  checkOptions('refresh()', options, REFRESH_OPTIONS)
}
