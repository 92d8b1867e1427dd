import { adopt, askIsEqual, callAtOnce } from '@livetree/core/adapter'
import { type ChangeEvent, type LiveConfig, LivetreeError, type Snapshot } from '@livetree/core'
import type { InstanceWrapper } from './app-modules.ts'
import { refusal } from './check-module-options.ts'
import { type ChangeHandler, changeHandlersOf } from './on-config-change.ts'

/** Finds the methods decorated with `@OnConfigChange` and subscribes them once all modules are initialized. */
export class ChangeHandlers<T> {
  readonly #config: LiveConfig<T>
  readonly #seen = new Set<unknown>()
  readonly #stops: (() => void)[] = []

  constructor(config: LiveConfig<T>) {
    this.#config = config
  }

  /**
   * Subscribes the handlers of new instances. Calls those whose instance may have read an older value.
   *
   * @param names of all configurations of the app
   * @param states the states of the configuration since it was first given to a provider
   * @throws LivetreeError `invalid_options` for a handler that could never be called
   */
  subscribe(
    wrappers: readonly InstanceWrapper[],
    names: ReadonlySet<string>,
    states: readonly Snapshot<T>[],
  ): void {
    for (const { wrapper, instance, handlers } of this.#unseen(wrappers, (handler) =>
      this.#isMine(handler, names),
    )) {
      const isCalled = wrapper.isDependencyTreeStatic() && !wrapper.isTransient
      for (const handler of handlers) {
        if (!isCalled) throw neverCalled(handler)
        this.#subscribe(instance, handler, states)
      }
    }
  }

  /**
   * Reports handlers in lazily loaded modules, for which Nest calls no hook, when the configuration changes next. Those
   * that exist already are not meant, except in a module that is itself loaded lazily.
   *
   * @param modules the modules of the app; their number shows whether one was added
   */
  reportLazy(
    modules: { readonly size: number },
    wrappers: () => readonly InstanceWrapper[],
    { isOnly, isLazy }: { readonly isOnly: () => boolean; readonly isLazy: boolean },
  ): void {
    let size = isLazy ? 0 : modules.size
    const isMeant = ({ configName }: ChangeHandler) =>
      configName === this.#config.name || (configName === undefined && isOnly())
    const look = () => {
      if (modules.size === size) return
      size = modules.size
      for (const { handlers } of this.#unseen(wrappers(), isMeant)) {
        for (const handler of handlers) this.#config.report(loadedLazily(handler))
      }
    }
    this.#stops.push(this.#config.on('change', look))
  }

  /** Unsubscribes all handlers. Does not close the configuration. */
  close(): void {
    for (const stop of this.#stops.splice(0)) stop()
  }

  #unseen(wrappers: readonly InstanceWrapper[], isMine: (handler: ChangeHandler) => boolean) {
    return wrappers.flatMap((wrapper) => {
      const instance: unknown = wrapper.instance
      if (typeof instance !== 'object' || instance === null || this.#seen.has(instance)) return []
      this.#seen.add(instance)
      const handlers = changeHandlersOf(instance).filter(isMine)
      return handlers.length === 0 ? [] : [{ wrapper, instance, handlers }]
    })
  }

  #isMine(handler: ChangeHandler, names: ReadonlySet<string>): boolean {
    const { configName } = handler
    if (configName === undefined) {
      if (names.size > 1) throw unclearConfig(handler)
      return true
    }
    if (!names.has(configName)) throw unknownConfig(handler)
    return configName === this.#config.name
  }

  #subscribe(instance: object, handler: ChangeHandler, states: readonly Snapshot<T>[]): void {
    const { selector, methodName, options } = handler
    const behind = this.#findBehind(handler, states)
    const call = (...args: readonly unknown[]): unknown =>
      Reflect.apply(Reflect.get(instance, methodName), instance, args)

    const handle = (next: unknown, previous: unknown, change: ChangeEvent<T> | undefined) => {
      if (change !== undefined || options.immediate || behind === undefined) {
        return call(next, previous, change)
      }
      const { snapshot, selected } = behind
      // A change since then resolves at once; where the content is the same again there is none.
      const missed = this.#config.changed({ after: snapshot, timeoutMs: 1 })
      return missed.then(
        (event) => adopt(call(next, selected, event)),
        (error: unknown) => {
          if (!(error instanceof LivetreeError) || error.code !== 'timeout') throw error
        },
      )
    }
    Object.defineProperty(handle, 'name', { value: nameOf(handler) })
    const immediate = options.immediate === true || behind !== undefined
    const isEqual = options.isEqual && ((one: unknown, other: unknown) => this.#isEqual(handler, one, other))
    this.#stops.push(this.#config.watch(selector, handle, { isEqual, immediate }))
  }

  /**
   * Finds a state whose selected value differs from the current one: the first state, or the newest of the others if the
   * value has changed and changed back. Returns undefined if there is none.
   */
  #findBehind(handler: ChangeHandler, [first, ...others]: readonly Snapshot<T>[]): Behind<T> | undefined {
    const select = (value: T) =>
      callAtOnce(`The selector of ${nameOf(handler)}`, () => handler.selector(value))
    const now = select(this.#config.current)
    const compared = new Set<unknown>([now])
    for (const snapshot of first === undefined ? [] : [first, ...others.reverse()]) {
      const selected = select(snapshot.value)
      if (compared.has(selected)) continue
      compared.add(selected)
      if (!this.#isEqual(handler, selected, now)) return { snapshot, selected }
    }
    return undefined
  }

  #isEqual(handler: ChangeHandler, one: unknown, other: unknown): boolean {
    const report = (error: LivetreeError) => this.#config.report(error)
    const { isEqual = Object.is } = handler.options
    return askIsEqual(`isEqual of ${nameOf(handler)}`, isEqual, [one, other], report)
  }
}

/** A state that differs from the current one, and what is selected from it. */
interface Behind<T> {
  readonly snapshot: Snapshot<T>
  readonly selected: unknown
}

function nameOf({ className, methodName }: ChangeHandler): string {
  return `@OnConfigChange on ${className}.${String(methodName)}`
}

function neverCalled(handler: ChangeHandler): Error {
  return refusal(
    `${nameOf(handler)} would never be called: ${handler.className} is created for each request or consumer. Move the method to a provider of the default scope`,
  )
}

function loadedLazily(handler: ChangeHandler): LivetreeError {
  return new LivetreeError(
    'listener_failed',
    `${nameOf(handler)} is not called: its module was loaded lazily, and Nest calls no hook for that. Call config.watch() in the constructor of ${handler.className}, or import the module.`,
  )
}

function unclearConfig(handler: ChangeHandler): Error {
  return refusal(
    `${nameOf(handler)} names no definition, but there are several configurations: pass the definition first, @OnConfigChange(checkout, (c) => …)`,
  )
}

function unknownConfig(handler: ChangeHandler): Error {
  return refusal(
    `${nameOf(handler)} names configuration "${handler.configName}", which no LivetreeModule provides: add LivetreeModule.forRoot({ config }) with it`,
  )
}
