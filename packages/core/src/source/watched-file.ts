import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { systemClock } from '../clock.ts'
import { absolutePath } from './absolute-path.ts'
import { BoundedRead, type ReadAttempt } from './bounded-read.ts'
import { blank, failedTake, RESTLESS_MS, restless, slowRead } from './not-taken.ts'
import { type FileContent, type FoundFile, isNamed, readFound } from './read-file.ts'
import type { Clock, Logger } from './source.ts'
import { TrailWatches } from './trail-watches.ts'

/** Several events come for one save; reading waits until they have stopped for this long. */
const SETTLE_MS = 50
/** How often at most events postpone reading: they may come without end. */
const MOST_DELAYS = 5
/** What is there counts when it has not changed for this long: an editor, a copy or a script may still be at work. */
const QUIET_MS = 250
/** An empty file at the start, or where there was none, may be one that is about to be written. */
const BLANK_MS = 1_000
/** A file that was written longer ago is read at the start without waiting for its writer; clocks of two hosts differ by less. */
const OLD_MS = 3_600_000

/** How a file is watched, and the callbacks for its content. */
export interface WatchedFileOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** false: read once, and again only by `refresh`. */
  readonly watch: boolean
  /** Interval of extra reads in milliseconds, for file systems that send no events; 0 turns them off. */
  readonly pollMs: number
  /** A file that is missing counts as an empty one. Default false: what was read before stays. */
  readonly isMissingEmpty?: boolean
  /** Called after the first read, and then only when what is there has changed. Calls do not overlap. */
  onContent(content: FileContent): void | Promise<void>
  /**
   * Called when the file was touched, or written again in place, and holds what it held already; not when another one took
   * its place. The two cannot be told apart: the date of the last access, which only a touch sets, is moved by other readers
   * and is not kept everywhere.
   * Where a missing file counts as empty, an empty one in its place (as `touch` makes it) says the same, after `onContent`.
   */
  onTouched?(): void
}

/** What was read last. */
interface TakenFile extends Pick<FoundFile, 'id' | 'writtenAt'> {
  readonly hash: string
  readonly isFilled: boolean
  readonly isMissing: boolean
}

/**
 * Reads a file and reads it again when it may have changed: written in place, replaced by a rename, or behind a swapped
 * link. The path is resolved once. What is found counts when it has stood still for a quarter of a second; a file that
 * had something in it and is empty now is `withheld`, since that is what one looks like that is being written. A pipe
 * can be read once: what it gave stays, until a file takes its place.
 */
export class WatchedFile {
  readonly #path: string
  readonly #options: WatchedFileOptions
  readonly #watches: TrailWatches
  readonly #reads: BoundedRead<FoundFile | 'over'>
  readonly #closing = new AbortController()
  #last: TakenFile | undefined = undefined
  /** A pipe has been read: for good, or until a file takes its place. */
  #over: 'for good' | 'until replaced' | undefined = undefined
  #reading: Promise<void> = Promise.resolve()
  /** A read that waits for the one under way. */
  #queued: Promise<void> | undefined = undefined
  #settling: unknown = undefined
  #delays = 0
  #polling: unknown = undefined

