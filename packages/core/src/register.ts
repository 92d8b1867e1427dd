import type { $ZodType } from 'zod/v4/core'
import type { ConfigDefinition, ConfigOf } from './config-definition.ts'

/**
 * The place where an app says which configuration is its own, so that what a framework hands around has its type:
 *
 * ```ts
 * declare module 'livetree' {
 *   interface Register {
 *     config: typeof checkout
 *   }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noEmptyInterface: it is the app that fills it
export interface Register {}

/** The values of the registered configuration; `unknown` where none is registered. */
export type RegisteredConfig = Register extends { readonly config: infer D }
  ? D extends ConfigDefinition<$ZodType>
    ? ConfigOf<D>
    : never
  : unknown
