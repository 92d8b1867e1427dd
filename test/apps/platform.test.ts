import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createEtcdClient } from '@livetree/etcd'
import { expect, onTestFinished, test } from 'vitest'
import { runBounded } from '../../scripts/etcd/run-bounded.ts'
import { guardChild } from '../support/child-guard.ts'
import { eachRealEtcd } from '../support/each-etcd.ts'
import { waitFor } from '../support/wait-for.ts'

const folder = fileURLToPath(new URL('../../examples/platform/', import.meta.url))

/** A service of the example, running until its standard input ends. */
function start(script: string, env: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, [`src/${script}`], { cwd: folder, env })
  const stopGuard = guardChild(child.pid!)
  const service = { output: '', exitCode: undefined as number | null | undefined }
  const take = (chunk: Buffer) => (service.output += chunk)
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  const ended = once(child, 'close').finally(stopGuard)
  void ended.then(() => (service.exitCode = child.exitCode))
  onTestFinished(() => void child.kill('SIGKILL'))
  const printed = (text: string | RegExp) =>
    waitFor(() => (typeof text === 'string' ? service.output.includes(text) : text.test(service.output)), {
      timeoutMs: 20_000,
      what: `${text} in what ${script} printed: ${service.output}`,
    })
  const end = async () => {
    child.stdin.end()
    await ended
    return child.exitCode
  }
  return { service, printed, end }
}

eachRealEtcd('examples/platform', (etcd) => {
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
    for (const { printed } of [checkout, search])
      await printed(`Redis on redis-2:6379 (revision ${header.revision})`)

    await root.kv.put('/config/checkout/redis/port', '6380')
    await checkout.printed('Redis on redis-2:6380')

    await root.kv.put('/config/search/pageSize', 'many')
    await search.printed(/pageSize: .*expected number.*\/config\/search\/pageSize/)
    expect(search.service.output).not.toContain('6380')
    expect(checkout.service.output).not.toContain('pageSize')
    expect(checkout.service.output).not.toContain('sk-4711')

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
    await waitFor(() => denied.service.exitCode !== undefined, { timeoutMs: 20_000 })
    expect(denied.service.exitCode).not.toBe(0)
    expect(denied.service.output).toContain(
      "role grant-permission <role> --prefix=true read '/config/shared/redis/'",
    )
  })
})
