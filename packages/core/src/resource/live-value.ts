import { checkOptions, type OptionTable } from '../check-options.ts'
import { onAbort } from '../on-abort.ts'
import { isLivetreeError, LivetreeError } from '../errors.ts'
import { kindOf } from '../thrown.ts'
import { callback, name as nameKind } from '../option-kinds.ts'
import { systemClock } from '../clock.ts'
import { assertLiveConfig } from '../assert-live-config.ts'
import { adopt, askIsEqual, callAtOnce, disown } from '../callback.ts'
import { isPromise } from '../promises-in.ts'
import { CLOSE_MS } from '../updates/guarded-source.ts'
import { settledWithin } from '../within.ts'
import { Holders } from './holders.ts'
import { type Borrowed, Instance } from './instance.ts'
import type { LiveConfig } from '../live-config.ts'
import { loadedParts } from '../loaded-parts.ts'
import { MOST_IN_A_ROW, TurnBudget } from '../turn-budget.ts'
import { DRAIN_MS } from './drain-time.ts'

/** Options of `live`. */
export interface LiveOptions<S, R> {
  /**
   * Disposes of an old instance after its last use; of one that the factory has returned again, once all of its uses are
   * over. If this takes longer than 5 seconds, it is reported and no longer waited
   * for. Default: does nothing.
   */
  readonly dispose?: ((old: R) => unknown) | undefined
  /** Name in errors. Default `live value`. */
  readonly name?: string | undefined
  /** Whether two selected values share one instance. Default `Object.is`. */
  readonly isEqual?: ((one: S, other: S) => boolean) | undefined
}

const OPTION_TABLE: OptionTable = { dispose: callback, name: nameKind, isEqual: callback }

/** A value created synchronously from a part of the configuration, and created again when that part changes. */
export interface LiveValue<R> {
  /** The newest instance. If it has a `dispose`, use `acquire` instead of keeping it. */
  readonly current: R
  /** Borrows the newest instance, which is not disposed before `release`. */
  acquire(): Borrowed<R>
  /** Stops following the configuration. Resolves when every instance has been released and disposed. */
  close(): Promise<void>
}

/**
 * The synchronous counterpart of `config.resource`, for values created without `await`: a middleware, a limiter, a
 * formatter. An old instance is disposed after its last use, however long that takes. If the factory throws, the old
 * instance stays in service, the failure is reported by `error`, and the factory is called again when the selected part
 * changes. Closes with the configuration, whose `close()` waits for it, at most 30 seconds.
 *
 * @throws whatever the selector or the factory throws in the first call; LivetreeError `invalid_options`, also if the
 *   factory returns a promise; `closed`
 */
export function live<T, S, R>(
  config: LiveConfig<T>,
  selector: (value: T) => S,
  factory: (selected: S) => R,
  options: LiveOptions<S, R> = {},
): LiveValue<R> {
  assertLiveConfig('live()', config)
  checkOptions('live()', { selector, factory }, { selector: callback, factory: callback })
  if (selector === undefined || factory === undefined)
    throw missing(selector === undefined ? 'selector' : 'factory')
  checkOptions('live()', options, OPTION_TABLE)
  // What a request asks for outlives it.
  return config.runUnpinned(() => createLiveValue(config, selector, factory, options))
}

