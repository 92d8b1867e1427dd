import type { $ZodType, output } from 'zod/v4/core'
import type { DeepReadonly } from './deep-readonly.ts'
import type { Keyring } from './keyring/keyring.ts'
import type { LiveConfig } from './live-config.ts'
import type { GuardOptions } from './pipeline/removal-judge.ts'
import type { Naming } from './schema/naming.ts'
import type { SchemaNode } from './schema/schema-node.ts'
import type { Source } from './source/source.ts'
import type { LoadOptions } from './startup/load-options.ts'

/** A configuration's schema and its sources. Creating it does no I/O, so it can be imported anywhere. */
export interface ConfigDefinition<S extends $ZodType> {
  readonly name: string
  readonly schema: S
  readonly sources: (() => readonly Source[]) | undefined
  readonly keys: (() => Keyring) | undefined
  readonly naming: Naming
  readonly unused: 'ignore' | 'warn' | 'reject'
  readonly guard: GuardOptions | false
  /** The compiled schema, for tools. */
  readonly compiled: SchemaNode
  /** Hash of the schema's shape: kinds and stored names, not checks or defaults. Equal ones read the same trees. */
  readonly fingerprint: string
  /**
   * Opens the sources and waits for the first valid state, at most `startup.timeoutMs`. If it rejects, nothing stays open.
   *
   * @throws LivetreeError `invalid_options`; `startup_timeout`, `source_unavailable` or `invalid_config` (listing every
   *   problem), depending on `startup.onUnavailable`; `aborted`
   */
  load(options?: LoadOptions): Promise<LiveConfig<DeepReadonly<output<S>>>>
}

/** The deeply readonly type of a definition's value: `ConfigOf<typeof checkout>`. */
export type ConfigOf<D extends ConfigDefinition<$ZodType>> = DeepReadonly<output<D['schema']>>
