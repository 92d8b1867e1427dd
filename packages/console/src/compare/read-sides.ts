import type { Admin, DiffSide } from '@livetree/admin'
import type { Path } from '@livetree/core'
import { isTextOpenAt } from '@livetree/core/tools'
import { Refusal } from '../security/refusal.ts'
import type { SideWire } from '../wire/index.ts'

/** Other environments by their names. */
export type Environments = ReadonlyMap<string, Admin<unknown>>

/** What is compared with a layer, or with all of them. */
export interface ReadSide {
  readonly side: DiffSide
  /** Whether its schema calls a place secret that the console's own shows. */
  isWithheld(path: Path): boolean
}

/**
 * Reads a side of a comparison. That of another environment is a text: its values, with its secrets, which no answer has.
 *
 * @param into the prefix of the layer that it is compared with; empty: all of them
 * @throws Refusal 404, 422; AdminError
 */
export async function readSide(
  admin: Admin<unknown>,
  environments: Environments,
  from: SideWire,
  into: string,
  signal: AbortSignal,
): Promise<ReadSide> {
  const { environment, layer } = from
  if (environment === '') return { side: layer === '' ? 'now' : { layer }, isWithheld: () => false }
  const other = environments.get(environment)
  if (other === undefined)
    throw new Refusal(404, 'not_found', `There is no environment ${JSON.stringify(environment)} here.`)
  if (mountOf(other, layer) !== mountOf(admin, into))
    throw new Refusal(422, 'invalid_options', 'The two layers do not stand at the same place of the schema.')
  const { text } = await other.export({
    format: 'json',
    reveal: true,
    signal,
    ...(layer !== '' && { layer }),
  })
  const isWithheld = (path: Path) =>
    isTextOpenAt(admin.definition, path) && !isTextOpenAt(other.definition, path)
  return { side: { text }, isWithheld }
}

/** Where a layer stands in the schema, as text; empty: at the top, as all of them together do. */
function mountOf({ layers }: Admin<unknown>, layer: string): string {
  return layers.find(({ keyPrefix }) => keyPrefix === `${layer}/`)?.at ?? ''
}
