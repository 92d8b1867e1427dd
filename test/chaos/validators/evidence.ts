import type { ConfigHistory, History, Violation, WatchHistory } from '../history.ts'
import { type Decode, type TreeState, treeStates } from './config-trees.ts'
import { type WatchSegment, segmentsOf } from './watch-segments.ts'
import { StoreIndex } from './store-index.ts'

/** A history, made quick to judge. */
export interface Evidence {
  readonly history: History
  /** One for each of `history.epochs`. */
  readonly stores: readonly StoreIndex[]
  segments(watch: WatchHistory): readonly WatchSegment[]
  /** The number of the store that an epoch of a configuration is about. */
  storeNumber(config: ConfigHistory, epoch: number): number
  /** What a configuration has to be in one of the stores. */
  states(config: ConfigHistory, store: number): readonly TreeState[]
}

/** Judges a history by one rule. Pure: the same history, the same violations. */
export type Validator = (evidence: Evidence) => Violation[]

/** Prepares a history for the validators. */
export const examine = (history: History, decode: Decode): Evidence => {
  const stores = history.epochs.map((epoch) => new StoreIndex(epoch))
  const segments = new Map<WatchHistory, readonly WatchSegment[]>()
  const states = new Map<string, readonly TreeState[]>()
  return {
    history,
    stores,
    segments: (watch) => remembered(segments, watch, () => segmentsOf(watch, stores)),
    // a configuration may take a store for another one where it goes on with what the witness saw before
    storeNumber: ({ stores: given }, epoch) => Math.min(given?.[epoch] ?? epoch, stores.length - 1),
    states: (config, store) =>
      remembered(states, JSON.stringify([store, config.root, config.overlays]), () =>
        treeStates(stores[store]!, config, decode),
      ),
  }
}

const remembered = <K, V>(memory: Map<K, V>, key: K, make: () => V): V => {
  const known = memory.get(key)
  if (known !== undefined) return known
  const made = make()
  memory.set(key, made)
  return made
}
