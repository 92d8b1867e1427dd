import { toJsonSchema } from '@livetree/core/tools'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { defineConfig, secret } from 'livetree'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { oneEtcd } from '../../support/each-etcd.ts'
import { type Certificates, makeCertificates } from '../../support/make-certificates.ts'
import { makeWorkplace, type Workplace } from './support/livetree-process.ts'

const HISTORY = '/.livetree/history/config/shop/'

oneEtcd('livetree with users, certificates and without code', (etcd) => {
  let place: Workplace
  beforeAll(() => {
    place = makeWorkplace(undefined)
    return () => place.remove()
  })

  describe('users who may not do everything', () => {
    let endpoint: string
    let root: EtcdClient
    beforeAll(async () => {
      const server = await etcd.start({ auth: { password: 'secret-of-root' } })
      endpoint = server.endpoint
      root = createEtcdClient({
        endpoints: [endpoint],
        auth: { username: 'root', password: 'secret-of-root' },
      })
      await root.kv.put('/config/shop/a', '1')
      const users = {
        reader: { '/config/shop/': 'read' },
        writer: { '/config/shop/': 'readWrite', [HISTORY]: 'readWrite' },
        half: { '/config/shop/': 'readWrite', [HISTORY]: 'read' },
        nobody: {},
      } as const
      for (const [name, ranges] of Object.entries(users)) {
        await root.authAdmin.roles.add(name)
        for (const [prefix, access] of Object.entries(ranges))
          await root.authAdmin.roles.grant(name, { access, range: { prefix } })
        await root.authAdmin.users.add(name, { password: `secret-of-${name}` })
        await root.authAdmin.users.grantRole(name, name)
      }
      return () => root.close()
    })
    const as = (user: string, args: readonly string[]) =>
      place.run([...args, '--endpoints', endpoint, '--root', '/config/shop', '--user', user], {
        env: { LIVETREE_PASSWORD: `secret-of-${user}` },
      })

    test('who may only read, reads; a write names the line that opens it', async () => {
      expect(await as('reader', ['get', 'a'])).toMatchObject({ exitCode: 0, stdout: '1\n' })
      const refused = await as('reader', ['set', 'a', '2'])
      expect(refused).toMatchObject({ exitCode: 7, stdout: '' })
      expect(refused.stderr).toContain(`grant-permission <role> --prefix=true readwrite ${HISTORY}`)
      expect((await root.kv.get('/config/shop/a'))?.text).toBe('1')
      const doctor = await as('reader', ['doctor'])
      expect(doctor).toMatchObject({ exitCode: 7, stdout: '' })
      expect(doctor.stderr).toContain(`--prefix=true read ${HISTORY}`)
    })

    test('who may write the layer but not its history is refused as a whole', async () => {
      const refused = await as('half', ['set', 'a', '2'])
      expect(refused).toMatchObject({ exitCode: 7, stdout: '' })
      expect(refused.stderr).toContain(`readwrite ${HISTORY}`)
    })

    test('who may write both, writes, and has a history', async () => {
      expect(await as('writer', ['set', 'b', '3'])).toMatchObject({ exitCode: 0 })
      expect((await as('writer', ['history'])).stdout).toContain('+ b  ')
      expect(await as('writer', ['doctor'])).toMatchObject({ exitCode: 0 })
    })

    test('who may not read the instances is told before anything is written', async () => {
      const listed = await as('writer', ['fleet'])
      expect(listed).toMatchObject({ exitCode: 7, stdout: '' })
      expect(listed.stderr).toContain('grant-permission <role> --prefix=true read /.livetree/instances/')
      expect(await as('writer', ['fleet', 'status'])).toMatchObject({ exitCode: 7, stdout: '' })
      const before = (await root.kv.get('/config/shop/b'))?.text
      const waiting = await as('writer', ['set', 'b', '4', '--wait'])
      expect(waiting).toMatchObject({ exitCode: 7, stdout: '' })
      expect(waiting.stderr).toContain('Nothing was written')
      const asking = await as('writer', ['set', 'b', '4', '--preflight'])
      expect(asking).toMatchObject({ exitCode: 64, stdout: '' })
      expect(asking.stderr).toContain('--preflight needs a schema')
      expect((await root.kv.get('/config/shop/b'))?.text).toBe(before)
      const offered = await as('writer', ['complete', '--', 'fleet', 'show', ''])
      expect(offered).toMatchObject({ exitCode: 0, stderr: '' })
    })

    test('who may nothing is given the line for reading; a wrong password is no secret that is shown', async () => {
      const refused = await as('nobody', ['tree'])
      expect(refused).toMatchObject({ exitCode: 7, stdout: '' })
      expect(refused.stderr).toContain('grant-permission <role> --prefix=true read /config/shop/')
      const watching = await as('nobody', ['watch'])
      expect(watching).toMatchObject({ exitCode: 7, stdout: '' })
      expect(watching.stderr).toContain(`grant-permission <role> --prefix=true read ${HISTORY}`)
      const args = ['tree', '--endpoints', endpoint, '--root', '/config/shop', '--user', 'root']
      const wrong = await place.run(args, { env: { LIVETREE_PASSWORD: 'hunter2' } })
      expect(wrong).toMatchObject({ exitCode: 7, stdout: '' })
      expect(wrong.stderr).not.toContain('hunter2')
      expect(wrong.stderr).not.toMatch(/auth\.(username|password)/)
      const asEtcdctl = await place.run(args.slice(0, -2), {
        env: { ETCDCTL_USER: 'reader:secret-of-reader' },
      })
      expect(asEtcdctl).toMatchObject({ exitCode: 0 })
    })
  })

  describe('certificates of clients', () => {
    let certificates: Certificates
    let endpoint: string
    beforeAll(async () => {
      certificates = await makeCertificates()
      const server = await etcd.start({ tls: { certificates, requireClient: true } })
      endpoint = server.endpoint
    })
    afterAll(() => certificates.close())

    test('by flags, and by the variables of etcdctl', async () => {
      const { ca, client } = certificates
      const base = ['--endpoints', endpoint, '--root', '/config/shop']
      const flags = ['--cacert', ca, '--cert', client.cert, '--key', client.key]
      expect(await place.run(['set', 'a', '1', ...base, ...flags])).toMatchObject({ exitCode: 0 })
      const env = {
        ETCDCTL_CACERT: ca,
        ETCDCTL_CERT: client.cert,
        ETCDCTL_KEY: client.key,
        ETCDCTL_ENDPOINTS: endpoint,
      }
      expect(await place.run(['get', 'a', '--root', '/config/shop'], { env })).toMatchObject({
        stdout: '1\n',
      })
      expect(await place.run(['doctor', ...base, ...flags])).toMatchObject({ exitCode: 0 })
    })

    test('doctor says what is wrong with them', async () => {
      etcd.needs('tlsAlert')
      const { ca, wrongCa, wrongClient } = certificates
      const doctor = async (flags: readonly string[], to = endpoint) => {
        const run = await place.run(['doctor', '--endpoints', to, '--root', '/config/shop', ...flags])
        expect(run).toMatchObject({ exitCode: 8, stdout: '' })
        return run.stderr
      }
      expect(await doctor([])).toContain('--cacert FILE')
      expect(await doctor(['--cacert', wrongCa])).toContain('--cacert FILE')
      expect(await doctor(['--cacert', ca])).toContain('--cert FILE and --key FILE')
      const foreign = ['--cacert', ca, '--cert', wrongClient.cert, '--key', wrongClient.key]
      expect(await doctor(foreign)).toContain('--cert FILE and --key FILE')
      expect(await doctor([], endpoint.replace('https:', 'http:'))).toMatch(/TLS|https/)
    })
  })

  describe('--root alone', () => {
    test('takes the schema that an instance published, and judges by it', async () => {
      const { endpoint } = await etcd.start()
      await using client = createEtcdClient({ endpoints: [endpoint] })
      const definition = defineConfig({
        name: 'shop',
        schema: z.object({ max: z.number().max(9).default(1), key: secret(z.string()).optional() }),
      })
      const { fingerprint } = definition
      const base = ['--endpoints', endpoint, '--root', '/config/shop']
      place.write('one.yaml', 'max: 17.0\n')
      const empty = await place.run(['diff', 'live', 'file:one.yaml', ...base])
      expect(empty, empty.stderr).toMatchObject({ exitCode: 0, stdout: '+ max  17\n' })
      await client.kv.put('/config/shop/max', '17')
      const digits = await place.run(['diff', 'live', 'file:one.yaml', ...base])
      expect(digits, digits.stderr).toMatchObject({ exitCode: 0, stdout: '~ max  17 → 17.0\n' })
      const untyped = await place.run(['set', 'max', '5', ...base])
      expect(untyped).toMatchObject({ exitCode: 0 })
      expect(untyped.stderr).toContain('values are text')
      const schema = toJsonSchema(definition)
      await client.kv.put(`/.livetree/schemas/${fingerprint}`, JSON.stringify({ version: 1, schema }))
      const instance = { version: 1, name: 'shop', schema: fingerprint, layers: [{ prefix: '/config/shop' }] }
      await client.kv.put('/.livetree/instances/shop/1', JSON.stringify(instance))
      const got = await place.run(['get', 'max', '-o', 'json', ...base])
      expect(got).toMatchObject({ exitCode: 0, stdout: '5\n', stderr: '' })
      const refused = await place.run(['set', 'max', '10', ...base])
      expect(refused).toMatchObject({ exitCode: 5, stdout: '' })
      expect(refused.stderr).toContain('/config/shop/max')
      expect(await place.run(['set', 'key', 'hunter2', ...base])).toMatchObject({ exitCode: 64, stdout: '' })
      expect(await place.run(['set', 'key', '@@x', ...base])).toMatchObject({ exitCode: 64 })
      expect(await place.run(['set', 'key', '-', ...base], { input: 'hunter2\n' })).toMatchObject({
        exitCode: 0,
      })
      expect((await place.run(['tree', ...base])).stdout).not.toContain('hunter2')
      expect((await place.run(['schema', 'print', ...base])).stdout).toContain('"maximum": 9')
    })

    test('and says so where there is neither code nor a root', async () => {
      const run = await place.run(['tree', '--config', '/dev/null'])
      expect(run).toMatchObject({ exitCode: 64, stdout: '' })
      expect(run.stderr).toContain('exports no definition')
    })
  })
})
