import type { Path } from '@livetree/core'
import type { LayerInfo } from '@livetree/core/source'
import { isWithin, keyOfPath, kindAt, parsePathText, pathInDocument } from '@livetree/core/tools'
import type { Workspace } from '../workspace.ts'
import { prefixOf } from './tree-state.ts'

/** Where something stands: a path of the schema, and the layer that has it. */
export interface LayerPlace {
  readonly path: Path
  readonly layer: LayerInfo
}

/**
 * The place of a layer that says what something is. A layer that is mounted at several places has all that it holds at each of them, and
 * each may have another part of the schema: the first that knows the most of the names says it, and the given one before others that
 * know as much.
 */
export function knownPlace(workspace: Workspace, place: LayerPlace): LayerPlace {
  const { definition, store, isUntyped } = workspace.settings
  const { path, layer } = place
  const others = store.layers.filter((each) => each !== layer && each.keyPrefix === layer.keyPrefix)
  if (isUntyped || others.length === 0 || !isWithin(path, mountOf(layer))) return place
  const names = namesBelow(definition, place)
  const elsewhere = others.map((each) => placeIn(definition, each, names))
  return bestKnown(workspace, [place, ...elsewhere]) ?? place
}

/** The place of names in a layer that says what they are: see `knownPlace`. @param layer the first of its prefix */
export function knownPlaceOf(workspace: Workspace, layer: LayerInfo, names: readonly string[]): LayerPlace {
  return knownPlace(workspace, placeIn(workspace.settings.definition, layer, names))
}

/** The first of the places of one key of which the schema knows the most names. */
export function bestKnown<P extends { readonly path: Path }>(
  { settings }: Workspace,
  places: readonly P[],
): P | undefined {
  const [first, ...others] = places
  if (first === undefined || others.length === 0) return first
  const missing = places.map(({ path }) => missingNames(settings.definition, path))
  return places[missing.indexOf(Math.min(...missing))]
}

/** How many names of a path the schema does not describe. */
function missingNames(definition: Workspace['settings']['definition'], path: Path): number {
  let length = path.length
  while (length > 0 && [undefined, 'raw'].includes(kindAt(definition, path.slice(0, length)))) length--
  return path.length - length
}

/** All places of names below a prefix: also those of layers that hold it, or a part of it. */
export function placesOfNames(
  { settings }: Workspace,
  prefix: string,
  names: readonly string[],
): readonly LayerPlace[] {
  return settings.store.layers.flatMap((layer) => {
    const inside = namesInside(prefixOf(layer), prefix, names)
    return inside === undefined ? [] : [placeIn(settings.definition, layer, inside)]
  })
}

/** Names below one prefix as names below another; undefined where they are not below that. */
function namesInside(own: string, prefix: string, names: readonly string[]): readonly string[] | undefined {
  if (`${prefix}/`.startsWith(`${own}/`)) return [...namesOf(prefix.slice(own.length + 1)), ...names]
  if (!own.startsWith(`${prefix}/`)) return undefined
  const above = namesOf(own.slice(prefix.length + 1))
  return isWithin(names, above) ? names.slice(above.length) : undefined
}

function placeIn(
  definition: Workspace['settings']['definition'],
  layer: LayerInfo,
  names: readonly string[],
): LayerPlace {
  return { path: pathInDocument(definition, { path: mountOf(layer), layer }, names), layer }
}

/** The path of the place where a layer is mounted. */
export function mountOf({ at }: Pick<LayerInfo, 'at'>): Path {
  return at === undefined ? [] : parsePathText(at)
}

/** The names of a place below its mount, as the layer has them; inside a document, no key need have such names. */
function namesBelow(
  definition: Workspace['settings']['definition'],
  { path, layer }: LayerPlace,
): readonly string[] {
  try {
    return namesOf(keyOfPath(definition, path, layer).slice(layer.keyPrefix.length))
  } catch {
    return path.slice(mountOf(layer).length).map(String)
  }
}

/** The names in a part of a key. */
export function namesOf(key: string): readonly string[] {
  if (key === '') return []
  const segments = key.split('/')
  return key.includes('%') ? segments.map(decodeURIComponent) : segments
}
