import { checkOptions, type OptionTable } from '../check-options.ts'
import { kindOf, LivetreeError } from '../errors.ts'
import { callback, name as nameKind } from '../option-kinds.ts'
import { systemClock } from '../source/system-clock.ts'
import { type Borrowed, Instance } from './instance.ts'
import type { LiveConfig } from './live-config.ts'

export interface LiveOptions<S, R> {
  /** Takes an old instance down after its last use. Default: nothing to do. */
  readonly dispose?: ((old: R) => unknown) | undefined
  /** Name in errors. Default `live value`. */
  readonly name?: string | undefined
  /** Tells whether two selected values need the same instance. Default `Object.is`. */
  readonly isEqual?: ((one: S, other: S) => boolean) | undefined
}

const table: OptionTable = { dispose: callback, name: nameKind, isEqual: callback }

/** Something made at once from a part of the configuration, and made anew when that changes. */
export interface LiveValue<R> {
  /** The newest instance. Do not keep it where it has a `dispose`: use `acquire`. */
  readonly current: R
  /** Borrows the newest instance until `release`; it is not disposed before. */
  acquire(): Borrowed<R>
  /** Stops following the configuration. Resolves when every instance has been given back and disposed. */
  close(): Promise<void>
}

/**
 * The synchronous sibling of `config.resource`, for what is made without waiting: a middleware, a limiter, a formatter.
 * An old instance is disposed after its last use, however long that takes. A factory that throws leaves the old instance
 * in service and is reported by `error`; it is called again when the selected part changes. Closes with the configuration.
 *
 * @throws whatever the factory throws at the first call
 */
export function live<T, S, R>(
  config: LiveConfig<T>,
  selector: (value: T) => S,
  factory: (selected: S) => R,
  options: LiveOptions<S, R> = {},
): LiveValue<R> {
  checkOptions('live()', options, table)
  const { name = 'live value', dispose, isEqual } = options
  const retired = new Set<Promise<void>>()
  let served = new Instance(factory(selector(config.current)))
  let closing: Promise<void> | undefined

  const fail = (what: string, cause: unknown) => {
    const message = `${what} of ${name} failed: ${kindOf(cause)}, see cause.`
    config.report(new LivetreeError('resource_failed', message, { cause }))
  }
  const takeDown = async (old: Instance<R>) => {
    await old.drained(systemClock, Number.POSITIVE_INFINITY)
    try {
      await dispose?.(old.value)
    } catch (cause) {
      fail('Disposing an instance', cause)
    }
  }
  const retire = (old: Instance<R>) => {
    const done = takeDown(old).finally(() => retired.delete(done))
    retired.add(done)
  }
  const rebuild = (selected: S) => {
    let next: Instance<R>
    try {
      next = new Instance(factory(selected))
    } catch (cause) {
      fail('Making an instance', cause)
      return
    }
    retire(served)
    served = next
  }
  const stop = config.watch(selector, rebuild, isEqual === undefined ? {} : { isEqual })
  const close = () => {
    if (closing !== undefined) return closing
    stop()
    config.signal.removeEventListener('abort', close)
    retire(served)
    closing = Promise.all(retired).then(() => {})
    return closing
  }
  config.signal.addEventListener('abort', close, { once: true })

  return {
    get current() {
      return served.value
    },
    acquire: () => served.borrow(),
    close,
  }
}
