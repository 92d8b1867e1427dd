import { vi } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../../packages/core/src/define-config.ts'
import { LivetreeError } from '../../packages/core/src/errors.ts'
import { secret } from '../../packages/core/src/schema/secret.ts'
import type { LiveConfig } from '../../packages/core/src/live-config.ts'
import { load } from '../../packages/core/src/load.ts'
import { decodeDocument, encodeDocument } from '../../packages/core/src/snapshot-file/snapshot-document.ts'
import { SnapshotFile } from '../../packages/core/src/snapshot-file/snapshot-file.ts'
import type { TestClock } from '../../packages/core/src/testing/test-clock.ts'
import type { HistoryStore, StoreSource } from './history-store.ts'

const schemaOf = (flag: z.ZodType) =>
  z.object({
    flags: z.record(z.string(), flag).default({}),
    db: z.object({ host: z.string().optional(), port: z.number().optional() }).loose(),
    sections: z.record(z.string(), z.record(z.string(), z.string())).optional(),
  })
/** Removals within it count together. */
const WINDOW_MS = 600_000
const define = (schema: ReturnType<typeof schemaOf>) =>
  defineConfig({
    name: 'app',
    schema,
    guard: { minRemoved: 3, windowMs: WINDOW_MS },
    unused: 'ignore',
  })
/** What processes load. */
export const definition = define(schemaOf(z.string()))
/** The same, of which a file without a key leaves most out. */
export const secretive = define(schemaOf(secret(z.string())))

/** What is on disk, by path: that files are written well is not the matter here. */
export const disk = new Map<string, Buffer>()

/** Snapshots go to `disk` and come from it, until the mocks are restored. */
export function keepFilesInMemory(): void {
  disk.clear()
  vi.spyOn(SnapshotFile.prototype, 'read').mockImplementation(async function (this: SnapshotFile) {
    const bytes = disk.get(this.path)
    if (bytes === undefined) throw new LivetreeError('snapshot_missing', 'none')
    return decodeDocument(bytes, this.path)
  })
  vi.spyOn(SnapshotFile.prototype, 'write').mockImplementation(async function (this: SnapshotFile, document) {
    disk.set(this.path, encodeDocument(document))
  })
}

/** The store holds the very leaves that a file does. */
export function isAsLeft(store: HistoryStore, file: string): boolean {
  const [source] = decodeDocument(disk.get(file)!, file).sources
  const left = source!.layers.flatMap(({ leaves, withheld = [] }, layer) => {
    const { keyPrefix } = store.overlays.layers[layer]!
    return [...leaves, ...withheld].map(({ path: name, revision }) => `${keyPrefix}${name} ${revision}`)
  })
  return left.sort().join() === store.written().join()
}

/** One process after another, with the same file. */
export class GuardedProcess {
  readonly #store: HistoryStore
  readonly #clock: TestClock
  readonly file: string
  readonly #definition: Parameters<typeof load>[0]
  readonly #key: string | undefined
  #source: StoreSource | undefined
  #config: LiveConfig<unknown> | undefined

  constructor(
    store: HistoryStore,
    clock: TestClock,
    file: string,
    loads: Parameters<typeof load>[0] = definition,
    hasKey = true,
  ) {
    this.#key = hasKey ? 'a key' : undefined
    this.#definition = loads
    this.#store = store
    this.#clock = clock
    this.file = file
  }

  get isThere(): boolean {
    return this.#config !== undefined
  }

  /** It is not there afterwards if it would need its file, and that leaves out what counts for lack of a key. */
  async start({ isAway = false } = {}): Promise<void> {
    this.#source = this.#store.source()
    this.#source.isAway = isAway
    const options = {
      sources: [this.#source],
      startup: { onUnavailable: 'snapshot' as const },
      snapshot: { path: this.file, key: this.#key, intervalMs: 0 },
      clock: this.#clock,
      logger: false as const,
    }
    try {
      this.#config = await load(this.#definition, options, Number.POSITIVE_INFINITY)
    } catch (error) {
      if (this.#key !== undefined || !String(error).includes('left out of the snapshot')) throw error
      await this.stop()
    }
  }

  async stop(): Promise<void> {
    await this.#config?.close()
    this.#source?.cut()
    this.#config = undefined
  }

  /** Nothing is written to its file any more. */
  async crash(): Promise<void> {
    const bytes = disk.get(this.file)!
    await this.stop()
    disk.set(this.file, bytes)
  }

  cut(): void {
    this.#source!.cut()
  }

  connect(): Promise<void> {
    return this.#source!.connect()
  }

  async shown(): Promise<{ issues: readonly string[] | undefined; value: unknown }> {
    await this.#config!.refresh()
    const { rejected } = this.#config!.status
    return {
      issues: rejected?.issues.map(({ code, pathText }) => `${code} ${pathText}`),
      value: this.#config!.current,
    }
  }
}
