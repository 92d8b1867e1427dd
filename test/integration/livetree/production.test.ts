import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEtcdClient } from '@livetree/etcd'
import { expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { oneEtcd } from '../../support/each-etcd.ts'
import { makeCertificates } from '../../support/make-certificates.ts'
import { runNode } from '../../support/run-node.ts'

const page = readFileSync(new URL('../../../docs/production.md', import.meta.url), 'utf8')

oneEtcd('docs/production.md', (etcd) => {
  test('the sample runs over TLS for a user with the role of the page, starts from its snapshot, and shows no secret', async () => {
    await using certificates = await makeCertificates()
    const server = await etcd.start({
      auth: { password: 'rootpw' },
      tls: { certificates, requireClient: true },
    })
    const auth = { username: 'root', password: 'rootpw' }
    const { ca, client } = certificates
    const tls = { ca: readFileSync(ca), cert: readFileSync(client.cert), key: readFileSync(client.key) }
    const root = createEtcdClient({ endpoints: [server.endpoint], auth, tls })
    onTestFinished(() => root.close())
    const [, role = '', prefix = ''] =
      /^etcdctl role grant-permission (\S+) --prefix=true read (\S+)$/m.exec(page) ?? []
    const { roles, users } = root.authAdmin
    await roles.add(role)
    await roles.grant(role, { access: 'read', range: { prefix } })
    await users.add('checkout', { password: 'pw' })
    await users.grantRole('checkout', role)
    await root.kv.put('/config/checkout/prod/db/password', 'hunter2-secret')
    await root.kv.put('/config/checkout/prod/db/poolSize', '30')

    const [, sample = ''] = /```ts\n([\s\S]*?)```/.exec(page) ?? []
    const snapshot = join(tmpdir(), `livetree-production-${process.pid}-${server.port}.snapshot`)
    const script = new URL(`./production-${process.pid}-${server.port}.ts`, import.meta.url)
    const ending = `
console.log(config.status.servedFrom, JSON.stringify(config.current), config.current.db.password.reveal().length)
await config.close()
`
    const code = sample
      .replace('/etc/etcd-tls/ca.crt', ca)
      .replace('/etc/etcd-tls/tls.crt', client.cert)
      .replace('/etc/etcd-tls/tls.key', client.key)
      .replace('/var/lib/checkout/config.snapshot', snapshot)
      .replace('timeoutMs: 10_000', 'timeoutMs: 3_000')
    expect(code).not.toContain('etcd-tls')
    writeFileSync(script, code + ending)
    onTestFinished(() => {
      rmSync(script)
      rmSync(snapshot, { force: true })
    })
    const variables = { ETCD_ENDPOINTS: server.endpoint, ETCD_PASSWORD: 'pw', SNAPSHOT_KEY: 'key' }
    const shown = '{"db":{"password":"[secret]","poolSize":30}} 14'
    const first = await runNode(script, variables)
    expect(first.output).toContain(`sources ${shown}`)
    expect(first.code).toBe(0)
    await server.kill()
    const second = await runNode(script, variables, 30_000)
    expect(second.output).toContain(`snapshot ${shown}`)
    expect(second.output).not.toContain('hunter2')
    expect(second.code).toBe(0)
  })
})

test('docs/production.md: the manifest is YAML, and the probes are those of the page', () => {
  const [, manifest = ''] = /```yaml\n([\s\S]*?)```/.exec(page) ?? []
  const { containers } = parse(manifest) as {
    containers: readonly Record<string, { httpGet?: { path: string } }>[]
  }
  const paths = ['startupProbe', 'readinessProbe', 'livenessProbe'].map(
    (name) => containers[0]?.[name]?.httpGet?.path,
  )
  expect(paths).toEqual(['/health/ready', '/health/ready', '/health/live'])
})
