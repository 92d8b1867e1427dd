import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { sep } from 'node:path'
import type { Clock } from '@livetree/etcd'
import { parseObject } from '../record/endpoint-record.ts'
import { decodeGoRecord, encodeGoRecord } from '../record/go-record.ts'
import type { Reports } from '../reports.ts'
import type { StoredRecord } from './endpoint.ts'

/** Where the endpoints of a service are kept on disk. */
export interface ViewSnapshotOptions {
  readonly directory: string
  readonly service: string
  /** The prefix of its keys: a snapshot of another one is not used. */
  readonly prefix: string
  readonly clock: Clock
  readonly reports: Reports
}

/** The form of the file. */
const FORMAT = 1
/** Changes within this time are written at once, in milliseconds. */
const REST_MS = 1_000

/**
 * The last known endpoints of a service in a file, for a process that starts while etcd is away. The file is replaced as a
 * whole; one that cannot be read or written is reported and changes nothing else.
 */
export class ViewSnapshot {
  readonly #options: ViewSnapshotOptions
  readonly #file: string
  #pending: (() => readonly StoredRecord[]) | undefined
  #timer: unknown
  #writing: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(options: ViewSnapshotOptions) {
    this.#options = options
    // Joining paths by their letters would strike out a link together with the `..` behind it.
    this.#file = `${options.directory}${sep}${options.service}.json`
  }

  /** The endpoints of the file; none if there is no usable one. Never rejects. */
  async load(): Promise<StoredRecord[]> {
    try {
      return this.#parse(await readFile(this.#file, 'utf8'))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#warn('read', error)
      return []
    }
  }

  /** Writes what `read` gives in a moment. */
  save(read: () => readonly StoredRecord[]): void {
    this.#pending = read
    if (this.#isClosed) return
    this.#timer ??= this.#options.clock.setTimeout(() => this.#flush(), REST_MS)
  }

  /** Writes what is pending. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#flush()
    await this.#writing
  }

  #flush(): void {
    this.#options.clock.clearTimeout(this.#timer)
    this.#timer = undefined
    const read = this.#pending
    this.#pending = undefined
    if (read === undefined) return
    this.#writing = this.#writing
      .then(() => this.#write(read()))
      .catch((error) => this.#warn('written', error))
  }

  async #write(records: readonly StoredRecord[]): Promise<void> {
    const { directory, prefix } = this.#options
    const endpoints = records.map(({ key, record }) => ({ key, value: encodeGoRecord(record) }))
    const part = `${this.#file}.${randomBytes(6).toString('hex')}.part`
    await mkdir(directory, { recursive: true, mode: 0o700 })
    try {
      await writeFile(part, JSON.stringify({ format: FORMAT, prefix, endpoints }), { mode: 0o600 })
      await rename(part, this.#file)
    } catch (error) {
      await rm(part, { force: true })
      throw error
    }
  }

  #parse(text: string): StoredRecord[] {
    const { prefix } = this.#options
    const content = parseObject(text)
    if (content?.format !== FORMAT || content.prefix !== prefix || !Array.isArray(content.endpoints))
      throw new Error(`it is no snapshot of ${prefix}`)
    const records = content.endpoints.flatMap((each: unknown) => this.#record(each) ?? [])
    const unusable = content.endpoints.length - records.length
    if (unusable > 0) this.#warn('read', new Error(`${unusable} of its endpoints are not usable`))
    return records
  }

  /** It was never seen in the store by this process, so every revision of the store is newer. */
  #record(each: unknown): StoredRecord | undefined {
    const { key, value } = (typeof each === 'object' && each !== null ? each : {}) as Record<string, unknown>
    const { prefix } = this.#options
    if (typeof key !== 'string' || typeof value !== 'string' || !key.startsWith(prefix)) return undefined
    const decoded = decodeGoRecord(key.slice(prefix.length), value)
    if (decoded.type !== 'record') return undefined
    return { key, record: decoded.record, createRevision: 0, modRevision: 0, lease: 0n }
  }

  #warn(what: 'read' | 'written', error: unknown): void {
    this.#options.reports.warn(`The snapshot ${this.#file} could not be ${what}`, { error })
  }
}
