import type { LiveConfig, LoadOptions } from '@livetree/core'

/** The part of a `ConfigDefinition` that this package uses. */
export interface DefinedConfig<T> {
  readonly name: string
  load(options?: LoadOptions): Promise<LiveConfig<T>>
}

/** Anything that is injected by its name: a definition or a section. */
export interface Injected {
  readonly name: string
  /** The token of a section; see `defineSection`. Undefined for a definition. */
  readonly KEY?: string
}

/**
 * Returns the injection token of a configuration or a section. Default: the configuration of the nearest `LivetreeModule`,
 * for apps with a single configuration.
 */
export function getConfigToken(of?: Injected): string {
  return of === undefined ? 'livetree' : (of.KEY ?? `livetree:${of.name}`)
}
