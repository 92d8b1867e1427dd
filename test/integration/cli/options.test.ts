import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { CONFIG } from './support/checkout-config.ts'
import { makeWorkplace, type Workplace } from './support/livetree-process.ts'

oneEtcd('flags, variables and the configuration file', (etcd) => {
  let client: EtcdClient
  let place: Workplace

  beforeAll(async () => {
    const { endpoint } = await etcd.start()
    client = createEtcdClient({ endpoints: [endpoint] })
    vi.stubEnv('STORE', endpoint)
    place = makeWorkplace(CONFIG)
    await client.kv.put('/config/checkout/base/db/url', 'postgres://u:hunter2@db/shop')
    await client.kv.put('/config/twin/base/db/url', 'postgres://u:hunter3@db/twin')
    await client.kv.put('/config/twin/prod/db/pool/max', '70')
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    place.remove()
    await client.close()
  })

  const roots = [
    ['--root', ['--root', '/config/twin'], {}],
    ['LIVETREE_ROOT', [], { LIVETREE_ROOT: '/config/twin' }],
    ['--root over LIVETREE_ROOT', ['--root', '/config/twin'], { LIVETREE_ROOT: '/config/none' }],
    [
      '--overlays over LIVETREE_OVERLAYS',
      ['--overlays', 'base,prod'],
      { LIVETREE_ROOT: '/config/twin', LIVETREE_OVERLAYS: 'none' },
    ],
  ] as const

  test.each(roots)(
    '%s replaces the directory alone: schema, secrets, overlays and endpoints are those of the file',
    async (_, flags, env) => {
      const run = (...args: string[]) => place.run([...args, ...flags], { env })
      expect(await run('get', 'db.pool.max')).toMatchObject({ exitCode: 0, stdout: '70\n' })
      expect(await run('get', 'db.url')).toMatchObject({ exitCode: 0, stdout: '[secret]\n' })
      expect((await run('tree', '-o', 'json')).stdout).not.toContain('hunter3')
      const refused = await run('set', 'db.pool.max', 'ten', '--overlay', 'prod')
      expect(refused).toMatchObject({ exitCode: 5, stdout: '' })
      expect(refused.stderr).toContain('/config/twin/prod/db/pool/max')
      expect(await run('check')).toMatchObject({ exitCode: 0 })
      expect((await client.kv.get('/config/twin/prod/db/pool/max'))?.text).toBe('70')
    },
  )

  test('an empty variable counts as unset, whichever it is', async () => {
    const names = ['CONFIG', 'ROOT', 'OVERLAYS', 'ENDPOINTS', 'CACERT', 'CERT', 'KEY', 'USER', 'OUTPUT']
    const empty = [...names, 'TIMEOUT', 'OVERLAY', 'PASSWORD', 'AUTHOR'].map((name) => [
      `LIVETREE_${name}`,
      '',
    ])
    const etcdctl = ['ENDPOINTS', 'CACERT', 'CERT', 'KEY', 'USER', 'PASSWORD'].map((name) => [
      `ETCDCTL_${name}`,
      '',
    ])
    const env: Record<string, string> = Object.fromEntries([...empty, ...etcdctl])
    const got = await place.run(['get', 'db.url'], { env })
    expect(got, got.stderr).toMatchObject({ exitCode: 0, stdout: '[secret]\n' })
    const set = await place.run(['set', 'db.pool.max', '9', '--overlay', 'prod'], { env })
    expect(set, set.stderr).toMatchObject({ exitCode: 0 })
    const paths = await place.run(['complete', '--', 'get', 'db.po'], { env })
    expect(paths.stdout).toContain('db.pool.max')
  })

  test('a variable gives what no flag gives, and says its name where it is wrong', async () => {
    const env = { LIVETREE_OVERLAY: 'prod', LIVETREE_OUTPUT: 'json' }
    const set = await place.run(['set', 'db.pool.max', '8'], { env })
    expect(JSON.parse(set.stdout)).toMatchObject({ changes: [{ layer: '/config/checkout/prod' }] })
    const layer = ['--layer', '/config/checkout/base']
    const other = await place.run(['set', 'db.pool.max', '7', ...layer], { env })
    expect(JSON.parse(other.stdout)).toMatchObject({ changes: [{ layer: '/config/checkout/base' }] })
    const both = await place.run(['set', 'db.pool.max', '7', '--overlay', 'prod', ...layer])
    expect(both).toMatchObject({ exitCode: 64, stdout: '' })
    for (const [name, text, said] of [
      ['LIVETREE_TIMEOUT', 'soon', '10s, 500ms or 2m'],
      ['LIVETREE_OUTPUT', 'xml', 'table, json, yaml, ndjson'],
      ['LIVETREE_OVERLAYS', 'a,,b', 'separated by commas'],
    ] as const) {
      const run = await place.run(['get', 'db.pool.max'], { env: { [name]: text } })
      expect(run).toMatchObject({ exitCode: 64, stdout: '' })
      expect(run.stderr).toContain(name)
      expect(run.stderr).toContain(said)
    }
  })

  test('an empty flag is refused: a variable of a shell was not set', async () => {
    for (const flag of [
      '--root',
      '--config',
      '--overlays',
      '--endpoints',
      '--cacert',
      '--user',
      '--timeout',
    ]) {
      const run = await place.run(['get', 'db.pool.max', flag, ''])
      expect(run, flag).toMatchObject({ exitCode: 64, stdout: '' })
      expect(run.stderr).toContain(flag)
    }
  })

  test('the help names the variables', async () => {
    expect((await place.run(['--help'])).stdout).toContain('(env: LIVETREE_ROOT)')
    expect((await place.run(['set', '--help'])).stdout).toMatch(/\(env:\s+LIVETREE_OVERLAY\)/)
  })
})
