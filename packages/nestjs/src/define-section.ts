import type { ChangeEvent, LiveConfig, WatchOptions } from '@livetree/core'
import { checkOptions, optionKinds } from '@livetree/core/adapter'
import type { FactoryProvider } from '@nestjs/common'
import { isNamed, refusal } from './check-module-options.ts'
import { type DefinedConfig, getConfigToken } from './get-config-token.ts'

/** One part of a configuration, for a module that does not need the rest. */
export interface ConfigSection<S> {
  /** The current value of the part. */
  readonly current: S
  /** Returns the value pinned to the current request; `current` outside of a request. */
  pinned(): S
  /** Like `LiveConfig.watch`, for this part. @throws LivetreeError `closed`, `invalid_options` */
  watch(
    handler: (next: S, previous: S, change: ChangeEvent<unknown>) => unknown,
    options?: Pick<WatchOptions<S>, 'isEqual'>,
  ): () => void
}

/** A named part of a configuration, created by `defineSection`. */
export interface SectionDefinition<T, S> {
  readonly name: string
  /** The injection token. */
  readonly KEY: string
  readonly of: DefinedConfig<T>
  select(config: T): S
}

/** The type to inject: `@InjectConfig(mail) readonly mail: SectionOf<typeof mail>`. */
export type SectionOf<D> = D extends SectionDefinition<infer _T, infer S> ? ConfigSection<S> : never

/**
 * Names a part of a configuration. `LivetreeModule.forFeature(mail)` provides it and `@InjectConfig(mail)` injects it. Does
 * no I/O.
 *
 * @throws LivetreeError `invalid_options`
 */
export function defineSection<T, S>(
  of: DefinedConfig<T>,
  name: string,
  select: (config: T) => S,
): SectionDefinition<T, S> {
  if (!isNamed(of))
    throw refusal('defineSection() got no definition; expected one returned by defineConfig()', of)
  checkOptions('defineSection()', { name, select }, { name: optionKinds.name, select: optionKinds.callback })
  if (name === undefined || select === undefined) {
    throw refusal(
      "defineSection() needs a name and a select, a function: defineSection(checkout, 'mail', (c) => c.mail)",
    )
  }
  return Object.freeze({ name, KEY: `${getConfigToken(of)}:${name}`, of, select })
}

/** Creates the provider of a section from the provider of its configuration. */
export function sectionProvider<T, S>(section: SectionDefinition<T, S>): FactoryProvider<ConfigSection<S>> {
  const { KEY, of, select } = section
  return {
    provide: KEY,
    inject: [getConfigToken(of)],
    useFactory: (config: LiveConfig<T>): ConfigSection<S> => ({
      get current() {
        return select(config.current)
      },
      pinned: () => select(config.pinned()),
      watch: (handler, options) => config.watch(select, handler, options),
    }),
  }
}
