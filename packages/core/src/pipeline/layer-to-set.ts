import type { Path } from '../issue.ts'
import type { LayerInfo } from '../source/source.ts'
import type { KeysOfTree } from './keys-of-tree.ts'
import { isBelowMount, mountOf } from './mount.ts'

/**
 * The layer of a tree that is meant to have a value, by its index: one mounted nearest to its place; of those one of the service's own,
 * since others read what a layer shares; of those one that is there; of those the last. -1: no layer of a tree can have it.
 */
export function layerToSet(
  layers: readonly LayerInfo[],
  place: Path,
  keys: Pick<KeysOfTree, 'hasLeaves'>,
): number {
  const merits: readonly ((info: LayerInfo, layer: number) => number)[] = [
    (info) => mountOf(info).length,
    ({ unused }) => (unused === 'ignore' ? 0 : 1),
    ({ mayBeMissing }, layer) => (mayBeMissing === true && !keys.hasLeaves(layer) ? 0 : 1),
  ]
  let best = layers.flatMap((info, layer) => {
    const isTree = info.naming === 'stored' && info.keyPrefix.endsWith('/')
    return isTree && isBelowMount(place, info) ? [{ info, layer }] : []
  })
  for (const merit of merits) {
    const most = Math.max(...best.map(({ info, layer }) => merit(info, layer)))
    best = best.filter(({ info, layer }) => merit(info, layer) === most)
  }
  return best.at(-1)?.layer ?? -1
}
