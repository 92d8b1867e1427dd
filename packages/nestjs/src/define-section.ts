import type { ChangeEvent, LiveConfig, WatchOptions } from '@livetree/core'
import { checkOptions, optionKinds } from '@livetree/core/adapter'
import type { FactoryProvider } from '@nestjs/common'
import { isNamed, refusal } from './check-module-options.ts'
import { type DefinedConfig, getConfigToken } from './get-config-token.ts'

/** One part of a configuration, for a module that has no business with the rest of it. */
export interface ConfigSection<S> {
  /** The part as it is now. */
  readonly current: S
  /** The part as the request sees it that the caller works for; `current` outside of one. */
  pinned(): S
  /** As `LiveConfig.watch`. @throws LivetreeError `closed` */
  watch(
    handler: (next: S, previous: S, change: ChangeEvent<unknown>) => unknown,
    options?: Pick<WatchOptions<S>, 'isEqual'>,
  ): () => void
}

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
 * Names a part of a configuration, to be offered by `LivetreeModule.forFeature(mail)` and injected by
 * `@InjectConfig(mail)`. Pure.
 *
 * @throws LivetreeError `invalid_options`
 */
export function defineSection<T, S>(
  of: DefinedConfig<T>,
  name: string,
  select: (config: T) => S,
): SectionDefinition<T, S> {
  if (!isNamed(of)) throw refusal('defineSection() got no definition, what defineConfig() gives')
  checkOptions('defineSection()', { name, select }, { name: optionKinds.name, select: optionKinds.callback })
  if (name === undefined || select === undefined) {
    throw refusal(
      "defineSection() needs a name and a select, a function: defineSection(checkout, 'mail', (c) => c.mail)",
    )
  }
  return Object.freeze({ name, KEY: `${getConfigToken(of)}:${name}`, of, select })
}

/** The provider of a section, over whatever the configuration's own token gives. */
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
