import type { $ZodType, output } from 'zod/v4/core'
import { LivetreeError } from './errors.ts'
import type { LiveConfig } from './live/live-config.ts'
import type { LoadOptions } from './live/load-options.ts'
import { load } from './load.ts'
import type { GuardOptions } from './pipeline/guard.ts'
import { compileSchema } from './schema/compile-schema.ts'
import type { Naming } from './schema/naming.ts'
import type { Plan } from './schema/plan.ts'
import type { Source } from './source/source.ts'

export interface DefineConfigOptions<S extends $ZodType> {
  /** Names the configuration in messages, on disk and in tools. Must not be empty. */
  readonly name: string
  /** A zod 4 schema, classic or mini. Its output is the type of `current`. */
  readonly schema: S
  /** Where the configuration comes from unless `load` says otherwise, the lowest first. Called by each `load`. */
  readonly sources?: (() => readonly Source[]) | undefined
  /** How the schema's names are written in trees and files. Default `exact`. */
  readonly naming?: Naming | undefined
  /** What a key the schema does not know comes to: nothing, the event `unused` and a warning, or a rejected tree. Default `warn`. */
  readonly unused?: 'ignore' | 'warn' | 'reject' | undefined
  /** When a change removes too much at once to be taken at its word; false: never. Default: half of a source's leaves, and at least 5. */
  readonly guard?: GuardOptions | false | undefined
}

/** What a configuration is: its schema and where it comes from. Pure data, safe to import anywhere. */
export interface ConfigDefinition<S extends $ZodType> {
  readonly name: string
  readonly schema: S
  readonly sources: (() => readonly Source[]) | undefined
  readonly naming: Naming
  readonly unused: 'ignore' | 'warn' | 'reject'
  readonly guard: GuardOptions | false
  /** The schema as the pipeline reads it; for tools. */
  readonly plan: Plan
  /**
   * Opens the sources and waits for the first valid state, at most `startup.timeoutMs`.
   *
   * @throws LivetreeError `invalid_options`; `startup_timeout`, `source_unavailable` or `invalid_config` (all problems
   *   at once) as `startup.onUnavailable` has it; `aborted`. Nothing is left open then.
   */
  load(options?: LoadOptions): Promise<LiveConfig<output<S>>>
}

/** The type of a definition's values: `ConfigOf<typeof checkout>`. */
export type ConfigOf<D extends ConfigDefinition<$ZodType>> = output<D['schema']>

/**
 * Defines a configuration. Does no I/O: the schema is checked and compiled, nothing is read.
 *
 * @throws LivetreeError `invalid_definition`; `invalid_schema` or `name_clash` with the path in the schema
 */
export function defineConfig<S extends $ZodType>(options: DefineConfigOptions<S>): ConfigDefinition<S> {
  const { name, schema, sources, naming = 'exact', unused = 'warn', guard = {} } = options
  if (typeof name !== 'string' || name === '') refuse('name', 'give it a name, such as "checkout"')
  if (!isSchema(schema)) refuse('schema', 'give a zod 4 schema, such as z.object({ … })')
  if (sources !== undefined && typeof sources !== 'function') {
    refuse('sources', 'give a function that returns them: () => [...], so that the definition stays pure')
  }
  oneOf('naming', naming, ['exact', 'kebab-case', 'snake_case'])
  oneOf('unused', unused, ['ignore', 'warn', 'reject'])
  if (guard !== false) checkGuard(guard)
  const definition: ConfigDefinition<S> = {
    name,
    schema,
    sources,
    naming,
    unused,
    guard: guard === false ? false : Object.freeze({ ...guard }),
    plan: compileSchema(schema, { naming }),
    load: (loadOptions) => load(definition, loadOptions),
  }
  return Object.freeze(definition)
}

function isSchema(schema: unknown): boolean {
  return typeof schema === 'object' && schema !== null && '_zod' in schema
}

function oneOf(option: string, given: string, allowed: readonly string[]): void {
  if (!allowed.includes(given)) refuse(option, `${JSON.stringify(given)} is not one of ${allowed.join(', ')}`)
}

function checkGuard({ maxRemovedShare = 0.5, minRemoved = 5 }: GuardOptions): void {
  const isShare = maxRemovedShare >= 0 && maxRemovedShare <= 1
  if (!isShare) refuse('guard.maxRemovedShare', `${maxRemovedShare} is not between 0 and 1`)
  if (!(minRemoved >= 0)) refuse('guard.minRemoved', `${minRemoved} is not a count of leaves`)
}

function refuse(option: string, why: string): never {
  throw new LivetreeError(
    'invalid_definition',
    `Cannot define the configuration, "${option}" is wrong: ${why}.`,
  )
}
