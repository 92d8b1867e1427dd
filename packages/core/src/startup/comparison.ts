import { isLivetreeError, LivetreeError } from '../errors.ts'
import { messageOf } from '../thrown.ts'
import type { EarlierState } from '../pipeline/outcome.ts'
import type { SnapshotDocument, StoredSource } from '../snapshot-file/snapshot-document.ts'
import { foreignName, type SnapshotFile } from '../snapshot-file/snapshot-file.ts'
import type { Clock, EarlierPlace, Leaf, Source } from '../source/source.ts'
import type { ConfigLog } from '../config-log.ts'
import { earlierStateOf } from './earlier-state.ts'
import type { UpdateProcessor } from '../updates/update-processor.ts'

/** An older snapshot is not compared with: removals since then are more likely intended than accidental. */
const MOST_AGE_MS = 24 * 60 * 60 * 1_000

/** Options of `Comparison`. */
export interface ComparisonOptions {
  /** Name of the configuration. */
  readonly name: string
  readonly fingerprint: string
  readonly file: SnapshotFile
  readonly sources: readonly Source[]
  readonly clock: Clock
  readonly log: Pick<ConfigLog, 'entry'>
  readonly writer: Pick<UpdateProcessor<unknown>, 'compareWith'>
  /** Receives the snapshot, if there is one, before the update processor validates any tree. */
  found(document: SnapshotDocument): void
}

/**
 * Makes the guard compare the first trees of a process with the snapshot on disk, so that a restart does not accept what a
 * running process rejects. The update processor validates nothing before `begin` or `skip`.
 */
export class Comparison {
  readonly #options: ComparisonOptions
  readonly #document = Promise.withResolvers<SnapshotDocument>()
  readonly #held = new Set<string>()
  #isRead = false
  #endedAt: number | undefined = undefined
  readonly #places = Promise.withResolvers<ReadonlyMap<string, EarlierPlace>>()

  constructor(options: ComparisonOptions) {
    this.#options = options
    this.#document.promise.catch(() => {})
    void this.#read()
  }

  /** Where the snapshot is. */
  get path(): string {
    return this.#options.file.path
  }

  /** Whether the file has been read, or cannot be. */
  get isRead(): boolean {
    return this.#isRead
  }

  /** When the update processor was let validate, in ms since the Unix epoch; undefined while it is not. */
  get endedAt(): number | undefined {
    return this.#endedAt
  }

  /** Whether a source had asked where it stood before that was known: it hands over nothing until then. */
  hasHeld(source: string): boolean {
    return this.#held.has(source)
  }

  /** The snapshot. @throws LivetreeError why there is none; `timeout` after `skip` */
  document(): Promise<SnapshotDocument> {
    return this.#document.promise
  }

