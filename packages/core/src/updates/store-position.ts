import type { SourceState } from './source-state.ts'

/** A position in the history of a store. */
export interface StorePosition {
  readonly revision: number
  readonly epoch: number
}

/** A position, and in which store. */
export interface PlaceInStore extends StorePosition {
  /** See `ReplaceUpdate.store`. */
  readonly store?: string
}

/**
 * Where the configuration stands in the history of its store: the last remote source gives its revision. Epochs of
 * sources start at 0 in every process; those of the configuration go on from what stood in at the start.
 */
export class PositionTracker {
  readonly #primary: SourceState | undefined
  #epochOffset = 0
  /** Where the stand-in left off, until the store has handed over its tree. */
  #resumed: StorePosition | undefined = undefined

  constructor(sources: readonly SourceState[]) {
    this.#primary = sources.findLast(({ source }) => source.isRemote)
  }

  /** Of the staged tree; undefined without a remote source. Before it has spoken, the place of what stands in. */
  get place(): StorePosition | undefined {
    if (this.#primary === undefined) return undefined
    return this.#primary.hasTree ? this.placeOf(this.#primary) : this.#resumed
  }

  placeOf(source: SourceState): StorePosition {
    const { revision, epoch } = source
    return { revision, epoch: epoch + (source === this.#primary ? this.#epochOffset : 0) }
  }

  placeInStore(source: SourceState): PlaceInStore {
    const { store } = source
    return { ...this.placeOf(source), ...(store !== undefined && { store }) }
  }

  /** Something stands in for sources; `placeFor` gives where it was taken, if it covers the one that counts. */
  fallback(placeFor: (source: SourceState) => StorePosition | undefined): StorePosition | undefined {
    const resumed = this.#primary === undefined ? undefined : placeFor(this.#primary)
    if (resumed === undefined) return this.place
    this.#resumed = resumed
    this.#epochOffset = resumed.epoch
    if (this.#primary?.hasTree) this.tookTree(this.#primary)
    return resumed
  }

  /** A store that is behind what stood in for it is not the same one, or was restored. */
  tookTree(source: SourceState): void {
    const resumed = this.#resumed
    if (source !== this.#primary || resumed === undefined) return
    this.#resumed = undefined
    const isAnother = source.revision < resumed.revision
    this.#epochOffset = resumed.epoch + (isAnother ? 1 : 0) - source.epoch
  }
}
