import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { AlarmType } from '@livetree/etcd/wire'
import type { Alarm } from '../alarms.ts'
import type { KeyVersion } from '../mvcc/key-history.ts'
import { ETCD_ERROR, StatusError } from '../status.ts'
import {
  assertOwnFormat,
  claimDataFile,
  type DataFile,
  FORMAT_VERSION,
  protectDataFile,
} from './data-file.ts'
import type { Journal, Settings, StoredState } from './journal.ts'
import { freshState } from './memory-journal.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS version (
    main INTEGER, sub INTEGER, key BLOB, value BLOB, create_revision INTEGER, version INTEGER, lease INTEGER,
    PRIMARY KEY (main, sub)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS lease (id INTEGER PRIMARY KEY, ttl_seconds INTEGER);
  CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
`

/** Queued work with its promise. */
interface Queued {
  readonly work: () => unknown
  readonly resolve: (result: never) => void
  readonly reject: (error: unknown) => void
}

/** Callbacks for changes of the journal's state. */
export interface JournalEvents {
  /** Everything run is safe now. Called before results are returned. */
  onCommitted(): void
  /** The file cannot be written, so no more work is run. Called once. */
  onFailed(error: Error): void
}

interface VersionRow {
  readonly main: bigint
  readonly sub: bigint
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly create_revision: bigint
  readonly version: bigint
  readonly lease: bigint
}

/** An alarm as JSON, which has no 64-bit integers. */
interface AlarmRow {
  readonly memberId: string
  readonly alarm: number
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function versionOf(row: VersionRow): KeyVersion {
  return {
    key: bufferOf(row.key),
    value: bufferOf(row.value),
    createRevision: Number(row.create_revision),
    modRevision: Number(row.main),
    version: Number(row.version),
    lease: row.lease,
    sub: Number(row.sub),
  }
}

/**
 * Stores the state in a SQLite file. Work from the same turn of the event loop shares one transaction and one
 * sync to disk; none of it is answered or visible to readers before the commit.
 */
export class SqliteJournal implements Journal {
  readonly #database: DatabaseSync
  readonly #file: DataFile
  readonly #events: JournalEvents
  readonly #insertVersion: StatementSync
  readonly #deleteVersion: StatementSync
  readonly #insertLease: StatementSync
  readonly #deleteLease: StatementSync
  readonly #saveSetting: StatementSync
  #queue: Queued[] = []
  #state: 'open' | 'failed' | 'closed' = 'open'

  /** Takes ownership of the database. @throws Error if another process has it open or its format is unknown */
  constructor(database: DatabaseSync, file: DataFile, events: JournalEvents) {
    this.#database = database
    this.#file = file
    this.#events = events
    // FULL: a commit is on disk before it is answered. EXCLUSIVE: two servers on one file would not see each
    // other's writes.
    database.exec('PRAGMA locking_mode = EXCLUSIVE')
    // Checked before anything is written or the mode is changed, because the file may belong to another
    // program.
    assertOwnFormat(database)
    protectDataFile(file.path)
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;')
    database.exec(SCHEMA)
    this.#insertVersion = database.prepare('INSERT INTO version VALUES (?, ?, ?, ?, ?, ?, ?)')
    this.#deleteVersion = database.prepare('DELETE FROM version WHERE main = ? AND sub = ?')
    this.#insertLease = database.prepare('INSERT INTO lease VALUES (?, ?)')
    this.#deleteLease = database.prepare('DELETE FROM lease WHERE id = ?')
    this.#saveSetting = database.prepare('INSERT OR REPLACE INTO setting VALUES (?, ?)')
  }

  load(): StoredState {
    const settings = this.#settings()
    const read = <T>(name: string): T | undefined => {
      const text = settings.get(name)
      return text === undefined ? undefined : (JSON.parse(text) as T)
    }
    const fresh = freshState()
    const identity = read<{ clusterId: string; memberId: string }>('identity') ?? {
      clusterId: String(fresh.clusterId),
      memberId: String(fresh.memberId),
    }
    const raftTerm = (read<number>('raftTerm') ?? fresh.raftTerm - 1) + 1
    const compactRevision = read<number>('compactRevision') ?? fresh.compactRevision
    const newest = this.#database.prepare('SELECT max(main) AS main FROM version').get() as {
      main: number | null
    }
    const revision = Math.max(newest.main ?? 0, compactRevision, fresh.revision)
    this.#write({ format: FORMAT_VERSION, identity, raftTerm })
    return {
      clusterId: BigInt(identity.clusterId),
      memberId: BigInt(identity.memberId),
      raftTerm,
      raftIndex: revision,
      revision,
      compactRevision,
      auth: read('auth'),
      alarms: this.#alarms(read('alarms'), read('hasNoSpace'), BigInt(identity.memberId)),
      leases: this.#leases(),
      versions: this.#versions(),
    }
  }

  run<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#state !== 'open') {
        reject(ETCD_ERROR.stopped())
        return
      }
      this.#queue.push({ work, resolve, reject })
      if (this.#queue.length === 1) setImmediate(() => this.#flush())
    })
  }

  addVersions(versions: readonly KeyVersion[]): void {
    for (const { modRevision, sub, key, value, createRevision, version, lease } of versions) {
      this.#insertVersion.run(modRevision, sub, key, value, createRevision, version, lease)
    }
  }

  dropVersions(versions: readonly KeyVersion[]): void {
    for (const { modRevision, sub } of versions) this.#deleteVersion.run(modRevision, sub)
  }

  addLease(id: bigint, ttlSeconds: number): void {
    this.#insertLease.run(id, ttlSeconds)
  }

  dropLease(id: bigint): void {
    this.#deleteLease.run(id)
  }

  save({ alarms, ...settings }: Partial<Settings>): void {
    const kept = alarms?.map(({ memberId, alarm }): AlarmRow => ({ memberId: String(memberId), alarm }))
    this.#write(kept === undefined ? settings : { ...settings, alarms: kept })
  }

  close(): void {
    if (this.#state === 'closed') return
    if (this.#state === 'open') this.#flush()
    this.#state = 'closed'
    try {
      this.#database.close()
    } finally {
      this.#file.release()
    }
  }

  #flush(): void {
    const queue = this.#queue
    this.#queue = []
    if (queue.length === 0 || this.#state !== 'open') return
    let settled: (() => void)[]
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      settled = queue.map((queued) => this.#runOne(queued))
      this.#database.exec('COMMIT')
    } catch (error) {
      this.#fail(error as Error, queue)
      return
    }
    this.#events.onCommitted()
    for (const settle of settled) settle()
  }

  /**
   * Runs one work and returns a function that settles its promise. A StatusError changed nothing; any other
   * error is fatal.
   */
  #runOne({ work, resolve, reject }: Queued): () => void {
    try {
      const result = work()
      return () => resolve(result as never)
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      return () => reject(error)
    }
  }

  /** The state in memory is ahead of the file, so nothing more may be answered. */
  #fail(error: Error, queue: readonly Queued[]): void {
    this.#state = 'failed'
    for (const { reject } of queue) reject(ETCD_ERROR.stopped())
    this.#events.onFailed(error)
  }

  #write(settings: Readonly<Record<string, unknown>>): void {
    for (const [name, value] of Object.entries(settings)) this.#saveSetting.run(name, JSON.stringify(value))
  }

  #settings(): Map<string, string> {
    const rows = this.#database.prepare('SELECT name, value FROM setting').all()
    return new Map(rows.map((row) => [row.name as string, row.value as string]))
  }

  /** Older files only contain whether this member has run out of space. */
  #alarms(rows: readonly AlarmRow[] | undefined, hasNoSpace: boolean | undefined, memberId: bigint): Alarm[] {
    if (rows === undefined) return hasNoSpace === true ? [{ memberId, alarm: AlarmType.noSpace }] : []
    return rows.map((row) => ({ memberId: BigInt(row.memberId), alarm: row.alarm }))
  }

  #leases(): StoredState['leases'] {
    const select = this.#database.prepare('SELECT id, ttl_seconds FROM lease')
    select.setReadBigInts(true)
    return select.all().map((row) => ({ id: row.id as bigint, ttlSeconds: Number(row.ttl_seconds) }))
  }

  *#versions(): Generator<KeyVersion> {
    const select = this.#database.prepare('SELECT * FROM version ORDER BY main, sub')
    select.setReadBigInts(true)
    for (const row of select.iterate()) yield versionOf(row as unknown as VersionRow)
  }
}

/**
 * Opens the file or creates it, readable by its owner only.
 *
 * @throws Error that says why the file cannot be used, and what to do
 */
export async function openSqliteJournal(path: string, events: JournalEvents): Promise<SqliteJournal> {
  // Imported on demand, so that in-memory servers do not print the warning that Node's SQLite is
  // experimental.
  const { DatabaseSync } = await import('node:sqlite')
  let file: DataFile | undefined
  let database: DatabaseSync | undefined
  try {
    file = claimDataFile(path)
    database = new DatabaseSync(file.path)
    return new SqliteJournal(database, file, events)
  } catch (cause) {
    database?.close()
    file?.release()
    const { message } = cause as Error
    const advice = /locked/.test(message)
      ? ' Another server uses it: stop that one, or take another file.'
      : ''
    throw new Error(`Cannot open the data file ${path}: ${message}.${advice}`, { cause })
  }
}
