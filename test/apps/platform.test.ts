import { readFileSync } from 'node:fs'
import { delimiter, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createEtcdClient } from '@livetree/etcd'
import { expect, test } from 'vitest'
import { runBounded } from '../../scripts/etcd/run-bounded.ts'
import { oneRealEtcd } from '../support/each-etcd.ts'
import { patientEnvironment } from '../support/patient-etcdctl.ts'
import { startProgram } from '../support/running-program.ts'

const folder = fileURLToPath(new URL('../../examples/platform/', import.meta.url))

const page = readFileSync(`${folder}README.md`, 'utf8')
/** What a person types, in the order of the table. */
const typed = [...page.matchAll(/^\| `(.+?)`/gm)].map(([, line = '']) => line)

/** The commands of the part about the fleet, with what they print, in which addresses and revisions differ. */
const [, ...commands] = (
  /## Three instances that answer[\s\S]*?```([\s\S]*?)```/.exec(page)?.[1] ?? ''
).split(/^\$ /m)

/** A service of the example, running until its standard input ends. */
const start = (script: string, env: NodeJS.ProcessEnv, ...args: readonly string[]) =>
  startProgram(process.execPath, [`src/${script}`, ...args], { cwd: folder, env })

/** What of an output does not differ from run to run. */
const settled = (output: string) =>
  output
    .replace(/ +/g, ' ')
    .replace(/\d+ (applied|rejected \d+)$|revision \d+|on \S+$/gm, 'N')
    .replace(/(-\d) \S+ [0-9a-f]{8} /g, '$1 HOST SCHEMA ')

oneRealEtcd('examples/platform', (etcd) => {
  test('a shared value changes both services, and neither reads what is the other’s', async () => {
    const server = await etcd.start()
    const env = { ...process.env, ETCD_ENDPOINTS: server.endpoint, NO_COLOR: '1' }
    const path = [dirname(server.etcdctlPath), dirname(process.execPath), process.env['PATH']].join(delimiter)
    const ofEtcdctl = {
      ...patientEnvironment,
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
    expect(await run('node src/set-up.ts')).toBe('4 roles, 2 users; auth is on')
    const auth = { username: 'root', password: 'root-password' }
    await using root = createEtcdClient({ endpoints: [server.endpoint], auth })

    const checkout = start('checkout.ts', env, 'checkout-1')
    const second = start('checkout.ts', env, 'checkout-2')
    const search = start('search.ts', env, 'search-1')
    await checkout.printed('checkout: EUR, a key, Redis on redis-1:6379')
    await search.printed('search: 20 a page, Redis on redis-1:6379')

    expect(typed).toHaveLength(6)
    const [shared, own, wrong, peekOther, peekShared, revoke] = typed
    await run(shared)
    const host = await root.kv.get('/config/shared/redis/host')
    for (const service of [checkout, second, search])
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
    expect(commands).toHaveLength(4)
    for (const command of commands) {
      const [line = '', ...output] = command.split('\n')
      const options = { cwd: folder, env: { ...env, ...ofEtcdctl, PATH: path }, timeoutMs: 60_000 }
      const { code, stdout } = await runBounded('sh', ['-c', `${line} 2>&1`], options)
      const shown = code === 0 ? stdout : `${stdout}[exit ${code}]`
      expect(settled(shown.trim())).toBe(settled(output.join('\n').trim()))
    }
    for (const service of [checkout, second, search]) await service.printed('Redis on redis-3:')
    const passed = await gate()
    expect(passed, passed.stderr).toMatchObject({ code: 0 })
    expect(passed.stdout).toMatch(/checkout +accepted.*search +accepted/s)

    const secret = '/config/checkout/payment/apiKey'
    expect(await run(peekOther)).toBe(`search may not read ${secret}: permission_denied`)
    expect(await run(peekShared)).toBe('search reads /config/shared/redis/host: redis-3')
    expect(await run(`node src/peek.ts checkout ${secret}`)).toBe(`checkout reads ${secret}: sk-4711`)
    expect([await checkout.end(), await second.end(), await search.end()]).toEqual([0, 0, 0])

    await run(revoke)
    const denied = start('search.ts', env)
    expect(await denied.ended()).not.toBe(0)
    expect(denied.output).toContain("role grant-permission <role> --prefix=true read '/config/shared/redis/'")
  })
})
