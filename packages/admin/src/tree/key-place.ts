import type { Path } from '@livetree/core'
import { isAlong, isTextOpenAt, pathText, placesOfKey, shownKey } from '@livetree/core/tools'
import type { Workspace } from '../workspace.ts'
import { prefixOf } from './tree-state.ts'

/** The place of a key in the layers, for people. */
export interface KeyPlaced {
  readonly path: Path
  /** All of them: a shared directory may have several places. */
  readonly paths: readonly Path[]
  readonly pathText: string
  /** The prefix of the layer, without a slash at its end. */
  readonly prefix: string
  /** Its text may be secret. */
  readonly isHidden: boolean
}

/**
 * A place of a key in the layers: the first along a path, or else the first. A key that the schema knows no place for is shown
 * as it is.
 *
 * @param along default the root, which every path is along
 */
export function placeOf({ settings }: Workspace, key: string, along: Path = []): KeyPlaced {
  const { definition, store } = settings
  const { layers } = store
  const places = placesOfKey(definition, key, layers)
  const isHidden = places.length === 0 || places.some(({ path }) => !isTextOpenAt(definition, path))
  const first = places.find(({ path }) => isAlong(along, path)) ?? places[0]
  const layer = first === undefined ? undefined : layers[first.layer]
  const prefix = layer === undefined ? prefixHolding(store.prefixes, key) : prefixOf(layer)
  const path = first?.path ?? [key]
  const paths = places.map((place) => place.path)
  return { path, paths, pathText: first === undefined ? shownKey(key) : pathText(path), prefix, isHidden }
}

/** The longest prefix that a key begins with. */
function prefixHolding(prefixes: readonly string[], key: string): string {
  const found = prefixes
    .filter((prefix) => `${key}/`.startsWith(prefix))
    .toSorted((a, b) => b.length - a.length)[0]
  return (found ?? `${key}/`).slice(0, -1)
}
