import { type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { linkTrail } from './link-trail.ts'
import type { Logger } from './source.ts'

/** What `TrailWatches` reports, and where. */
export interface TrailWatchesOptions {
  readonly logger: Logger
  /** How often the file is read besides, in milliseconds; 0 for never. For the log. */
  readonly pollMs: number
  /** Called when a name on the way to the file may lead to something else, or the file was written. */
  onChange(): void
}

interface DirectoryWatch {
  names: ReadonlySet<string>
  /** Names the directory itself, wherever it is moved. */
  readonly id: string
  readonly watcher: FSWatcher
}

/** A way that changes each time it is looked at is looked at again by the next read. */
const MAX_ROUNDS = 5

/** Watches every directory on the way to a file for the names that lead to it. */
export class TrailWatches {
  readonly #options: TrailWatchesOptions
  readonly #watches = new Map<string, DirectoryWatch>()
  /** Directories whose changes cannot be seen; said once. */
  readonly #unwatched = new Set<string>()
  #isClosed = false

  constructor(options: TrailWatchesOptions) {
    this.#options = options
  }

  /** Watches the way as it is now, and no other; undefined watches nothing. Does nothing when closed. */
  async follow(path: string | undefined): Promise<void> {
    // What changed between finding the way and watching it sent no event.
    for (let round = 0; round < MAX_ROUNDS && !this.#isClosed; round++) {
      if (!(await this.#followOnce(path))) return
    }
  }

  close(): void {
    this.#isClosed = true
    for (const { watcher } of this.#watches.values()) watcher.close()
    this.#watches.clear()
  }

  /** Whether a directory is watched that was not watched before. */
  async #followOnce(path: string | undefined): Promise<boolean> {
    const wanted = new Map<string, { readonly names: Set<string>; isPassed: boolean }>()
    for (const { directory, name, isPassed } of path === undefined ? [] : await linkTrail(path)) {
      const known = wanted.get(directory)
      if (known === undefined) wanted.set(directory, { names: new Set([name]), isPassed })
      else {
        known.names.add(name)
        known.isPassed &&= isPassed
      }
    }
    for (const directory of [...this.#watches.keys()]) if (!wanted.has(directory)) this.#drop(directory)
    let isNew = false
    for (const [directory, { names, isPassed }] of wanted) {
      const id = await idOf(directory)
      const known = this.#watches.get(directory)
      // A directory that was moved or made again has the name but not the events.
      if (known !== undefined && known.id === id) known.names = names
      else {
        this.#drop(directory)
        if (id !== undefined) isNew = this.#watch(directory, { names, id, isPassed }) || isNew
      }
    }
    return isNew
  }

  #watch(
    directory: string,
    { names, id, isPassed }: { names: ReadonlySet<string>; id: string; isPassed: boolean },
  ): boolean {
    if (this.#isClosed) return false
    try {
      const watcher = watch(directory)
      const own: DirectoryWatch = { names, id, watcher }
      this.#watches.set(directory, own)
      watcher.on('change', (type, name) => {
        // Under its own name a directory reports that it was moved or removed; its number may go to the next one.
        if (type === 'rename' && name === basename(directory)) this.#dropOwn(directory, own)
        else if (name !== null && !own.names.has(String(name))) return
        this.#options.onChange()
      })
      watcher.on('error', () => this.#dropOwn(directory, own))
      return true
    } catch (error) {
      // A directory that is only passed need not be readable; polling sees when it is removed.
      if (!isPassed) this.#warnOnce(directory, error)
      return false
    }
  }

  #dropOwn(directory: string, own: DirectoryWatch): void {
    if (this.#watches.get(directory) === own) this.#drop(directory)
    else own.watcher.close()
  }

  #drop(directory: string): void {
    this.#watches.get(directory)?.watcher.close()
    this.#watches.delete(directory)
  }

  #warnOnce(directory: string, error: unknown): void {
    if (this.#unwatched.has(directory)) return
    this.#unwatched.add(directory)
    const { logger, pollMs } = this.#options
    const how = pollMs > 0 ? `it is read every ${pollMs} ms` : 'pollMs is 0'
    logger.warn(`Cannot watch ${directory} for changes; ${how}`, { directory, error })
  }
}

/** Also by when it was made: the number of a removed directory may be given to the next one. */
async function idOf(directory: string): Promise<string | undefined> {
  const found = await stat(directory, { bigint: true }).catch(() => undefined)
  return found && `${found.dev} ${found.ino} ${found.birthtimeNs}`
}
