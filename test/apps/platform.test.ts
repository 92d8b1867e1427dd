import { fileURLToPath } from 'node:url'
import { createEtcdClient } from '@livetree/etcd'
import { expect, test } from 'vitest'
import { runBounded } from '../../scripts/etcd/run-bounded.ts'
import { oneRealEtcd } from '../support/each-etcd.ts'
import { startProgram } from '../support/running-program.ts'

const folder = fileURLToPath(new URL('../../examples/platform/', import.meta.url))

/** A service of the example, running until its standard input ends. */
const start = (script: string, env: NodeJS.ProcessEnv) =>
  startProgram(process.execPath, [`src/${script}`], { cwd: folder, env })

oneRealEtcd('examples/platform', (etcd) => {
  test('a shared value changes both services, and neither reads what is the other’s', async () => {
    const server = await etcd.start()
    const env = { ...process.env, ETCD_ENDPOINTS: server.endpoint, NO_COLOR: '1' }
    const run = async (...args: readonly string[]) =>
      (await runBounded(process.execPath, args, { cwd: folder, env, timeoutMs: 30_000 })).stdout.trim()
    expect(await run('src/set-up.ts')).toBe('3 roles, 2 users; auth is on')
    const auth = { username: 'root', password: 'root-password' }
    await using root = createEtcdClient({ endpoints: [server.endpoint], auth })

    const checkout = start('checkout.ts', env)
    const search = start('search.ts', env)
    await checkout.printed('checkout: EUR, a key, Redis on redis-1:6379')
    await search.printed('search: 20 a page, Redis on redis-1:6379')

    const { header } = await root.kv.put('/config/shared/redis/host', 'redis-2')
    for (const service of [checkout, search])
      await service.printed(`Redis on redis-2:6379 (revision ${header.revision})`)

    await root.kv.put('/config/checkout/redis/port', '6380')
    await checkout.printed('Redis on redis-2:6380')

    await root.kv.put('/config/search/pageSize', 'many')
    await search.printed(/pageSize: .*expected number.*\/config\/search\/pageSize/)
    expect(search.output).not.toContain('6380')
    expect(checkout.output).not.toContain('pageSize')
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
    expect(await run('src/peek.ts', 'search', secret)).toBe(
      `search may not read ${secret}: permission_denied`,
    )
    expect(await run('src/peek.ts', 'search', '/config/shared/redis/host')).toBe(
      'search reads /config/shared/redis/host: redis-2',
    )
    expect(await run('src/peek.ts', 'checkout', secret)).toBe(`checkout reads ${secret}: sk-4711`)
    expect([await checkout.end(), await search.end()]).toEqual([0, 0])

    await root.authAdmin.roles.revoke('shared-redis', { prefix: '/config/shared/redis/' })
    const denied = start('search.ts', env)
    expect(await denied.ended()).not.toBe(0)
    expect(denied.output).toContain("role grant-permission <role> --prefix=true read '/config/shared/redis/'")
  })
})
