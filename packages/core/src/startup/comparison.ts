import { isLivetreeError } from '../errors.ts'
import { messageOf } from '../thrown.ts'
import type { EarlierState } from '../pipeline/outcome.ts'
import type { SnapshotDocument, StoredSource } from '../snapshot-file/snapshot-document.ts'
import type { SnapshotFile } from '../snapshot-file/snapshot-file.ts'
import type { Clock, EarlierPlace, Source } from '../source/source.ts'
import type { ConfigLog } from '../config-log.ts'
import type { UpdateProcessor } from '../updates/update-processor.ts'

/** A state that was last known to be in service so long ago says nothing of what was removed by accident. */
const MOST_AGE_MS = 24 * 60 * 60 * 1_000

export interface ComparisonOptions {
  /** Name of the configuration. */
  readonly name: string
  readonly fingerprint: string
  readonly file: SnapshotFile
  readonly sources: readonly Source[]
  readonly clock: Clock
  readonly log: Pick<ConfigLog, 'entry'>
  readonly writer: Pick<UpdateProcessor<unknown>, 'compareWith'>
  /** Given what was read, before the writer judges. */
  found(document: SnapshotDocument): void
}

/**
 * Has the guard compare the first trees of a process with the snapshot on disk, so that a restart does not let in what a
 * running process refuses. The writer judges nothing before `begin`.
 */
export class Comparison {
  readonly #options: ComparisonOptions
  readonly #document: Promise<SnapshotDocument | undefined>
  #isOver = false
  readonly #places = Promise.withResolvers<ReadonlyMap<string, StoredSource>>()

  constructor(options: ComparisonOptions) {
    this.#options = options
    this.#document = this.#read()
  }

  /** Where a source stood in the snapshot; undefined when there is nothing to compare it with. */
  async placeOf(source: string): Promise<EarlierPlace | undefined> {
    const stored = (await this.#places.promise).get(source)
    return stored && { revision: stored.revision, store: stored.store }
  }

  /** Waits for the file, not longer than until `cut` fires, and lets the writer judge. */
  async begin(cut: AbortSignal): Promise<void> {
    const given = Promise.withResolvers<undefined>()
    const giveUp = () => given.resolve(undefined)
    cut.addEventListener('abort', giveUp, { once: true })
    const document = await Promise.race([this.#document, given.promise])
    cut.removeEventListener('abort', giveUp)
    this.#end(document)
  }

  /** The file takes too long: lets the writer judge without it. */
  skip(): void {
    this.#end(undefined)
  }

  #end(document: SnapshotDocument | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    if (document !== undefined) this.#options.found(document)
    const stored = this.#recent(document)
    this.#options.writer.compareWith(this.#states(stored, document))
    this.#places.resolve(stored)
  }

  /** Whoever waits for a place gets none. */
  close(): void {
    this.#places.resolve(new Map())
  }

  async #read(): Promise<SnapshotDocument | undefined> {
    const { file, name } = this.#options
    try {
      const document = await file.read()
      return document.name === name ? document : undefined
    } catch (error) {
      const isMissing = isLivetreeError(error) && error.code === 'snapshot_missing'
      if (!isMissing) this.#warn(error)
      return undefined
    }
  }

  #warn(error: unknown): void {
    const message = `There is nothing to compare the first tree of configuration "${this.#options.name}" with, so no removal in it is noticed: ${messageOf(error)}`
    const code = isLivetreeError(error) ? error.code : 'snapshot'
    this.#options.log.entry({ level: 'warn', message, code })
  }

  #recent(document: SnapshotDocument | undefined): ReadonlyMap<string, StoredSource> {
    const oldest = this.#options.clock.now() - MOST_AGE_MS
    const isRecent = ({ provenAt, guard }: StoredSource) => provenAt >= oldest || guard?.isRefused === true
    return new Map(document?.sources.filter(isRecent).map((source) => [source.name, source]))
  }

  #states(
    stored: ReadonlyMap<string, StoredSource>,
    document: SnapshotDocument | undefined,
  ): ReadonlyMap<number, EarlierState> {
    const { sources, fingerprint } = this.#options
    const states = new Map<number, EarlierState>()
    for (const [index, { name, layers, isRemote }] of sources.entries()) {
      const earlier = isRemote ? stored.get(name) : undefined
      if (earlier === undefined) continue
      const found = layers.map((layer) => earlier.layers.find((other) => other.name === layer.name))
      // Counts of other layers, or of leaves as another schema reads them, cannot be compared.
      const isSame = document?.fingerprint === fingerprint && found.every((layer) => layer !== undefined)
      states.set(index, {
        layers: found.map((layer) => layer?.leaves ?? []),
        memory: isSame ? earlier.guard : undefined,
        store: earlier.store,
      })
    }
    return states
  }
}
