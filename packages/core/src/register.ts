import type { $ZodType } from 'zod/v4/core'
import type { ConfigDefinition, ConfigOf } from './config-definition.ts'
import type { LiveConfig } from './live-config.ts'

/**
 * Augment this interface to declare the application's configuration, so that framework adapters can type it:
 *
 * ```ts
 * declare module 'livetree' {
 *   interface Register {
 *     config: typeof checkout
 *   }
 * }
 * ```
 *
 * An application with several gives them by the names under which adapters hold them:
 * `configs: { checkout: typeof checkout; platform: typeof platform }`.
 */
// biome-ignore lint/suspicious/noEmptyInterface: applications augment it
export interface Register {}

/** The value type of the registered configuration, or of each of several by its name; `unknown` if none is registered. */
export type RegisteredConfig = Register extends { readonly config: infer D }
  ? D extends ConfigDefinition<$ZodType>
    ? ConfigOf<D>
    : never
  : Register extends { readonly configs: infer Several }
    ? { readonly [Name in keyof Several]: ValueOf<Several[Name]> }
    : unknown

/** The registered configuration itself, or each of several by its name. */
export type RegisteredLiveConfig = Register extends { readonly configs: infer Several }
  ? { readonly [Name in keyof Several]: LiveConfig<ValueOf<Several[Name]>> }
  : LiveConfig<RegisteredConfig>

type ValueOf<D> = D extends ConfigDefinition<$ZodType> ? ConfigOf<D> : never
