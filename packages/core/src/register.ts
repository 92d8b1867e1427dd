import type { $ZodType } from 'zod/v4/core'
import type { ConfigDefinition, ConfigOf } from './config-definition.ts'

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
 */
// biome-ignore lint/suspicious/noEmptyInterface: applications augment it
export interface Register {}

/** The value type of the registered configuration; `unknown` if none is registered. */
export type RegisteredConfig = Register extends { readonly config: infer D }
  ? D extends ConfigDefinition<$ZodType>
    ? ConfigOf<D>
    : never
  : unknown
