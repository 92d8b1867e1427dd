import { LivetreeError } from '../errors.ts'
import type { SourceState } from './source-state.ts'

/** A position in the history of a store. */
export interface StorePosition {
  readonly revision: number
  readonly epoch: number
  /** See `ReplaceUpdate.store`. */
  readonly store?: string
}

/**
 * The positions of the configuration and of its sources. The last remote source gives the configuration its revision.
 * Epochs of sources start at 0 in every process; those of the configuration continue from the fallback of the start.
 */
export class PositionTracker {
  readonly #sources: readonly SourceState[]
  readonly #primary: SourceState | undefined
  readonly #good = new Map<SourceState, StorePosition>()
  #epochOffset = 0
  /** The position of the fallback, until the store has delivered its tree. */
  #resumed: StorePosition | undefined = undefined

  constructor(sources: readonly SourceState[]) {
    this.#sources = sources
    this.#primary = sources.findLast(({ source }) => source.isRemote)
  }

  /** The position of the staged tree, or of the fallback until the store has delivered a tree; undefined without a remote source. */
  get current(): StorePosition | undefined {
    if (this.#primary === undefined) return undefined
    return this.#primary.hasTree ? this.of(this.#primary) : this.#resumed
  }

  /** Whether the revision of the configuration is that of this source. */
  isPrimary(source: SourceState): boolean {
    return source === this.#primary
  }

  /** Where the staged tree of a source is in the history of the configuration; `store` is left out. */
  of(source: SourceState): StorePosition {
    const { revision, epoch } = source
    return { revision, epoch: epoch + (source === this.#primary ? this.#epochOffset : 0) }
  }

  /** The staged trees are the accepted ones. */
  accept(): void {
    for (const source of this.#sources) {
      const { store } = source
      this.#good.set(source, { ...this.of(source), ...(store !== undefined && { store }) })
    }
  }

  /** Where a source was when all was last accepted; undefined before the first time. */
  accepted(source: SourceState): StorePosition | undefined {
    return this.#good.get(source)
  }

  /** Where a source was when all was last accepted. @throws LivetreeError `internal` before the first time */
  lastGood(source: SourceState): StorePosition {
    const position = this.accepted(source)
    if (position === undefined) throw new LivetreeError('internal', 'No tree was accepted yet.')
    return position
  }

  /**
   * Continues from a fallback; `positionOf` returns the position at which that of a source was stored, if there is one.
   * Returns the position of the configuration.
   */
  fallback(positionOf: (source: SourceState) => StorePosition | undefined): StorePosition | undefined {
    const resumed = this.#primary === undefined ? undefined : positionOf(this.#primary)
    if (resumed === undefined) return this.current
    this.#resumed = resumed
    this.#epochOffset = resumed.epoch
    if (this.#primary?.hasTree) this.tookTree(this.#primary)
    return resumed
  }

  /** A store that is behind the fallback is another store, or was restored. */
  tookTree(source: SourceState): void {
    const resumed = this.#resumed
    if (source !== this.#primary || resumed === undefined) return
    this.#resumed = undefined
    const isAnother = source.revision < resumed.revision
    this.#epochOffset = resumed.epoch + (isAnother ? 1 : 0) - source.epoch
  }
}
