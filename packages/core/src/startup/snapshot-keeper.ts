import { itemAt } from '../item-at.ts'
import { LivetreeError } from '../errors.ts'
import type { GuardMemory } from '../pipeline/guard-memory.ts'
import type { SnapshotDocument } from '../snapshot-file/snapshot-document.ts'
import type { SnapshotFile } from '../snapshot-file/snapshot-file.ts'
import { SnapshotWriter } from '../snapshot-file/snapshot-writer.ts'
import type { Clock } from '../source/source.ts'
import { CLOSE_MS } from '../updates/guarded-source.ts'
import type { SourceState } from '../updates/source-state.ts'
import type { UpdateProcessor } from '../updates/update-processor.ts'
import { settledWithin } from '../within.ts'

/** Options of `SnapshotKeeper`. */
export interface SnapshotKeeperOptions {
  /** Name of the configuration. */
  readonly name: string
  readonly fingerprint: string
  readonly file: SnapshotFile
  readonly intervalMs: number
  /** Called when nothing more is written. */
  releasePath(): void
  readonly clock: Clock
  readonly sources: readonly SourceState[]
  readonly writer: Pick<UpdateProcessor<unknown>, 'lastGoodState' | 'guardMemory' | 'servedFrom' | 'snapshot'>
}

/** Keeps the last good state of the remote sources on disk. */
export class SnapshotKeeper {
  readonly #options: SnapshotKeeperOptions
  readonly #writer: SnapshotWriter
  /** `provenAt` of the oldest source in the file written last. */
  #writtenProof: number | undefined = undefined
  /** The snapshot read at startup, until a state of the sources is accepted. */
  #found: SnapshotDocument | undefined = undefined
  /** Sources whose tree the guard has rejected. */
  readonly #refused = new Set<string>()
  /** Number of removals allowed in rejected trees, as of the last rejection. */
  #allowedCount = 0

  #report: (error: LivetreeError) => void = () => {}

  constructor(options: SnapshotKeeperOptions) {
    this.#options = options
    this.#writer = new SnapshotWriter({
      file: options.file,
      clock: options.clock,
      intervalMs: options.intervalMs,
      capture: () => this.#capture(),
      onError: (error) => this.#report(error),
    })
  }

  /** Sets the function that receives write errors. */
  onError(report: (error: LivetreeError) => void): void {
    this.#report = report
  }

  /** Why the newest state is not on disk; undefined if the last write succeeded. */
  get lastError(): LivetreeError | undefined {
    return this.#writer.lastError
  }

  /** Keeps the snapshot that was read at startup. */
  found(document: SnapshotDocument): void {
    this.#found = document
  }

  /**
   * Schedules a write after a state of the sources was accepted, even if its value is equal: what the guard compares with
   * has changed. A fallback is not written back.
   */
  accepted(): void {
    if (!this.#isOwn) return
    this.#found = undefined
    this.#refused.clear()
    this.#allowedCount = 0
    this.#writer.touch()
  }

  /**
   * Records a rejection on disk. After one by the guard (`isRefused`), the snapshot is compared with at the next start
   * whatever its age. After any other, removals that the rejected tree allows stay allowed after a restart.
   */
  rejected(source: string, { isRefused }: { isRefused: boolean }): void {
    const count = this.#remote().reduce((total, [index]) => total + this.#allowed(index).flat().length, 0)
    const isNews = (isRefused && !this.#refused.has(source)) || count !== this.#allowedCount
    if (isRefused) this.#refused.add(source)
    this.#allowedCount = count
    if (isNews && (this.#isOwn || this.#found !== undefined)) this.#writer.touch()
  }

  #allowed(index: number): readonly (readonly string[])[] {
    return this.#memory(index).allowed
  }

  #memory(index: number): GuardMemory {
    const { file, writer } = this.#options
    return writer.guardMemory(index, { withSecrets: file.hasKey })
  }

  /**
   * Writes a pending state and the newest `provenAt`, and leaves no timer. A disk that does not respond within 5 seconds
   * is reported, since it must not keep the process from ending.
   */
  async close(): Promise<void> {
    try {
      await this.#close()
    } finally {
      this.#options.releasePath()
    }
  }

  async #close(): Promise<void> {
    const isNewer = this.#writtenProof !== undefined && this.#provenAt() > this.#writtenProof
    if (isNewer) this.#writer.touch()
    if (await settledWithin(this.#writer.close(), this.#options.clock, CLOSE_MS)) return
    this.#options.file.giveUp()
    const message = `The snapshot on disk was not written within ${CLOSE_MS} ms of close(); close() ends without it.`
    this.#report(new LivetreeError('snapshot_not_written', message))
  }

  /** Whether the state in service comes from the sources. */
  get #isOwn(): boolean {
    const { writer } = this.#options
    return writer.servedFrom === 'sources' && writer.snapshot !== undefined
  }

  #remote(): readonly (readonly [number, SourceState])[] {
    return [...this.#options.sources.entries()].filter(([, { source }]) => source.isRemote)
  }

  #provenAt(): number {
    return Math.min(...this.#remote().map(([, { provenAt }]) => provenAt ?? 0))
  }

  #capture(): SnapshotDocument {
    if (!this.#isOwn && this.#found !== undefined) return this.#withRefusals(this.#found)
    const { name, fingerprint, file, clock, writer } = this.#options
    const hasSecrets = file.hasKey
    const sources = this.#remote().map(([index, { source, provenAt }]) => {
      const { revision, epoch, store, layers, withheld } = writer.lastGoodState(index, {
        withSecrets: hasSecrets,
      })
      return {
        name: source.name,
        revision,
        epoch,
        provenAt: provenAt ?? 0,
        store,
        guard: this.#memory(index),
        layers: source.layers.map(({ name: layer, at }, number) => ({
          name: layer,
          ...(at !== undefined && { at }),
          leaves: itemAt(layers, number),
          withheld: itemAt(withheld, number),
        })),
      }
    })
    this.#writtenProof = this.#provenAt()
    return { name, fingerprint, takenAt: clock.now(), hasSecrets, sources }
  }

  #withRefusals(found: SnapshotDocument): SnapshotDocument {
    const indexes = new Map(this.#remote().map(([index, { source }]) => [source.name, index]))
    const sources = found.sources.map((stored) => {
      const { name, guard } = stored
      const index = indexes.get(name)
      if (guard === undefined || index === undefined) return stored
      const isRefused = guard.isRefused || this.#refused.has(name)
      const { allowed: ofNow, seen } = this.#memory(index)
      const names = itemAt(this.#options.sources, index).source.layers.map((layer) => layer.name)
      const allowed = stored.layers.map((layer) => ofNow[names.indexOf(layer.name)] ?? [])
      return { ...stored, guard: { ...guard, isRefused, allowed, seen } }
    })
    return { ...found, sources }
  }
}
