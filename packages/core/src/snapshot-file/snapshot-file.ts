import { readFile, stat } from 'node:fs/promises'
import { LivetreeError } from '../errors.ts'
import { messageOf, withoutStop } from '../thrown.ts'
import { type DerivedKey, deriveKey, seal, unseal } from './seal.ts'
import { decodeDocument, encodeDocument, type SnapshotDocument } from './snapshot-document.ts'
import { writeAtomically } from './write-atomically.ts'

/** The snapshot on disk: encrypted where there is a key, put in place in one step, checked before it is believed. */
export class SnapshotFile {
  readonly path: string
  readonly #secret: string | Uint8Array | undefined
  #derived: Promise<DerivedKey> | undefined = undefined

  constructor(path: string, secret: string | Uint8Array | undefined) {
    this.path = path
    this.#secret = secret
  }

  /** Without a key nothing secret may be written. */
  get hasKey(): boolean {
    return this.#secret !== undefined
  }

  /** @throws LivetreeError `snapshot_missing`, `snapshot_damaged`, `snapshot_locked` or `snapshot_outdated` */
  async read(): Promise<SnapshotDocument> {
    let bytes: Buffer
    try {
      // A pipe in its place would keep whoever opens it waiting.
      if (!(await stat(this.path)).isFile()) throw new Error('it is not a regular file')
      bytes = await readFile(this.path)
    } catch (cause) {
      const message = `There is no snapshot to read at ${this.path}: ${withoutStop(messageOf(cause))}.`
      throw new LivetreeError('snapshot_missing', message, { cause })
    }
    return decodeDocument(await unseal(bytes, this.#secret, this.path), this.path)
  }

  /** @throws LivetreeError `snapshot_not_written`; what was there before is then still there */
  async write(document: SnapshotDocument): Promise<void> {
    try {
      // the salt stays for the life of the process, so that the slow derivation is done once; the nonce is always new
      if (this.#secret !== undefined) this.#derived ??= deriveKey(this.#secret)
      await writeAtomically(this.path, seal(encodeDocument(document), await this.#derived))
    } catch (cause) {
      const message = `Cannot write the snapshot ${this.path}: ${messageOf(cause)}. The running configuration is not affected.`
      throw new LivetreeError('snapshot_not_written', message, { cause })
    }
  }
}
