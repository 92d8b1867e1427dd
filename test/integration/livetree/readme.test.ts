import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createEtcdClient } from '@livetree/etcd'
import { expect, test } from 'vitest'
import { eachEtcd } from '../../support/each-etcd.ts'
import { runNode } from '../../support/run-node.ts'

eachEtcd('README.md', (etcd) => {
  test('the ten lines work when pasted', async () => {
    const server = await etcd.start()
    await using client = createEtcdClient({ endpoints: [server.endpoint] })
    await client.kv.put('/config/shop/greeting', 'Hello')
    const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')
    const pasted = /```ts\n([\s\S]*?)```/.exec(readme)![1]!
    expect(pasted).toContain("'http://127.0.0.1:2379'")
    const script = new URL(`./readme-${process.pid}-${server.port}.ts`, import.meta.url)
    const ending = '\nprocess.stdin.resume().on("end", () => config.close())\n'
    writeFileSync(script, pasted.replace('http://127.0.0.1:2379', server.endpoint) + ending)
    try {
      const { code, output } = await runNode(script, {}, 20_000, async (printed) => {
        await printed('Hello 10')
        await client.kv.put('/config/shop/pool/max', '20')
        await printed('pool 10 → 20')
        await client.kv.put('/config/shop/pool/max', 'ten')
        await printed('/config/shop/pool/max')
        await client.kv.put('/config/shop/pool/max', '25')
        await printed('pool 20 → 25')
      })
      expect(output).toContain('expected number')
      expect(code).toBe(0)
    } finally {
      rmSync(script)
    }
  })
})

eachEtcd('docs/sharing.md', (etcd) => {
  test('the sample runs for a user with the roles of the page, and no other', async () => {
    const server = await etcd.start({ auth: { password: 'rootpw' } })
    const auth = { username: 'root', password: 'rootpw' }
    await using root = createEtcdClient({ endpoints: [server.endpoint], auth })
    const page = readFileSync(new URL('../../../docs/sharing.md', import.meta.url), 'utf8')
    const grants = [...page.matchAll(/^etcdctl role grant-permission (\S+) --prefix=true read (\S+)$/gm)]
    expect(grants.map(([, role]) => role)).toEqual([
      'shared-redis',
      'shared-telemetry',
      'checkout',
      'zone-eu-1',
    ])
    await root.authAdmin.users.add('checkout', { password: 'pw' })
    for (const [, role = '', prefix = ''] of grants) {
      await root.authAdmin.roles.add(role)
      await root.authAdmin.roles.grant(role, { access: 'read', range: { prefix } })
      await root.authAdmin.users.grantRole('checkout', role)
    }
    await root.kv.put('/config/shared/redis/host', 'r1')
    await root.kv.put('/config/shared/telemetry/endpoint', 'http://traces')
    await root.kv.put('/config/checkout/base/payment/apiKey', 'sk-1')
    await root.kv.put('/config/zones/eu-1/redis/port', '6380')
    const [, sample = ''] = /```ts\n([\s\S]*?)```/.exec(page) ?? []
    expect(sample).toContain("'http://127.0.0.1:2379'")
    const script = new URL(`./sharing-${process.pid}-${server.port}.ts`, import.meta.url)
    const ending = '\nconsole.log(JSON.stringify(config.current))\nawait config.close()\n'
    writeFileSync(script, sample.replace('http://127.0.0.1:2379', server.endpoint) + ending)
    try {
      const { code, output } = await runNode(script, { ETCD_PASSWORD: 'pw' })
      expect(output).toContain('"redis":{"host":"r1","port":6380}')
      expect(output).not.toContain('sk-1')
      expect(code).toBe(0)
    } finally {
      rmSync(script)
    }
  })
})
