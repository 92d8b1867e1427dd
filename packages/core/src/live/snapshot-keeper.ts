import type { LivetreeError } from '../errors.ts'
import type { SnapshotDocument } from '../snapshot-file/snapshot-document.ts'
import type { SnapshotFile } from '../snapshot-file/snapshot-file.ts'
import { SnapshotWriter } from '../snapshot-file/snapshot-writer.ts'
import type { Clock } from '../source/source.ts'
import type { SourceState } from './source-state.ts'
import type { TreeWriter } from './tree-writer.ts'

export interface SnapshotKeeperOptions {
  /** Name of the configuration. */
  readonly name: string
  readonly fingerprint: string
  readonly file: SnapshotFile
  readonly intervalMs: number
  readonly clock: Clock
  readonly sources: readonly SourceState[]
  readonly writer: Pick<TreeWriter<unknown>, 'goodState' | 'servedFrom'>
}

/** Keeps the last good state of the remote sources on disk. */
export class SnapshotKeeper {
  readonly #options: SnapshotKeeperOptions
  readonly #writer: SnapshotWriter
  /** Of the oldest source in the file that was written last. */
  #writtenProof: number | undefined = undefined

  #report: (error: LivetreeError) => void = () => {}

  constructor(options: SnapshotKeeperOptions) {
    this.#options = options
    this.#writer = new SnapshotWriter({
      file: options.file,
      clock: options.clock,
      intervalMs: options.intervalMs,
      capture: () => this.#capture(),
      onError: (error) => this.#report(error as LivetreeError),
    })
  }

  /** Where a failed write is reported. */
  onError(report: (error: LivetreeError) => void): void {
    this.#report = report
  }

  /** A state of the sources was accepted; one that only stands in for them is not written back. */
  accepted(): void {
    if (this.#options.writer.servedFrom === 'sources') this.#writer.touch()
  }

  /** Writes what is not on disk, and how long the state has been proven; leaves no timer. */
  async close(): Promise<void> {
    const isNewer = this.#writtenProof !== undefined && this.#provenAt() > this.#writtenProof
    if (isNewer) this.#writer.touch()
    await this.#writer.flush()
  }

  #remote(): readonly (readonly [number, SourceState])[] {
    return [...this.#options.sources.entries()].filter(([, { source }]) => source.isRemote)
  }

  #provenAt(): number {
    return Math.min(...this.#remote().map(([, { provenAt }]) => provenAt ?? 0))
  }

  #capture(): SnapshotDocument {
    const { name, fingerprint, file, clock, writer } = this.#options
    const hasSecrets = file.hasKey
    const sources = this.#remote().map(([index, { source, provenAt }]) => {
      const { revision, epoch, layers } = writer.goodState(index, { withSecrets: hasSecrets })
      return {
        name: source.name,
        revision,
        epoch,
        provenAt: provenAt ?? 0,
        layers: source.layers.map((layer, at) => ({ name: layer.name, leaves: layers[at]! })),
      }
    })
    this.#writtenProof = this.#provenAt()
    return { name, fingerprint, takenAt: clock.now(), hasSecrets, sources }
  }
}