  constructor(path: string, options: WatchedFileOptions) {
    this.#path = absolutePath(path)
    this.#options = options
    const { logger, pollMs } = options
    this.#watches = new TrailWatches({
      logger,
      pollMs,
      onChange: () => {
        this.#reads.noteMove()
        this.#settle()
      },
    })
    this.#reads = new BoundedRead({
      path: this.#path,
      // A file system takes the time it takes, whatever the clock of a test says.
      clock: systemClock,
      read: (attempt) => this.#look(attempt),
      onLateEnd: () => void this.refresh(),
    })
    void this.refresh()
    this.#poll()
  }

  /**
   * Reads now, after a read that is under way; resolves when `onContent` was called with a difference. A read that does
   * not end in two seconds counts as one. Never rejects.
   */
  refresh(): Promise<void> {
    if (this.#queued !== undefined) return this.#queued
    const next = this.#reading.then(async () => {
      this.#queued = undefined
      try {
        await this.#read()
      } catch (error) {
        this.#options.logger.error('Reading a configuration file failed', { path: this.#path, error })
      }
    })
    this.#queued = next
    this.#reading = next
    return next
  }

  /** Waits for a read under way; no watcher or timer is left. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#options.clock.clearTimeout(this.#settling)
    this.#options.clock.clearTimeout(this.#polling)
    this.#watches.close()
    await this.#reads.close()
    await this.#reading
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  async #read(): Promise<void> {
    let before: string | undefined
    let waitedMs = 0
    while (!this.#isClosed) {
      const there = await this.#reads.next()
      if (there === 'over' || this.#isClosed) return
      if (there === undefined) return this.#report({ ...NOT_READ, content: slowRead(this.#reads.isPipe) })
      // who writes to a pipe sends no event
      if (there.content.type === 'withheld') this.#settle()
      const found = this.#withheldIfBlank(there)
      const hash = hashOf(found.content)
      if (hash === this.#last?.hash) return this.#noteTouch(this.#last, found)
      // Not the dates: a program may write the same again all the time.
      const waitMs = before === hash ? 0 : this.#waitMs(found)
      if (waitMs <= 0) return this.#take(found, hash)
      if (waitedMs >= RESTLESS_MS) {
        await this.#report({ ...found, content: restless() })
        if (this.#options.watch) this.#settle()
        return
      }
      before = hash
      waitedMs += waitMs
      await this.#sleep(waitMs)
    }
  }

  async #look(attempt: ReadAttempt): Promise<FoundFile | 'over'> {
    if (await this.#isOver()) return 'over'
    // watch first: what is written between watching and reading is then read, and seen once more
    if (this.#options.watch && !attempt.signal.aborted) await this.#followTrail()
    return readFound(this.#path, attempt)
  }

  async #isOver(): Promise<boolean> {
    if (this.#over !== 'until replaced') return this.#over !== undefined
    const there = await stat(this.#path).catch(() => undefined)
    if (there?.isFile() !== true) return true
    this.#over = undefined
    return false
  }

  /** Hands on why what is there is not taken, unless that was the last thing to be handed on. */
  async #report(found: FoundFile): Promise<void> {
    const hash = hashOf(found.content)
    if (hash !== this.#last?.hash) await this.#take(found, hash)
  }

  #noteTouch(last: TakenFile, { content, id, writtenAt }: FoundFile): void {
    this.#last = { ...last, id, writtenAt }
    // Not only a later date: the one before may have been given by a clock that is ahead of the one that gives it now.
    const isDatedAnew =
      writtenAt !== undefined && last.writtenAt !== undefined && writtenAt !== last.writtenAt
    if (content.type === 'bytes' && isDatedAnew && id === last.id) this.#options.onTouched?.()
  }

  async #take({ content, isOnce, hasName, id, writtenAt }: FoundFile, hash: string): Promise<void> {
    const last = this.#last
    const isMissing = content.type === 'missing' && this.#options.isMissingEmpty === true
    const isKept = content.type !== 'bytes' && !isMissing && last?.isFilled === true
    this.#last = { hash, isFilled: isFilled(content) || isKept, isMissing, id, writtenAt }
    if (isOnce) this.#over = hasName ? 'until replaced' : 'for good'
    try {
      await this.#options.onContent(content)
    } catch (thrown) {
      // A reason of its own: the next read finds another content than the last, and hands it on again.
      const failed = failedTake(thrown)
      const failedHash = hashOf(failed)
      this.#last = { ...this.#last, hash: failedHash }
      if (failedHash !== last?.hash) await this.#options.onContent(failed)
      return
    }
    if (last?.isMissing === true && content.type === 'bytes' && !isFilled(content))
      this.#options.onTouched?.()
  }

  /** How much longer what was found has to stand still before it counts, in milliseconds. */
  #waitMs({ content, writtenAt, isOnce }: FoundFile): number {
    if (isOnce) return 0
    const isFirst = this.#last === undefined
    if (writtenAt === undefined) return isFirst || content.type === 'withheld' ? 0 : QUIET_MS
    // whoever keeps the file dates it by a clock of its own, so that only a date long past tells that nobody writes now
    if (isFirst && Date.now() - writtenAt > OLD_MS) return 0
    const isNew = isFirst || this.#last?.isMissing === true
    return isNew && !isFilled(content) ? BLANK_MS : QUIET_MS
  }

  #withheldIfBlank(found: FoundFile): FoundFile {
    if (found.content.type !== 'bytes' || isFilled(found.content) || this.#last?.isFilled !== true)
      return found
    return { ...found, content: blank() }
  }

  async #followTrail(): Promise<void> {
    const kind = await stat(this.#path).catch(() => undefined)
    // a pipe without a name, or a device, does not change in its directory
    const isPlace =
      kind === undefined ||
      kind.isFile() ||
      kind.isDirectory() ||
      (kind.isFIFO() && (await isNamed(this.#path)))
    await this.#watches.follow(isPlace ? this.#path : undefined)
  }

  #settle(): void {
    if (this.#isClosed || this.#delays >= MOST_DELAYS) return
    this.#delays += 1
    this.#options.clock.clearTimeout(this.#settling)
    this.#settling = this.#options.clock.setTimeout(() => {
      this.#delays = 0
      void this.refresh()
    }, SETTLE_MS)
  }

  #poll(): void {
    if (this.#isClosed || this.#over === 'for good' || !this.#options.watch || this.#options.pollMs === 0)
      return
    this.#polling = this.#options.clock.setTimeout(() => {
      void this.refresh().then(() => this.#poll())
    }, this.#options.pollMs)
  }

  /** Until time is up, or this is closed. */
  #sleep(ms: number): Promise<void> {
    const { clock } = this.#options
    const { signal } = this.#closing
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake)
        clock.clearTimeout(timer)
        resolve()
      }
      const timer = clock.setTimeout(wake, ms)
      signal.addEventListener('abort', wake)
    })
  }
}

const NOT_READ = { id: undefined, writtenAt: undefined, isOnce: false, hasName: true } as const

/** Whether there is more in it than white space and a mark of the encoding. */
export function isFilled(content: FileContent): boolean {
  const blank = new Set([0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf])
  return content.type === 'bytes' && content.bytes.some((byte) => !blank.has(byte))
}

function hashOf(content: FileContent): string {
  if (content.type !== 'bytes') return `${content.type} ${(content.error as NodeJS.ErrnoException).code}`
  return createHash('sha256').update(content.bytes).digest('base64')
}
