import { open, readFile, stat } from 'node:fs/promises'
import { isLivetreeError, LivetreeError } from '../errors.ts'
import { messageOf, withoutStop } from '../thrown.ts'
import {
  asideOf,
  type DerivedKey,
  deriveKey,
  isOurs,
  ownerMark,
  ownerOf,
  seal,
  START_BYTES,
  unseal,
} from './seal.ts'
import { decodeDocument, encodeDocument, type SnapshotDocument } from './snapshot-document.ts'
import { takeFile } from './open-paths.ts'
import { writeAtomically } from './write-atomically.ts'

/** How long a file that is kept aside goes before another one that would be, in milliseconds: a week. */
const KEPT_MS = 7 * 24 * 60 * 60 * 1_000

/** The snapshot on disk: encrypted where there is a key, put in place in one step, checked before it is believed. */
export class SnapshotFile {
  readonly path: string
  readonly #secret: string | Uint8Array | undefined
  #derived: Promise<DerivedKey> | undefined = undefined
  /** Whether the key does not open what is at the path; undefined while that is not known. */
  #isLocked: boolean | undefined = undefined
  #isGivenUp = false

  constructor(path: string, secret: string | Uint8Array | undefined) {
    this.path = path
    this.#secret = secret
  }

  /** Without a key nothing secret may be written. */
  get hasKey(): boolean {
    return this.#secret !== undefined
  }

  /**
   * Where the key does not open the file, but the one that was kept aside, reads that one.
   *
   * @throws LivetreeError `snapshot_missing`, `snapshot_damaged`, `snapshot_locked` or `snapshot_outdated`
   */
  async read(): Promise<SnapshotDocument> {
    try {
      const document = await this.#readAt(this.path)
      this.#isLocked ??= false
      return document
    } catch (error) {
      if (!isLocked(error)) throw error
      // What was read may have been replaced meanwhile.
      this.#isLocked ??= true
      return this.#readAt(asideOf(this.path)).catch(() => Promise.reject(error))
    }
  }

  async #readAt(path: string): Promise<SnapshotDocument> {
    let bytes: Buffer
    try {
      // A pipe in its place would keep whoever opens it waiting.
      if (!(await stat(path)).isFile()) throw new Error('it is not a regular file')
      await refuseForeign(path)
      bytes = await readFile(path)
    } catch (cause) {
      if (cause instanceof LivetreeError) throw cause

      const message = `There is no snapshot to read at ${path}: ${withoutStop(messageOf(cause))}.`
      throw new LivetreeError('snapshot_missing', message, { cause })
    }
    return decodeDocument(await unseal(bytes, this.#secret, path), path)
  }

  /** @throws LivetreeError `snapshot_not_written`; what was there before is then still there */
  async write(document: SnapshotDocument): Promise<void> {
    try {
      // the salt stays for the life of the process, so that the slow derivation is done once; the nonce is always new
      if (this.#secret !== undefined) this.#derived ??= deriveKey(this.#secret)
      await refuseForeign(this.path)
      await this.#refuseOther(document.name, this.path)
      await this.#keepLocked(document.name)
      const bytes = seal(encodeDocument(document), document.name, await this.#derived)
      await writeAtomically(this.path, bytes, {
        take: (file) => takeFile(file, this.path),
        assertMeant: () => this.#assertNotGivenUp(),
      })
    } catch (cause) {
      const message = `Cannot write the snapshot ${this.path}: ${withoutStop(messageOf(cause))}. The running configuration is not affected.`
      throw new LivetreeError('snapshot_not_written', message, { cause })
    }
  }

  /** A write that is under way replaces nothing any more: the path may be that of another configuration soon. */
  giveUp(): void {
    this.#isGivenUp = true
  }

  #assertNotGivenUp(): void {
    if (this.#isGivenUp) throw new Error('its configuration is closed and waits for it no more')
  }

  /**
   * A file that the key does not open is kept aside before it is replaced, so that the key it was written with still opens it.
   *
   * @throws Error where another one is there that the key does not open either, and is not a week old
   */
  async #keepLocked(name: string): Promise<void> {
    this.#isLocked ??= isLocked(await this.#readAt(this.path).catch((error: unknown) => error))
    if (!this.#isLocked) return
    const aside = asideOf(this.path)
    await refuseForeign(aside)
    await this.#refuseOther(name, aside)
    const isNeeded = isLocked(await this.#readAt(aside).catch((error: unknown) => error))
    if (isNeeded && Date.now() - (await stat(aside)).mtimeMs < KEPT_MS) {
      const what = `neither it nor ${aside}, which was kept at an earlier start, opens with the given snapshot.key`
      throw new Error(`${what}. Give the key of one of them, or delete the one that nobody needs`)
    }
    await writeAtomically(aside, await readFile(this.path))
    this.#isLocked = false
  }

  /**
   * Two configurations with the same path would start from each other's snapshot.
   *
   * @throws LivetreeError `snapshot_outdated` where there is the snapshot of a configuration of another name
   */
  async #refuseOther(name: string, path: string): Promise<void> {
    const start = await startOf(path)
    if (start === undefined) return
    const mark = ownerOf(start)
    if (mark === ownerMark(name)) return
    // A file of an earlier version has no mark, and one that is damaged serves nobody.
    const owner = await this.#readAt(path).catch((error: LivetreeError) => error)
    if ('code' in owner) {
      if (mark === undefined || owner.code === 'snapshot_damaged') return
    } else if (owner.name === name) return
    const other = 'code' in owner ? undefined : owner.name
    throw new LivetreeError('snapshot_outdated', foreignName(path, other))
  }
}

/**
 * A slip in the path must cost nobody a file.
 *
 * @throws LivetreeError `snapshot_damaged` where there is something else than a snapshot
 */
async function refuseForeign(path: string): Promise<void> {
  const start = await startOf(path)
  if (start === undefined || isOurs(start)) return
  const message = `${path} is not a snapshot but a file of another kind, so it is neither read nor replaced. Give the snapshot another path, or delete the file if nobody needs it.`
  throw new LivetreeError('snapshot_damaged', message)
}

function isLocked(thrown: unknown): boolean {
  return isLivetreeError(thrown) && thrown.code === 'snapshot_locked'
}

/** What is wrong with a snapshot that is of a configuration of another name, and what to do. */
export function foreignName(path: string, owner: string | undefined): string {
  const whose = owner === undefined ? 'another configuration' : `configuration "${owner.slice(0, 200)}"`
  return `The snapshot ${path} is of ${whose}, so it is neither used nor replaced. Give each configuration a snapshot.path of its own; if this one has been renamed, delete the file.`
}

/** What a file begins with; undefined where there is none, or something that is no file. */
async function startOf(path: string): Promise<Buffer | undefined> {
  const there = await stat(path).catch(() => undefined)
  if (there?.isFile() !== true) return undefined
  const handle = await open(path)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(START_BYTES), 0, START_BYTES, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}
