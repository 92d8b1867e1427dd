import { readFileSync } from 'node:fs'
import { delimiter, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createEtcdClient } from '@livetree/etcd'
import { expect, test } from 'vitest'
import { runBounded } from '../../scripts/etcd/run-bounded.ts'
import { oneRealEtcd } from '../support/each-etcd.ts'
import { startProgram } from '../support/running-program.ts'

const folder = fileURLToPath(new URL('../../examples/platform/', import.meta.url))

/** What a person types, in the order of the table. */
const typed = [...readFileSync(`${folder}README.md`, 'utf8').matchAll(/^\| `(.+?)`/gm)].map(
  ([, line = '']) => line,
)

/** A service of the example, running until its standard input ends. */
const start = (script: string, env: NodeJS.ProcessEnv) =>
  startProgram(process.execPath, [`src/${script}`], { cwd: folder, env })

oneRealEtcd('examples/platform', (etcd) => {
  test('a shared value changes both services, and neither reads what is the other’s', async () => {
    const server = await etcd.start()
    const env = { ...process.env, ETCD_ENDPOINTS: server.endpoint, NO_COLOR: '1' }
    const path = [dirname(server.etcdctlPath), dirname(process.execPath), process.env['PATH']].join(delimiter)
    const ofEtcdctl = {
      ETCDCTL_API: '3',
      ETCDCTL_ENDPOINTS: server.endpoint,
      ETCDCTL_USER: 'root:root-password',
    }
    const run = async (line = '') => {
      const options = { cwd: folder, env: { ...env, ...ofEtcdctl, PATH: path }, timeoutMs: 30_000 }
      const { code, stdout, stderr } = await runBounded('sh', ['-c', line], options)
      expect(code, `${line}: ${stderr}`).toBe(0)
      return stdout.trim()
    }
    expect(await run('node src/set-up.ts')).toBe('3 roles, 2 users; auth is on')
    const auth = { username: 'root', password: 'root-password' }
    await using root = createEtcdClient({ endpoints: [server.endpoint], auth })

    const checkout = start('checkout.ts', env)
    const search = start('search.ts', env)
    await checkout.printed('checkout: EUR, a key, Redis on redis-1:6379')
    await search.printed('search: 20 a page, Redis on redis-1:6379')

    expect(typed).toHaveLength(6)
    const [shared, own, wrong, peekOther, peekShared, revoke] = typed
    await run(shared)
    const host = await root.kv.get('/config/shared/redis/host')
    for (const service of [checkout, search])
      await service.printed(`Redis on redis-2:6379 (revision ${host?.modRevision})`)

    await run(own)
    await checkout.printed('Redis on redis-2:6380')

    const before = checkout.output
    await run(wrong)
    await search.printed(/pageSize: .*expected number.*\/config\/search\/pageSize/)
    expect(search.output).not.toContain('6380')
    expect(checkout.output).toBe(before)
    expect(checkout.output).not.toContain('sk-4711')

    const gate = () => runBounded('./deploy-gate.sh', [], { cwd: folder, env, timeoutMs: 60_000 })
    const refused = await gate()
    expect(refused, refused.stderr).toMatchObject({ code: 5, stdout: '' })
    expect(refused.stderr).toMatch(/pageSize: .*received "many"\n +etcd: \/config\/search\/pageSize/)
    await root.kv.put('/config/search/pageSize', '25')
    const passed = await gate()
    expect(passed, passed.stderr).toMatchObject({ code: 0 })
    expect(passed.stdout).toMatch(/checkout +accepted.*search +accepted/s)

    const secret = '/config/checkout/payment/apiKey'
    expect(await run(peekOther)).toBe(`search may not read ${secret}: permission_denied`)
    expect(await run(peekShared)).toBe('search reads /config/shared/redis/host: redis-2')
    expect(await run(`node src/peek.ts checkout ${secret}`)).toBe(`checkout reads ${secret}: sk-4711`)
    expect([await checkout.end(), await search.end()]).toEqual([0, 0])

    await run(revoke)
    const denied = start('search.ts', env)
    expect(await denied.ended()).not.toBe(0)
    expect(denied.output).toContain("role grant-permission <role> --prefix=true read '/config/shared/redis/'")
  })
})
