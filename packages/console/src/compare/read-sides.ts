import type { Admin, DiffSide } from '@livetree/admin'
import type { Path } from '@livetree/core'
import { isAlong, isTextOpenAt, parsePathText, pathInDocument } from '@livetree/core/tools'
import { Refusal } from '../security/refusal.ts'
import type { SideWire } from '../wire/index.ts'
import type { PromotionRules } from './compared-places.ts'

/** Other environments by their names. */
export type Environments = ReadonlyMap<string, Admin<unknown>>

/** What is compared with a layer, or with all of them. */
export interface ReadSide extends PromotionRules {
  readonly side: DiffSide
  /** The keys that may hold secrets of some places, each with the revision that wrote it, as they are now. @throws AdminError */
  secretsOf(paths: readonly Path[]): Promise<readonly string[]>
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
  const isWhole = layer === ''
  const other = environment === '' ? admin : environments.get(environment)
  if (other === undefined)
    throw new Refusal(404, 'not_found', `There is no environment ${JSON.stringify(environment)} here.`)
  const secretsOf = (paths: readonly Path[]) => secretKeys(other, layer, paths, signal)
  if (environment === '') {
    const isPlaintext = amongMarks(admin, layer, await marksOf(admin, layer, signal))
    return { side: isWhole ? 'now' : { layer }, isWhole, isPlaintext, isWithheld: () => false, secretsOf }
  }
  if (mountOf(other, layer) !== mountOf(admin, into))
    throw new Refusal(422, 'invalid_options', 'The two layers do not stand at the same place of the schema.')
  const { text, plaintext } = await other.export({
    format: 'json',
    reveal: true,
    signal,
    ...(!isWhole && { layer }),
  })
  const isWithheld = (path: Path) =>
    isTextOpenAt(admin.definition, path) && !isTextOpenAt(other.definition, path)
  const isPlaintext = amongMarks(admin, into, plaintext)
  return { side: { text, plaintext }, isWhole, isPlaintext, isWithheld, secretsOf }
}

/** Whether marks of a text of a layer, or of all of them, lead to a path, above it or below it. */
function amongMarks(admin: Admin<unknown>, prefix: string, marks: readonly Path[]): (path: Path) => boolean {
  const layer = layerOf(admin, prefix) ?? admin.layers[0]
  const top = parsePathText(mountOf(admin, prefix))
  const places = marks.map((mark) =>
    layer === undefined ? mark : pathInDocument(admin.definition, { path: top, layer }, mark.map(String)),
  )
  return (path) => places.some((place) => isAlong(place, path))
}

/** What a layer, or all of them, has in plain text where the schema asks for an envelope; see `Exported`. */
async function marksOf(admin: Admin<unknown>, layer: string, signal: AbortSignal): Promise<readonly Path[]> {
  if (!admin.definition.compiled.hasEncrypted) return []
  // What no file can hold is compared all the same.
  const side = layer === '' ? { format: 'json' as const } : { format: 'etcdctl' as const, layer }
  return (await admin.export({ ...side, reveal: true, signal })).plaintext
}

async function secretKeys(
  other: Admin<unknown>,
  layer: string,
  paths: readonly Path[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const entries = (await other.read({ signal })).entries()
  return entries
    .filter((entry) => entry.isSecret && (layer === '' || entry.layer === layer))
    .filter((entry) => paths.some((path) => isAlong(entry.path, path)))
    .map(({ key, revision }) => `${key} ${revision}`)
}

/** Where a layer stands in the schema, as text; empty: at the top, as all of them together do. */
function mountOf(admin: Admin<unknown>, layer: string): string {
  return layerOf(admin, layer)?.at ?? ''
}

function layerOf({ layers }: Admin<unknown>, prefix: string): Admin<unknown>['layers'][number] | undefined {
  return layers.find(({ keyPrefix }) => keyPrefix === `${prefix}/`)
}
