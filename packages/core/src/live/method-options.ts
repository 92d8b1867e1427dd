import { kindOfValue } from '../kind-of-value.ts'
import { disown } from '../callback.ts'
import { isLivetreeError, LivetreeError } from '../errors.ts'
import { kindOf } from '../thrown.ts'
import { isLoggerLike, type LoggerLike } from '../to-logger.ts'
import { checkArguments, checkOptions, type OptionTable } from '../check-options.ts'
import type { Path } from '../issue.ts'
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

/** Returns the arguments of `LiveConfig.watch`, checked. @throws LivetreeError `invalid_options` */
export function watched<Selector, Handler, S>(
  selector: Selector,
  handler: Handler,
  options: WatchOptions<S>,
) {
  checkArguments('watch()', { selector, handler }, WATCH_ARGUMENTS)
  checkOptions('watch()', options, WATCH_OPTIONS)
  return { selector, handler, isEqual: options.isEqual }
}

/** Checks the options of `LiveConfig.changed`. @throws LivetreeError `invalid_options` */
export function checkChanged<T>(options: ChangedOptions<T>, own: Snapshot<T>): void {
  checkOptions('changed()', options, CHANGED_OPTIONS)
  if (options.after instanceof Snapshot) checkSnapshot('changed()', options.after, own)
}

/** @throws LivetreeError `invalid_options` unless `given` is a snapshot of the same configuration as `own` */
export function checkSnapshot(call: string, given: unknown, own: Snapshot<unknown>): void {
  if (given instanceof Snapshot && given.isOfSameConfig(own)) return
  disown(given)
  const what = given instanceof Snapshot ? 'a snapshot of another configuration' : kindOfValue(given)
  const message = `${call} got ${what}; expected what snapshot() of this configuration returns.`
  throw new LivetreeError('invalid_options', message)
}

/** Returns the argument of `LiveConfig.explain`. @throws LivetreeError `invalid_options` */
export function checkPath(path: string | Path): string | Path {
  const isSegment = (segment: unknown) => typeof segment === 'string' || typeof segment === 'number'
  if (typeof path === 'string' || (Array.isArray(path) && path.every(isSegment))) return path
  disown(path)
  const message = `explain() got ${kindOfValue(path)}; expected a path, 'db.pool.max' or a list of names.`
  throw new LivetreeError('invalid_options', message)
}

/** Returns the argument of `LiveConfig.report`, or an error that describes it if it is no LivetreeError. */
export function reportable(error: unknown): LivetreeError {
  if (isLivetreeError(error)) return error
  disown(error)
  const message = `report() expects a LivetreeError but got ${kindOf(error)}, see cause.`
  return new LivetreeError('internal', message, { cause: error })
}

/** Returns the argument of `LiveConfig.attachLogger`. @throws LivetreeError `invalid_options` */
export function checkLogger(logger: LoggerLike): LoggerLike {
  if (isLoggerLike(logger)) return logger
  disown(logger)
  const message = `attachLogger() got ${kindOfValue(logger)}; expected a logger, such as the one of the app.`
  throw new LivetreeError('invalid_options', message)
}

/** Checks the options of `LiveConfig.refresh`. @throws LivetreeError `invalid_options` */
export function checkRefresh(options: RefreshOptions): void {
  checkOptions('refresh()', options, REFRESH_OPTIONS)
}

/** @throws LivetreeError `invalid_options` if `work` is not a function */
export function checkWork(call: string, work: unknown): void {
  if (typeof work === 'function') return
  disown(work)
  throw new LivetreeError('invalid_options', `${call} got ${kindOfValue(work)}; expected a function.`)
}
