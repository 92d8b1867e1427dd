import type { GuardMemory } from '../pipeline/guard-memory.ts'
import type { EarlierMemory, EarlierState } from '../pipeline/outcome.ts'
import type { StoredLayer, StoredSource } from '../snapshot-file/snapshot-document.ts'
import type { LayerInfo } from '../source/source.ts'

type Place = Pick<LayerInfo, 'name' | 'at'>

/**
 * What a snapshot has of the layers that a source reads now. Leaves of layers that are no longer read count for nothing,
 * and layers are known by their names, whatever their order.
 *
 * @param isSameSchema whether the snapshot was written for the schema of now: otherwise its counts are of other leaves
 */
export function earlierStateOf(
  earlier: StoredSource,
  layers: readonly Place[],
  isSameSchema: boolean,
): EarlierState {
  const stored = layers.map(({ name }) => earlier.layers.find((other) => other.name === name))
  return {
    layers: stored.map((layer) => layer?.leaves ?? []),
    withheld: stored.map((layer) => layer?.withheld ?? []),
    memory:
      isSameSchema && earlier.guard !== undefined ? memoryOf(earlier, earlier.guard, layers) : undefined,
  }
}

function memoryOf(
  { layers: stored }: StoredSource,
  guard: GuardMemory,
  layers: readonly Place[],
): EarlierMemory {
  // Paths below another place of the schema, and their count, are those of other leaves.
  const indexes = layers.map((layer) => stored.findIndex((other) => isSame(other, layer)))
  const isWhole = stored.length === layers.length && !indexes.includes(-1)
  const ofLayers = (keys: GuardMemory['removed']) => indexes.map((index) => keys[index] ?? [])
  const removed = ofLayers(guard.removed)
  const isWindowOver = !isWhole && removed.every((keys) => keys.length === 0)
  return {
    // The counts are those of all layers together.
    leafCount: isWhole ? guard.leafCount : undefined,
    peak: isWhole ? guard.peak : undefined,
    since: isWindowOver ? undefined : guard.since,
    removed,
    isRefused: guard.isRefused,
    allowed: ofLayers(guard.allowed),
    seen: guard.seen,
  }
}

function isSame(stored: StoredLayer, { name, at }: Place): boolean {
  return stored.name === name && stored.at === at
}
