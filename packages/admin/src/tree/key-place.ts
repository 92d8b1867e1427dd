import type { Path } from '@livetree/core'
import { isAlong, isTextOpenAt, pathText, placesOfKey, shownKey } from '@livetree/core/tools'
import type { Workspace } from '../workspace.ts'
import { bestKnown } from './known-place.ts'
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
 * A place of a key in the layers: the first along a path, or else the first; of several of one layer that which the schema knows. A key
 * that has no place is shown as it is.
 *
 * @param along default the root, which every path is along
 */
export function placeOf(workspace: Workspace, key: string, along: Path = []): KeyPlaced {
  const { definition, store } = workspace.settings
  const { layers } = store
  const places = placesOfKey(definition, key, layers)
  const isHidden = places.length === 0 || places.some(({ path }) => !isTextOpenAt(definition, path))
  const isMeant = ({ path }: { readonly path: Path }) => isAlong(along, path)
  const meant = places.some(isMeant) ? places.filter(isMeant) : places
  const prefixAt = (at: number) => layers[at]?.keyPrefix
  const first = bestKnown(
    workspace,
    meant.filter(({ layer: at }) => prefixAt(at) === prefixAt(meant[0]?.layer ?? 0)),
  )
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