function createLiveValue<T, S, R>(
  config: LiveConfig<T>,
  selector: (value: T) => S,
  factory: (selected: S) => R,
  { name = 'live value', dispose, isEqual = Object.is }: LiveOptions<S, R>,
): LiveValue<R> {
  const retired = new Set<Promise<void>>()
  const holders = new Holders()
  let served: Instance<R> | undefined
  let closing: Promise<void> | undefined
  let isMaking = false
  /** Selected while the factory ran, which may change the configuration itself. */
  let newer: { readonly selected: S } | undefined
  let hasLooped = false
  const again = new TurnBudget(() => {
    if (!hasLooped) report(loops(name))
    hasLooped = true
  })

  const report = (error: LivetreeError) => config.report(error)
  const fail = (what: string, cause: unknown) => {
    // A LivetreeError quotes no message of the user's error, so its message may be shown.
    const why = isLivetreeError(cause) ? cause.message : `${kindOf(cause)}, see cause`
    report(new LivetreeError('resource_failed', `${what} of ${name} failed: ${why}.`, { cause }))
  }
  const takeDown = async (old: Instance<R>) => {
    await old.drained(systemClock, Number.POSITIVE_INFINITY)
    if (!holders.release(old.value)) return
    try {
      const disposing = adopt(dispose?.(old.value))
      if (await settledWithin(disposing, systemClock, CLOSE_MS)) disown((await disposing).value)
      else report(notDisposed(name))
    } catch (cause) {
      fail('Disposing an instance', cause)
    }
  }
  const retire = (old: Instance<R>) => {
    const done = takeDown(old).finally(() => retired.delete(done))
    retired.add(done)
  }
  const make = (selected: S) => {
    isMaking = true
    try {
      const value = factory(selected)
      if (isPromise(value)) throw refusePromise(value)
      holders.hold(value)
      return new Instance(value)
    } finally {
      isMaking = false
    }
  }
  const serve = (next: Instance<R>) => {
    // The factory may have closed the live value or the configuration.
    if (closing !== undefined) return retire(next)
    if (served !== undefined) retire(served)
    served = next
  }
  const remake = (selected: S) => {
    try {
      serve(make(selected))
    } catch (cause) {
      fail('Making an instance', cause)
    }
  }
  /** Makes one instance after the other: a nested one would be replaced by the older one around it. */
  const rebuild = (selected: S) => {
    newer = { selected }
    if (isMaking || served === undefined) return
    while (newer !== undefined && closing === undefined) {
      if (!again.spend()) {
        again.afterTurn(() => newer !== undefined && rebuild(newer.selected))
        return
      }
      const next: S = newer.selected
      newer = undefined
      remake(next)
    }
  }
  const close = () => closing ?? config.runUnpinned(shutDown)
  const shutDown = () => {
    stop()
    forget()
    closing = Promise.resolve().then(async () => {
      while (retired.size > 0) await Promise.all(retired)
    })
    if (served !== undefined) retire(served)
    void closing.then(() => unfollow?.())
    return closing
  }
  /** A request that never ends must not keep a process from ending. */
  const closeWithConfig = async () => {
    if (!(await settledWithin(close(), systemClock, DRAIN_MS))) report(stillBorrowed(name))
  }

  // Called first, because it throws for a closed configuration before anything is created.
  const stop = config.watch(selector, rebuild, { isEqual })
  const forget = onAbort(config.signal, () => void close())
  const unfollow = loadedParts(config)?.onClose(closeWithConfig)
  const select = () => callAtOnce(`The selector of ${name}`, () => selector(config.current))
  let first: S
  try {
    first = select()
    serve(make(first))
  } catch (error) {
    void close()
    throw error
  }
  try {
    newer = undefined
    const now = select()
    if (!askIsEqual(`isEqual of ${name}`, isEqual, [first, now], report)) rebuild(now)
  } catch (cause) {
    fail('Selecting the part', cause)
  }

  const newest = (): Instance<R> => {
    if (served === undefined) throw new LivetreeError('internal', `${name} has no value.`)
    return served
  }
  return {
    get current() {
      return newest().value
    },
    acquire: () => newest().borrow(),
    close,
  }
}

function loops(name: string): LivetreeError {
  const message = `The factory of ${name} was called ${MOST_IN_A_ROW} times before the event loop turned: it seems to change what it is made of. Its next calls wait for the event loop.`
  return new LivetreeError('resource_failed', message)
}

function notDisposed(name: string): LivetreeError {
  const message = `Disposing an instance of ${name} has not ended after ${CLOSE_MS} ms, and is no longer waited for.`
  return new LivetreeError('drain_timeout', message)
}

function stillBorrowed(name: string): LivetreeError {
  const message = `An instance of ${name} is still in use ${DRAIN_MS} ms after its configuration was closed, and is no longer waited for.`
  return new LivetreeError('drain_timeout', message)
}

function missing(argument: string): LivetreeError {
  return new LivetreeError('invalid_options', `live() got no ${argument}; expected a function.`)
}

function refusePromise(promise: PromiseLike<unknown>): LivetreeError {
  disown(promise)
  return new LivetreeError(
    'invalid_options',
    'The factory of live() returned a promise: use config.resource() for values that are created with await',
  )
}
