import type { $ZodType } from 'zod/v4/core'
import type { ConfigDefinition } from './config-definition.ts'
import type { Followers } from './live/followers.ts'
import type { Clock, Logger, Source } from './source/source.ts'

/** What a configuration was loaded from, for packages that follow it. */
export interface LoadedParts extends Pick<Followers, 'onJudged' | 'onClose'> {
  readonly definition: ConfigDefinition<$ZodType>
  /** As they were given to `load`, the lowest precedence first. */
  readonly sources: readonly Source[]
  /**
   * The revision of one of `sources` that is in service, by its index. It is of the store that the source reads now, so that it
   * compares with the revision that the source has got to; 0: what is in service is of another store, such as the one before a restore.
   */
  servedRevision(index: number): number
  readonly clock: Clock
  readonly logger: Logger
}

/** Registered, so that it is the same in two copies of this package. */
const PARTS = Symbol.for('livetree.loaded-parts')

/** What a configuration was loaded from; undefined for anything that `load` or `createTestConfig` did not return. */
export function loadedParts(config: unknown): LoadedParts | undefined {
  if (typeof config !== 'object' || config === null) return undefined
  return (config as { readonly [PARTS]?: LoadedParts })[PARTS]
}

/** Notes what a configuration was loaded from. Printing the configuration does not show it. */
export function noteLoadedParts(config: object, parts: LoadedParts): void {
  Object.defineProperty(config, PARTS, { value: parts })
}
