import type { ChangeEvent, LiveConfig, Snapshot } from '@livetree/core'
import type { DiscoveryService } from '@nestjs/core'
import { type ChangeHandler, changeHandlersOf } from './on-config-change.ts'

type InstanceWrapper = ReturnType<DiscoveryService['getProviders']>[number]

/** Finds the methods with `@OnConfigChange` and lets the configuration call them once all modules are initialized. */
export class ChangeHandlers<T> {
  readonly #config: LiveConfig<T>
  readonly #created: Snapshot<T>

  /** Make it before the providers are, so that no change they miss is missed. */
  constructor(config: LiveConfig<T>) {
    this.#config = config
    this.#created = config.snapshot()
  }

  /** @throws Error for a handler nobody could call, saying which */
  subscribe(wrappers: readonly InstanceWrapper[], isOnlyConfig: boolean): void {
    const seen = new Set<unknown>()
    for (const wrapper of wrappers) {
      const instance: unknown = wrapper.instance
      if (typeof instance !== 'object' || instance === null || seen.has(instance)) continue
      seen.add(instance)
      const handlers = changeHandlersOf(instance).filter((handler) => this.#isMine(handler, isOnlyConfig))
      if (handlers.length === 0) continue
      if (!wrapper.isDependencyTreeStatic() || wrapper.isTransient) throw neverCalled(handlers[0]!)
      for (const handler of handlers) this.#subscribe(instance, handler)
    }
  }

  #isMine(handler: ChangeHandler, isOnlyConfig: boolean): boolean {
    const { configName } = handler
    if (configName === this.#config.name) return true
    if (isOnlyConfig && configName !== undefined) throw unknownConfig(handler)
    if (!isOnlyConfig && configName === undefined) throw unclearConfig(handler)
    return isOnlyConfig
  }

  #subscribe(instance: object, handler: ChangeHandler): void {
    const { selector, methodName, options } = handler
    const isEqual = options.isEqual ?? Object.is
    const before = selector(this.#created.value)
    const isBehind = !isEqual(before, selector(this.#config.current))
    const call = (...told: readonly unknown[]) =>
      (instance as Record<string, (...told: readonly unknown[]) => unknown>)[methodName]!(...told)

    const tell = async (next: unknown, previous: unknown, change: ChangeEvent<T> | undefined) => {
      if (change !== undefined || options.immediate) return call(next, previous, change)
      return call(next, before, await this.#config.changed({ after: this.#created }))
    }
    this.#config.watch(selector, tell, { isEqual, immediate: options.immediate === true || isBehind })
  }
}

function neverCalled({ className, methodName }: ChangeHandler): Error {
  return new Error(
    `@OnConfigChange on ${className}.${methodName} would never be called: ${className} is made anew for each request or consumer. Move the method to a provider of the default scope.`,
  )
}

function unclearConfig({ className, methodName }: ChangeHandler): Error {
  return new Error(
    `@OnConfigChange on ${className}.${methodName} does not say of which configuration, and there are several: give the definition first, @OnConfigChange(checkout, (c) => …).`,
  )
}

function unknownConfig({ className, methodName, configName }: ChangeHandler): Error {
  return new Error(
    `@OnConfigChange on ${className}.${methodName} is about configuration "${configName}", which no LivetreeModule brings: add LivetreeModule.forRoot({ config }) with it.`,
  )
}