  /** Resolves with the revision and store of a source in the snapshot; undefined if there is nothing to compare with. */
  async placeOf(source: string): Promise<EarlierPlace | undefined> {
    if (this.#endedAt === undefined) this.#held.add(source)
    return (await this.#places.promise).get(source)
  }

  /** Waits for the file, and then lets the update processor validate. Does not where `cut` aborts before. */
  async begin(cut: AbortSignal): Promise<void> {
    const given = Promise.withResolvers<undefined>()
    const giveUp = () => given.resolve(undefined)
    cut.addEventListener('abort', giveUp, { once: true })
    const document = await Promise.race([this.#document.promise.catch(() => undefined), given.promise])
    cut.removeEventListener('abort', giveUp)
    if (!cut.aborted) this.#end(document?.name === this.#options.name ? document : undefined)
  }

  /** Lets the update processor validate without the file, and says so. Has no effect after `begin` has ended. */
  skip(): void {
    if (this.#endedAt !== undefined) return
    const { file } = this.#options
    const error = new LivetreeError('timeout', `The snapshot ${file.path} has not been read in time.`)
    this.#document.reject(error)
    this.#warn(error)
    this.#end(undefined)
  }

  #end(document: SnapshotDocument | undefined): void {
    if (this.#endedAt !== undefined) return
    this.#endedAt = this.#options.clock.now()
    if (document !== undefined) this.#options.found(document)
    const states = this.#states(document)
    this.#options.writer.compareWith(new Map([...states].map(([index, { state }]) => [index, state])))
    this.#places.resolve(new Map([...states.values()].map(({ name, place }) => [name, place])))
  }

  /** Resolves pending `placeOf` calls with undefined. */
  close(): void {
    this.#places.resolve(new Map())
  }

  async #read(): Promise<void> {
    const { file, name } = this.#options
    try {
      const document = await file.read()
      if (document.name !== name)
        this.#warn(new LivetreeError('snapshot_outdated', foreignName(file.path, document.name)))
      this.#document.resolve(document)
    } catch (error) {
      const isMissing = isLivetreeError(error) && error.code === 'snapshot_missing'
      if (!isMissing) this.#warn(error)
      this.#document.reject(error)
    }
    this.#isRead = true
  }

  #warn(error: unknown): void {
    if (this.#endedAt !== undefined) return
    const message = `There is nothing to compare the first tree of configuration "${this.#options.name}" with, so no removal in it is noticed: ${messageOf(error)}`
    const code = isLivetreeError(error) ? error.code : 'snapshot'
    this.#options.log.entry({ level: 'warn', message, code })
  }

  #recent(document: SnapshotDocument | undefined): ReadonlyMap<string, StoredSource> {
    const oldest = this.#options.clock.now() - MOST_AGE_MS
    const isRecent = ({ provenAt, guard }: StoredSource) => provenAt >= oldest || guard?.isRefused === true
    return new Map(document?.sources.filter(isRecent).map((source) => [source.name, source]))
  }

  /** The earlier state of each source and the revision it had, by the index of the source. */
  #states(
    document: SnapshotDocument | undefined,
  ): ReadonlyMap<
    number,
    { readonly name: string; readonly state: EarlierState; readonly place: EarlierPlace }
  > {
    const { sources, fingerprint } = this.#options
    const stored = this.#recent(document)
    const states = new Map<number, { name: string; state: EarlierState; place: EarlierPlace }>()
    for (const [index, { name, layers, isRemote }] of sources.entries()) {
      const earlier = isRemote ? stored.get(name) : undefined
      if (earlier === undefined) continue
      const state = earlierStateOf(earlier, layers, document?.fingerprint === fingerprint)
      const { memory } = state
      // The guard's memory belongs to the tree seen last. Without it, every revision since the accepted one is validated.
      const { revision, store } = memory?.seen ?? earlier
      const place: EarlierPlace = {
        revision,
        store,
        isSameAs: (layers) => isSettled(state, layers),
        acceptedAt: earlier.revision,
        isAccepted: (layers) => hasLeaves(state, layers),
      }
      states.set(index, { name, state, place })
    }
    return states
  }
}

function isSettled(state: EarlierState, newer: readonly (readonly Leaf[])[]): boolean {
  const { memory } = state
  const isPending = memory !== undefined && (memory.since !== undefined || memory.isRefused)
  if (isPending || memory?.allowed.some((keys) => keys.length > 0)) return false
  return hasLeaves(state, newer, { isExact: true })
}

/** Whether a tree has all leaves of the earlier one, written by the same revisions; `isExact`: and no others. */
function hasLeaves(
  { layers, withheld }: EarlierState,
  tree: readonly (readonly Leaf[])[],
  { isExact = false } = {},
): boolean {
  return layers.every((written, layer) => {
    const leaves = [...written, ...(withheld?.[layer] ?? [])]
    const revisions = new Map(tree[layer]?.map(({ path, revision }) => [path, revision]))
    return (
      (!isExact || leaves.length === revisions.size) &&
      leaves.every(({ path, revision }) => revisions.get(path) === revision)
    )
  })
}
