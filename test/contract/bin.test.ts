import { createServer } from 'node:net'
import { Auth, KV } from '@livetree/etcd/wire'
import { expect, onTestFinished, test } from 'vitest'
import { runBounded } from '../../scripts/etcd/run-bounded.ts'
import { put } from './contract-server.ts'
import { livetreeEtcd, ServerProcess } from './kill/server-process.ts'
import { RawClient } from './raw-client.ts'
import { refusal } from './refusal.ts'

const run = (...args: string[]) =>
  runBounded(process.execPath, [...livetreeEtcd, ...args], { timeoutMs: 20_000 })

test('livetree-etcd serves until SIGTERM, and ends with 0', async () => {
  const server = await ServerProcess.start([])
  const client = new RawClient(server.endpoint)
  onTestFinished(() => client.close())
  expect(await put(client, 'k', '1')).toBe(2)
  expect(await server.end('SIGTERM')).toBe(0)
})

test('livetree-etcd --root-password-env switches auth on', async () => {
  process.env.LIVETREE_TEST_PASSWORD = 'pw'
  onTestFinished(() => void delete process.env.LIVETREE_TEST_PASSWORD)
  const server = await ServerProcess.start(['--root-password-env=LIVETREE_TEST_PASSWORD'])
  onTestFinished(async () => void (await server.end('SIGTERM')))
  const client = new RawClient(server.endpoint)
  onTestFinished(() => client.close())
  expect((await refusal(client.call(KV.range, { key: 'k' }))).message).toBe('etcdserver: user name is empty')
  const { token } = await client.call(Auth.authenticate, { name: 'root', password: 'pw' })
  expect((await client.call(KV.range, { key: 'k' }, { token })).count).toBe(0)
})

test('livetree-etcd --help says what it is and what it takes', async () => {
  const { code, stdout, stderr } = await run('--help')
  expect([code, stderr]).toEqual([0, ''])
  for (const word of [
    '--port',
    '--host',
    '--data',
    '--auto-compaction-retention',
    '--root-password-env',
    'Production is an etcd cluster',
  ]) {
    expect(stdout).toContain(word)
  }
})

test.each([
  [
    '--port=x',
    /^livetree-etcd: --port x: expected a number from 0 to 65535\.\nSee livetree-etcd --help\.\n$/,
  ],
  ['--port=65536', /expected a number from 0 to 65535/],
  [
    '--auto-compaction-retention=1h',
    /-retention 1h: expected a number of revisions, such as 10000, or 0 to keep all/,
  ],
  ['--dada=x', /^livetree-etcd: Unknown option '--dada'/],
  ['--root-password-env=NOT_SET', /the environment variable NOT_SET is not set/],
])('livetree-etcd %s is refused with 2 and a word what to do', async (argument, said) => {
  const { code, stdout, stderr } = await run(argument)
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toMatch(said)
})

test('livetree-etcd says that its port is taken, or its file cannot be opened, and ends with 1', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void other.close())
  const { port } = other.address() as { port: number }
  const taken = await run(`--port=${port}`)
  expect(taken).toMatchObject({
    code: 1,
    stderr: `livetree-etcd: Port ${port} is in use. Stop what listens there, or choose another one with --port.\n`,
  })
  const unopened = await run('--port=0', '--data=/nowhere/at/all.db')
  expect(unopened.code).toBe(1)
  expect(unopened.stderr).toMatch(/^livetree-etcd: Cannot open the data file \/nowhere\/at\/all\.db: /)
})
