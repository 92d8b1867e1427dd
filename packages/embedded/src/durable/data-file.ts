import { chmodSync, closeSync, openSync, type StatsBase, statSync } from 'node:fs'
import { isAbsolute, resolve, sep } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'

/** The mode of the data file. */
const OWNER_ONLY = 0o600

/** Incremented when the tables change, so that an older file is refused with a clear error. */
export const FORMAT_VERSION = 1

/** The columns of each table, by which a file of another program is recognized. */
const COLUMNS: ReadonlyMap<string, string> = new Map([
  ['version', 'main,sub,key,value,create_revision,version,lease'],
  ['lease', 'id,ttl_seconds'],
  ['setting', 'name,value'],
])

/** Data files open in this process, by device and inode; shared by all copies of this module. */
const REGISTER = Symbol.for('livetree.embedded.openDataFiles')
const PROCESS = globalThis as { [REGISTER]?: Set<string> }
PROCESS[REGISTER] ??= new Set()
const OPEN_FILES = PROCESS[REGISTER]

/** A data file that this process uses exclusively. */
export interface DataFile {
  /** Absolute, so that neither SQLite nor a change of the working directory interprets it differently. */
  readonly path: string
  /** Permits others in this process to open it. Idempotent. */
  release(): void
}

/**
 * Creates the file if it is missing, readable by its owner only, and claims it in this process. An existing
 * file is never opened here: closing any descriptor of it would release SQLite's lock, which POSIX keeps per
 * process.
 *
 * @throws Error if another server in this process uses it, or if its content was lost
 */
export function claimDataFile(path: string): DataFile {
  if (path === ':memory:') return { path, release: () => {} }
  const absolute = absolutePath(path)
  const before = statOf(absolute)
  if (before?.isDirectory() === true) throw new Error('it is a directory')
  if (before?.size === 0n) assertNeverUsed(path, absolute)
  if (before === undefined) closeSync(openSync(absolute, 'wx', OWNER_ONLY))
  const { dev, ino } = before ?? statSync(absolute, { bigint: true })
  const id = `${dev}:${ino}`
  if (OPEN_FILES.has(id)) throw new Error('the file is locked')
  OPEN_FILES.add(id)
  return { path: absolute, release: () => void OPEN_FILES.delete(id) }
}

/** Leaves every `..` to the kernel: behind a symbolic link it leads elsewhere than its letters say. */
function absolutePath(path: string): string {
  if (sep === '\\') return resolve(path)
  return isAbsolute(path) ? path : `${process.cwd()}${sep}${path}`
}

/**
 * Refuses an empty file that was in use, and warns about any other empty file: it may be new or have lost its
 * content, which only the operator can tell.
 */
function assertNeverUsed(path: string, absolute: string): void {
  if ((statOf(`${absolute}-wal`)?.size ?? 0n) > 0n) {
    throw new Error(
      'it is empty (0 bytes), but it was in use. Put a backup in its place, or delete it and its -wal',
    )
  }
  process.emitWarning(
    `The data file ${path} of the embedded etcd is empty (0 bytes), so the server starts without data. If it held ` +
      'data before, stop the server and put a backup in its place.',
    { code: 'LIVETREE_EMBEDDED_EMPTY_FILE' },
  )
}

function statOf(path: string): StatsBase<bigint> | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })
}

/** Makes the data readable by its owner only. SQLite creates its other files with the same mode. */
export function protectDataFile(path: string): void {
  if (path === ':memory:') return
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    try {
      chmodSync(file, OWNER_ONLY)
    } catch (error) {
      // The file does not exist, or belongs to another user who chose its mode.
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT' && code !== 'EPERM') throw error
    }
  }
}

/** @throws Error if the database belongs to another program or has another format */
export function assertOwnFormat(database: DatabaseSync): void {
  const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all()
  for (const { name } of tables) {
    const columns = database.prepare('SELECT name FROM pragma_table_info(?)').all(String(name))
    if (COLUMNS.get(String(name)) !== columns.map((column) => column.name).join()) {
      throw new Error(`it is a database of another program, with a table ${JSON.stringify(name)}`)
    }
  }
  if (!tables.some(({ name }) => name === 'setting')) return
  const row = database.prepare("SELECT value FROM setting WHERE name = 'format'").get()
  if (row === undefined || row.value === String(FORMAT_VERSION)) return
  const format = row.value === '' || row.value === null ? 'an empty format' : `format ${row.value}`
  throw new Error(`it has ${format}, and this version reads format ${FORMAT_VERSION}`)
}
