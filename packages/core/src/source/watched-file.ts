import { createHash } from 'node:crypto'
import { type FSWatcher, watch } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { linkTrail } from './link-trail.ts'
import type { Clock, Logger } from './source.ts'

/** Several events come for one save; reading waits until they have stopped for this long. */
const SETTLE_MS = 50

/** What is at the path: bytes, nothing, or something that cannot be read. */
export type FileContent =
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  | { readonly type: 'missing'; readonly error: Error }
  | { readonly type: 'failed'; readonly error: Error }

export interface WatchedFileOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** false: read once, and again only by `refresh`. */
  readonly watch: boolean
  /** Also read every so many milliseconds, for file systems that send no events; 0 turns it off. */
  readonly pollMs: number
  /** Called after the first read, and then only when what is there has changed. Calls do not overlap. */
  onContent(content: FileContent): void | Promise<void>
}

/** Reads a file and reads it again when it may have changed: written in place, replaced by a rename, or behind a swapped link. */
export class WatchedFile {
  readonly #path: string
  readonly #options: WatchedFileOptions
  readonly #watchers = new Map<string, { names: Set<string>; inode: bigint; watcher: FSWatcher }>()
  #lastHash: string | undefined = undefined
  #reading: Promise<void> = Promise.resolve()
  #settling: unknown = undefined
  #polling: unknown = undefined
  #isClosed = false

  constructor(path: string, options: WatchedFileOptions) {
    this.#path = path
    this.#options = options
    void this.refresh()
    this.#poll()
  }

  /** Reads now, after a read that is under way; resolves when `onContent` has been told of a difference. Never rejects. */
  refresh(): Promise<void> {
    const next = this.#reading.then(() => this.#read())
    this.#reading = next.catch((error: unknown) => {
      this.#options.logger.error('Reading a configuration file failed', { path: this.#path, error })
    })
    return this.#reading
  }

  /** Waits for a read under way; no watcher or timer is left. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#options.clock.clearTimeout(this.#settling)
    this.#options.clock.clearTimeout(this.#polling)
    await this.#reading
    for (const { watcher } of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  async #read(): Promise<void> {
    if (this.#isClosed) return
    // watch first: what is written between watching and reading is then read, and seen once more
    if (this.#options.watch) await this.#followTrail()
    const content = await readContent(this.#path)
    const hash = hashOf(content)
    if (this.#isClosed || hash === this.#lastHash) return
    this.#lastHash = hash
    await this.#options.onContent(content)
  }

  /** Watches the directory of every link on the way, and drops those that are no longer on it. */
  async #followTrail(): Promise<void> {
    const wanted = new Map<string, Set<string>>()
    for (const { directory, name } of await linkTrail(this.#path)) {
      wanted.set(directory, (wanted.get(directory) ?? new Set()).add(name))
    }
    for (const [directory, { watcher, inode }] of [...this.#watchers]) {
      // a directory removed and made again has the name but not the events
      if (wanted.has(directory) && (await inodeOf(directory)) === inode) continue
      watcher.close()
      this.#watchers.delete(directory)
    }
    for (const [directory, names] of wanted) {
      const known = this.#watchers.get(directory)
      if (known !== undefined) known.names = names
      else await this.#watchDirectory(directory, names)
    }
  }

  async #watchDirectory(directory: string, names: Set<string>): Promise<void> {
    const inode = await inodeOf(directory)
    if (inode === undefined || this.#isClosed) return
    try {
      const watcher = watch(directory)
      const entry = { names, inode, watcher }
      this.#watchers.set(directory, entry)
      watcher.on('change', (_type, name) => {
        if (name === null || entry.names.has(String(name))) this.#settle()
      })
      watcher.on('error', () => {
        watcher.close()
        if (this.#watchers.get(directory) === entry) this.#watchers.delete(directory)
      })
    } catch (error) {
      this.#options.logger.warn('Cannot watch a directory for changes; polling goes on', { directory, error })
    }
  }

  #settle(): void {
    if (this.#isClosed) return
    this.#options.clock.clearTimeout(this.#settling)
    this.#settling = this.#options.clock.setTimeout(() => void this.refresh(), SETTLE_MS)
  }

  #poll(): void {
    if (this.#isClosed || !this.#options.watch || this.#options.pollMs === 0) return
    this.#polling = this.#options.clock.setTimeout(() => {
      void this.refresh().then(() => this.#poll())
    }, this.#options.pollMs)
  }
}

async function readContent(path: string): Promise<FileContent> {
  try {
    return { type: 'bytes', bytes: await readFile(path) }
  } catch (thrown) {
    const error = thrown as NodeJS.ErrnoException
    return { type: error.code === 'ENOENT' || error.code === 'ENOTDIR' ? 'missing' : 'failed', error }
  }
}

function hashOf(content: FileContent): string {
  if (content.type !== 'bytes') return `${content.type} ${(content.error as NodeJS.ErrnoException).code}`
  return createHash('sha256').update(content.bytes).digest('base64')
}

async function inodeOf(directory: string): Promise<bigint | undefined> {
  return (await stat(directory, { bigint: true }).catch(() => undefined))?.ino
}
