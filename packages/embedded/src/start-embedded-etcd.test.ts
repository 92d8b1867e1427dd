import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { connect } from 'node:net'
import { once } from 'node:events'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import type { EmbeddedEtcdOptions } from './embedded-etcd-options.ts'
import { startEmbeddedEtcd } from './start-embedded-etcd.ts'

const folder = mkdtempSync(join(tmpdir(), 'livetree-options-'))
afterAll(() => rmSync(folder, { recursive: true }))

test.each([
  [{ datafile: 'x.db' }, /no option "datafile", only port, host, .*dataFile/],
  [{ constructor: 1 }, /no option "constructor"/],
  [null, /The options of startEmbeddedEtcd is null: expected an object/],
  ['x', /The options/],
  [{ port: '2399' }, /option port .* a text that cannot be used: expected a whole number from 0/],
  [{ port: 65_536 }, /option port .* 65536/],
  [{ port: 1.5 }, /option port/],
  [{ port: Number.NaN }, /option port/],
  [{ port: null }, /option port .* null/],
  [{ host: '' }, /option host .* an empty text: expected an address/],
  [{ host: ' 127.0.0.1' }, /option host/],
  [{ host: null }, /option host/],
  [{ host: 5 }, /option host .* 5/],
  [{ dataFile: '' }, /option dataFile .* expected the path/],
  [{ dataFile: new URL('file:///x.db') }, /option dataFile/],
  [{ quotaBytes: Number.NaN }, /option quotaBytes .* NaN: expected a number of bytes/],
  [{ quotaBytes: '1GB' }, /option quotaBytes/],
  [{ tokenTtlMs: 0 }, /option tokenTtlMs .* 0: expected milliseconds/],
  [{ progressIntervalMs: -1 }, /option progressIntervalMs/],
  [{ autoCompaction: true }, /option autoCompaction of startEmbeddedEtcd is true: expected an object/],
  [{ autoCompaction: {} }, /option autoCompaction\.keepRevisions of startEmbeddedEtcd is missing/],
  [{ autoCompaction: { keepRevisions: 0 } }, /is 0: expected a whole number of revisions from 1 on/],
  [
    { autoCompaction: { keepRevision: 9 } },
    /no option "autoCompaction.keepRevision", only autoCompaction.keepRevisions/,
  ],
  [{ clock: {} }, /option clock .* expected an object with the methods now and schedule/],
  [{ tls: {} }, /option tls\.cert .* missing: expected a certificate/],
  [{ tls: { cert: 'c', key: '' } }, /option tls\.key/],
  [{ tls: { cert: 'c', key: 'k', CA: 'x' } }, /no option "tls\.CA", only tls\.cert, tls\.key, tls\.ca/],
  [{ tls: { cert: 'no PEM', key: 'no PEM' } }, /option tls cannot be used: .*Expected a certificate/],
  [{ auth: {} }, /option auth\.rootPassword .* missing/],
  [{ auth: { rootPassword: '' } }, /option auth\.rootPassword .* an empty text/],
  [{ auth: { rootPassword: 5 } }, /option auth\.rootPassword/],
  [{ advertisedClientUrls: 'http://h' }, /option advertisedClientUrls/],
  [{ onError: 'x' }, /option onError .* expected a function/],
])('startEmbeddedEtcd refuses %j by name', async (options, reason) => {
  await expect(startEmbeddedEtcd(options as EmbeddedEtcdOptions)).rejects.toThrow(reason)
})

test('startEmbeddedEtcd takes undefined for an option that is not given', async () => {
  const server = await startEmbeddedEtcd({ host: undefined, port: undefined, tls: undefined } as object)
  expect(server.endpoint).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  await server.close()
})

async function withDamage(sql: string): Promise<string> {
  const dataFile = join(folder, `${Math.random()}.db`)
  await (await startEmbeddedEtcd({ dataFile })).close()
  const database = new DatabaseSync(dataFile)
  database.exec(sql)
  database.close()
  return dataFile
}

test('startEmbeddedEtcd that fails names the data file and leaves it free', async () => {
  const dataFile = await withDamage("UPDATE setting SET value = '{' WHERE name = 'identity'")
  for (let n = 0; n < 2; n += 1) {
    await expect(startEmbeddedEtcd({ dataFile })).rejects.toThrow(`Cannot read the data file ${dataFile}: `)
  }
  const other = join(folder, 'other.db')
  for (const options of [
    { tls: { cert: 'x', key: 'x' } },
    { host: '203.0.113.1' },
    { auth: { rootPassword: 'x'.repeat(73) } },
  ]) {
    await expect(startEmbeddedEtcd({ dataFile: other, ...options })).rejects.toThrow(/./)
  }
  await (await startEmbeddedEtcd({ dataFile: other })).close()
})

/** Whether something listens there. */
async function isTaken(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const [taken] = await Promise.race([
    once(socket, 'connect').then(() => [true]),
    new Promise<boolean[]>((resolve) => socket.once('error', () => resolve([false]))),
  ])
  socket.destroy()
  return taken!
}

test('refuseConnections takes connections again once, and never after close', async () => {
  const server = await startEmbeddedEtcd()
  onTestFinished(() => server.close())
  const { faults, port } = server
  await faults.refuseConnections(true)
  expect(await isTaken(port)).toBe(false)
  await Promise.all([faults.refuseConnections(false), faults.refuseConnections(false)])
  expect(await isTaken(port)).toBe(true)
  const reopening = faults.refuseConnections(false)
  const refused = faults.refuseConnections(true)
  await Promise.all([reopening, refused])
  expect(await isTaken(port)).toBe(false)
  const late = faults.refuseConnections(false)
  await server.close()
  await late
  expect(await isTaken(port)).toBe(false)
  await expect(faults.refuseConnections(false)).rejects.toThrow(/closed and takes no connections/)
  expect(await isTaken(port)).toBe(false)
})

test.each([
  [
    'throws',
    (): unknown => {
      throw new Error('a mistake of theirs')
    },
  ],
  [
    'rejects',
    async (): Promise<unknown> => {
      throw new Error('a mistake of theirs')
    },
  ],
])('An onError that %s becomes a warning', async (_, fail) => {
  const dataFile = await withDamage(
    "CREATE TRIGGER full BEFORE INSERT ON setting WHEN NEW.name = 'compactRevision' " +
      "BEGIN SELECT RAISE(ABORT, 'disk full'); END",
  )
  const errors: string[] = []
  const warned = once(process, 'warning')
  const onError = (error: Error): unknown => {
    errors.push(error.message)
    return fail()
  }
  const server = await startEmbeddedEtcd({ dataFile, onError })
  await expect(server.faults.compact()).rejects.toThrow('server stopped')
  const [warning] = (await warned) as [Error]
  expect(warning.message).toBe('onError of the embedded etcd threw: a mistake of theirs')
  expect(errors).toEqual([`The data file ${dataFile} cannot be written: disk full`])
  await server.close()
})
