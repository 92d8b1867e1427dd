import { isWithin } from '../path-relation.ts'
import type { LayerInfo } from '../source/source.ts'
import { parsePathText } from '../format/path-text.ts'

const TOP: readonly string[] = []
const known = new WeakMap<LayerInfo, readonly string[]>()

/** The names on the way to the place where a layer is mounted; none for a layer at the top of the schema. */
export function mountOf(layer: LayerInfo): readonly string[] {
  if (layer.at === undefined) return TOP
  let names = known.get(layer)
  if (names === undefined) {
    names = Object.freeze(parsePathText(layer.at))
    known.set(layer, names)
  }
  return names
}

/** Whether a path is the place where a layer is mounted, or lies below it. */
export function isBelowMount(path: readonly PropertyKey[], layer: LayerInfo): boolean {
  return isWithin(path, mountOf(layer))
}

/** The key of a layer's own document. */
export function documentKeyOf({ documentKey, keyPrefix, separator }: LayerInfo): string {
  if (documentKey !== undefined) return documentKey
  return keyPrefix.length > 1 && keyPrefix.endsWith(separator)
    ? keyPrefix.slice(0, -separator.length)
    : keyPrefix
}

/** Whether a layer is one key of another name that stands for exactly this place. */
export function isAliasOf(place: readonly PropertyKey[], info: LayerInfo): boolean {
  const isThere = mountOf(info).length === place.length && isBelowMount(place, info)
  return isThere && place.length > 0 && !info.keyPrefix.endsWith(info.separator)
}
