import type { $ZodPipeDef, $ZodType, output } from 'zod/v4/core'
import * as z from 'zod/v4'
import { Sealed } from '../sealed.ts'
import { assertZodGiven } from './assert-zod.ts'
import { secret, type SecretOptions } from './secret.ts'

/**
 * A secret that is no plain value: the configuration has a `Sealed` holder in its place, and only `reveal()` gives the value.
 * It is a `secret()` as well: redacted wherever livetree prints it, and left out of snapshots without a key. What is stored is
 * what `schema` reads. The holder stays the same instance while the value is unchanged. Of an intersection the whole is
 * sealed, `sealed(a.and(b))`: a sealed side cannot be merged with another, and is refused when the schema is compiled.
 *
 * ```ts
 * db: z.object({ password: sealed(z.string().min(8)) })
 * config.current.db.password.reveal()
 * ```
 *
 * @throws LivetreeError `invalid_options`; `invalid_schema` for what is no zod 4 schema
 */
export function sealed<S extends $ZodType>(
  schema: S,
  options: SecretOptions = {},
): z.ZodPipe<S, z.ZodTransform<Sealed<output<S>>, output<S>>> {
  assertZodGiven('sealed()', schema)
  const seal = z.transform<output<S>, Sealed<output<S>>>((value) => new Sealed(value))
  sealing.add(seal)
  return secret(z.pipe(schema, seal), options) as z.ZodPipe<S, z.ZodTransform<Sealed<output<S>>, output<S>>>
}

const sealing = new WeakSet<$ZodType>()

/** Whether the pipe of this definition ends in a holder that `sealed` makes. */
export function sealsValue(def: $ZodPipeDef): boolean {
  return sealing.has(def.out)
}
