import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, expect, test, vi } from 'vitest'
import { ETCD_ERROR } from '../status.ts'
import { openSqliteJournal } from './sqlite-journal.ts'

const folder = mkdtempSync(join(tmpdir(), 'livetree-journal-'))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
function freshFile(): string {
  files += 1
  return join(folder, `${files}.db`)
}
const SILENT = { onCommitted: () => {}, onFailed: () => {} }
function version(modRevision: number, sub: number, text: string) {
  return {
    key: Buffer.from(`key ${text}`),
    value: Buffer.from(text),
    createRevision: modRevision,
    modRevision,
    version: 1,
    lease: 7_587_000_000_000_000_001n,
    sub,
  }
}

test('SqliteJournal.load gives back what was run, exactly', async () => {
  const path = freshFile()
  const first = await openSqliteJournal(path, SILENT)
  const fresh = first.load()
  expect(fresh).toMatchObject({
    revision: 1,
    compactRevision: -1,
    raftTerm: 2,
    leases: [],
    alarms: [],
  })
  const versions = [version(2, 0, 'a'), version(2, 1, 'b'), version(3, 0, 'c\0\xff')]
  await first.run(() => {
    first.addVersions(versions)
    first.addLease(-(2n ** 63n), 600)
    first.addLease(2n ** 63n - 1n, 9_000_000_000)
  })
  await first.run(() => {
    first.dropVersions([versions[0]!])
    first.dropLease(-(2n ** 63n))
    first.save({ compactRevision: 2, alarms: [{ memberId: 2n ** 64n - 1n, alarm: 1 }] })
  })
  first.close()
  const second = await openSqliteJournal(path, SILENT)
  const { versions: kept, ...state } = second.load()
  expect([...kept]).toEqual(versions.slice(1))
  expect(state).toEqual({
    clusterId: fresh.clusterId,
    memberId: fresh.memberId,
    raftTerm: 3,
    raftIndex: 3,
    revision: 3,
    compactRevision: 2,
    auth: undefined,
    alarms: [{ memberId: 2n ** 64n - 1n, alarm: 1 }],
    leases: [{ id: 2n ** 63n - 1n, ttlSeconds: 9_000_000_000 }],
  })
  second.close()
})

test('SqliteJournal.run shares one commit among works of one turn, and a refusal spoils nobody else', async () => {
  let commits = 0
  const journal = await openSqliteJournal(freshFile(), { ...SILENT, onCommitted: () => (commits += 1) })
  journal.load()
  const order: string[] = []
  const results = await Promise.allSettled([
    journal.run(() => order.push('first')),
    journal.run(() => {
      throw ETCD_ERROR.keyNotFound()
    }),
    journal.run(() => order.push('third')),
  ])
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect([order, commits]).toEqual([['first', 'third'], 1])
  await journal.run(() => {})
  expect(commits).toBe(2)
  journal.close()
})

test('SqliteJournal ends for good when something cannot be written: nobody gets an answer it could lose', async () => {
  const failures: Error[] = []
  const journal = await openSqliteJournal(freshFile(), {
    ...SILENT,
    onFailed: (error) => failures.push(error),
  })
  journal.load()
  await journal.run(() => journal.addVersions([version(2, 0, 'a')]))
  const works = [
    journal.run(() => journal.addVersions([version(3, 0, 'b')])),
    // The same revision once more, which the table refuses.
    journal.run(() => journal.addVersions([version(2, 0, 'a')])),
  ]
  for (const work of works) await expect(work).rejects.toThrow('etcdserver: server stopped')
  expect(failures.length).toBe(1)
  await expect(journal.run(() => {})).rejects.toThrow('etcdserver: server stopped')
  journal.close()
})

test('SqliteJournal.close keeps what was asked for before', async () => {
  const path = freshFile()
  const journal = await openSqliteJournal(path, SILENT)
  journal.load()
  const work = journal.run(() => journal.addVersions([version(2, 0, 'a')]))
  journal.close()
  await work
  const again = await openSqliteJournal(path, SILENT)
  expect(again.load().revision).toBe(2)
  again.close()
})

test('openSqliteJournal refuses a file another server has open, and one of another format, in words', async () => {
  const path = freshFile()
  const journal = await openSqliteJournal(path, SILENT)
  journal.load()
  await expect(openSqliteJournal(path, SILENT)).rejects.toThrow(
    /Cannot open the data file .*Another server uses it/,
  )
  journal.close()
  const database = new DatabaseSync(path)
  database.exec("UPDATE setting SET value = '99' WHERE name = 'format'")
  database.close()
  const refused = `Cannot open the data file ${path}: it has format 99, and this version reads format 1.`
  await expect(openSqliteJournal(path, SILENT)).rejects.toThrow(refused)
})

/** What another process hears that wants to write to the file. */
function fromAnotherProcess(path: string): string {
  const script = `const { DatabaseSync } = require('node:sqlite'); const database = new DatabaseSync(process.argv[1])
    try { database.exec('BEGIN IMMEDIATE'); console.log('may write') } catch (error) { console.log(error.message) }`
  return execFileSync(process.execPath, ['--no-warnings', '-e', script, path], { encoding: 'utf8' }).trim()
}

test('openSqliteJournal that is refused leaves the lock of the server that has the file', async () => {
  const path = freshFile()
  const journal = await openSqliteJournal(path, SILENT)
  journal.load()
  expect(fromAnotherProcess(path)).toBe('database is locked')
  const [link, hardLink] = [`${path}-link`, `${path}-hard`]
  symlinkSync(path, link)
  linkSync(path, hardLink)
  for (const other of [path, link, hardLink, relative(process.cwd(), path)]) {
    await expect(openSqliteJournal(other, SILENT)).rejects.toThrow(/Another server uses it/)
    expect(fromAnotherProcess(path)).toBe('database is locked')
  }
  journal.close()
  expect(fromAnotherProcess(path)).toBe('may write')
})

test('openSqliteJournal refuses what is not its own, and leaves it as it was', async () => {
  const [empty, text, foreign] = [freshFile(), freshFile(), freshFile()]
  writeFileSync(empty, '')
  writeFileSync(`${empty}-wal`, 'what was written last')
  writeFileSync(text, 'not a database '.repeat(100))
  const database = new DatabaseSync(foreign)
  database.exec('CREATE TABLE lease (tenant TEXT)')
  database.close()
  for (const [path, reason] of [
    [empty, /it is empty \(0 bytes\)/],
    [text, /file is not a database/],
    [foreign, /database of another program, with a table "lease"/],
    [folder, /it is a directory/],
  ] as const) {
    if (path !== folder) chmodSync(path, 0o644)
    const before = path === folder ? undefined : readFileSync(path)
    await expect(openSqliteJournal(path, SILENT)).rejects.toThrow(reason)
    if (before === undefined) continue
    expect(readFileSync(path).equals(before)).toBe(true)
    expect(statSync(path).mode & 0o777).toBe(0o644)
  }
})

test('openSqliteJournal warns when a file that is there has lost all it held', async () => {
  const path = freshFile()
  writeFileSync(path, '')
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const journal = await openSqliteJournal(path, SILENT)
  journal.load()
  journal.close()
  const again = await openSqliteJournal(path, SILENT)
  again.close()
  expect(warned.mock.calls.map(([message]) => message)).toEqual([
    `The data file ${path} of the embedded etcd is empty (0 bytes), so the server starts without data. If it held ` +
      'data before, stop the server and put a backup in its place.',
  ])
  warned.mockRestore()
})
