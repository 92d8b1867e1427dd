import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { runBounded } from '../../scripts/etcd/run-bounded.ts'
import { eachEtcd } from '../support/each-etcd.ts'
import { startProgram } from '../support/running-program.ts'

const readme = readFileSync(new URL('../../packages/embedded/README.md', import.meta.url), 'utf8')
const lines = readme.split('\n').filter((line) => line.startsWith('curl '))
const hasCurl = spawnSync('curl', ['--version']).status === 0

eachEtcd('the lines of curl in the README of embedded', (etcd) => {
  test.runIf(hasCurl)('put, read and watch a key', async () => {
    const { endpoint } = await etcd.start()
    const [put = '', range = '', watch = '', ...more] = lines.map((line) =>
      line.replace('http://127.0.0.1:2379', endpoint).replace('curl ', 'curl -sS '),
    )
    expect(more).toEqual([])
    const run = async (line: string) => {
      const { code, stdout, stderr } = await runBounded('sh', ['-c', line])
      expect(code, stderr).toBe(0)
      return JSON.parse(stdout)
    }
    const watching = startProgram('sh', ['-c', `exec ${watch}`])
    await watching.printed('"created":true')
    expect((await run(put)).header.revision).toBe('2')
    const kv = {
      key: 'L2NvbmZpZy9wb3J0',
      value: 'ODA4MA==',
      create_revision: '2',
      mod_revision: '2',
      version: '1',
    }
    expect(await run(range)).toMatchObject({ kvs: [kv], count: '1' })
    await watching.printed(/"events".*\n/)
    expect(JSON.parse(watching.lines[1] ?? '')).toMatchObject({ result: { events: [{ kv }] } })
  })
})
