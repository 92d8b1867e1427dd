import type { LiveConfig, LoadOptions } from '@livetree/core'

/** What `defineConfig` gives, as far as this package needs it. */
export interface DefinedConfig<T> {
  readonly name: string
  load(options?: LoadOptions): Promise<LiveConfig<T>>
}

/** Anything that is injected by its name: a definition, or a section of one. */
export interface Injected {
  readonly name: string
  /** Of a section; see `defineSection`. */
  readonly KEY?: string
}

/**
 * The injection token of a configuration or a section. Without an argument: that of the configuration of the nearest
 * `LivetreeModule`, for apps that have one.
 */
export function getConfigToken(of?: Injected): string {
  return of === undefined ? 'livetree' : (of.KEY ?? `livetree:${of.name}`)
}
