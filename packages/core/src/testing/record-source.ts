import { itemAt } from '../item-at.ts'
import { silentLogger } from '../logger.ts'
import type { Clock, Leaf, PatchUpdate, ReplaceUpdate, Source, SourceConnection } from '../source/source.ts'
import { systemClock } from '../clock.ts'

/** One call of a source to its sink. */
export type RecordedCall =
  /** Also for `commit` of a replacement, with all that was added to it. */
  | { readonly type: 'replace'; readonly update: ReplaceUpdate }
  | { readonly type: 'patch'; readonly update: PatchUpdate }
  | { readonly type: 'alive'; readonly revision: number; readonly provenAt: number }
  | { readonly type: 'lost'; readonly error: Error; readonly isFinal: boolean }

/** Records the calls of one source. */
export interface SourceRecorder {
  /** Every call so far, in order. */
  readonly calls: readonly RecordedCall[]
  readonly connection: SourceConnection
  /** The leaves of a layer after all calls so far, by path. Default: the first layer. */
  layer(index?: number): Record<string, unknown>
}

/** Opens a source and records its calls, for tests of your own sources. Close it with `connection.close()`. */
export function recordSource(source: Source, options: { readonly clock?: Clock } = {}): SourceRecorder {
  const calls: RecordedCall[] = []
  const layers = source.layers.map(() => new Map<string, unknown>())
  const write = (layer: number, leaf: Leaf) => {
    if (leaf.value === undefined) itemAt(layers, layer).delete(leaf.path)
    else itemAt(layers, layer).set(leaf.path, leaf.value)
  }
  const replace = (update: ReplaceUpdate) => {
    calls.push({ type: 'replace', update })
    update.layers.forEach((leaves, layer) => {
      itemAt(layers, layer).clear()
      for (const leaf of leaves) write(layer, leaf)
    })
  }
  const connection = source.open({
    clock: options.clock ?? systemClock,
    logger: silentLogger,
    sink: {
      beginReplace() {
        const parts = layers.map((): Leaf[] => [])
        return {
          add(layer, leaves) {
            for (const leaf of leaves) itemAt(parts, layer).push(leaf)
          },
          commit: (update) => replace({ ...update, layers: parts }),
          abandon() {},
        }
      },
      replace,
      patch(update) {
        calls.push({ type: 'patch', update })
        for (const { layer, leaf } of update.changes) write(layer, leaf)
      },
      alive: (proof) => void calls.push({ type: 'alive', ...proof }),
      lost: (reason) => void calls.push({ type: 'lost', ...reason }),
    },
  })
  return { calls, connection, layer: (index = 0) => Object.fromEntries(itemAt(layers, index)) }
}
