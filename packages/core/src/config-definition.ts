import type { $ZodType, output } from 'zod/v4/core'
import type { DeepReadonly } from './deep-readonly.ts'
import type { LiveConfig } from './live-config.ts'
import type { GuardOptions } from './pipeline/guard.ts'
import type { Naming } from './schema/naming.ts'
import type { SchemaNode } from './schema/schema-node.ts'
import type { Source } from './source/source.ts'
import type { LoadOptions } from './startup/load-options.ts'

/** What a configuration is: its schema and where it comes from. Pure data, safe to import anywhere. */
export interface ConfigDefinition<S extends $ZodType> {
  readonly name: string
  readonly schema: S
  readonly sources: (() => readonly Source[]) | undefined
  readonly naming: Naming
  readonly unused: 'ignore' | 'warn' | 'reject'
  readonly guard: GuardOptions | false
  /** The schema as the pipeline reads it; for tools. */
  readonly compiled: SchemaNode
  /**
   * Opens the sources and waits for the first valid state, at most `startup.timeoutMs`.
   *
   * @throws LivetreeError `invalid_options`; `startup_timeout`, `source_unavailable` or `invalid_config` (all problems
   *   at once) as `startup.onUnavailable` has it; `aborted`. Nothing is left open then.
   */
  load(options?: LoadOptions): Promise<LiveConfig<DeepReadonly<output<S>>>>
}

/** The type of a definition's values, readonly all the way down: `ConfigOf<typeof checkout>`. */
export type ConfigOf<D extends ConfigDefinition<$ZodType>> = DeepReadonly<output<D['schema']>>
