import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createEtcdClient, type EtcdClient, op } from '@livetree/etcd'
import { defineConfig, etcd as etcdSource, type LivetreeError } from 'livetree'
import { beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { oneEtcd } from '../../support/each-etcd.ts'
import { makeCertificates } from '../../support/make-certificates.ts'
import { isLongRun } from '../../support/run-length.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'
import { waitFor } from '../../support/wait-for.ts'

const flags = defineConfig({
  name: 'flags',
  schema: z.object({
    features: z.record(z.string(), z.string()),
    pool: z.object({ max: z.number() }).default({ max: 1 }),
  }),
  guard: false,
})

const startup = { timeoutMs: 3_000 }

async function failureOf(loading: Promise<unknown>): Promise<LivetreeError> {
  return loading.then(
    () => expect.fail('load() should have rejected'),
    (error: LivetreeError) => error,
  )
}

describe('load: what cannot be reached', () => {
  test('nobody listens: says which endpoint, and to check whether etcd runs there', async () => {
    const source = etcdSource({ endpoints: ['http://127.0.0.1:1'], root: '/x' })
    const error = await failureOf(flags.load({ sources: [source], startup }))
    expect(error.message).toContain('http://127.0.0.1:1')
    expect(error.message).toMatch(/Is etcd running there/)
  })

  test('an HTTP server that is no etcd: says so at once', async () => {
    const server = createServer((_, response) => response.writeHead(404).end('<html>not here</html>'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const error = await failureOf(
      flags.load({ sources: [etcdSource({ endpoints: [endpoint], root: '/x' })], startup }),
    )
    server.close()
    expect(error.message).toContain(endpoint)
    expect(error.message).toMatch(/does not speak gRPC|speaks? (no|HTTP)|not_grpc/)
  })

  test.each([
    ['http://', /endpoint/i],
    ['ftp://127.0.0.1:2379', /endpoint/i],
    ['', /endpoint/i],
  ])('a wrong endpoint, %j, is refused where it is written', (endpoint, message) => {
    const make = async () =>
      flags.load({ sources: [etcdSource({ endpoints: [endpoint], root: '/x' })], startup })
    return expect(make()).rejects.toThrow(message)
  })

  test.each(['', '/', '//'])('a root of %j is refused: the whole store is no configuration', (root) => {
    expect(() => etcdSource({ endpoints: ['http://127.0.0.1:2379'], root })).toThrow(/root/)
  })

  test('overlays that are empty or given twice are refused', () => {
    const make = (overlays: string[]) => () =>
      etcdSource({ endpoints: ['http://127.0.0.1:2379'], root: '/x', overlays })
    expect(make(['base', '/'])).toThrow(/overlays\[1\]/)
    expect(make(['base', 'prod', 'base'])).toThrow(/overlays\[2\]/)
  })
})

describe('defineConfig', () => {
  test('two names that map to one key are refused with both names', () => {
    const schema = z.object({ http: z.object({ timeoutMs: z.number(), 'timeout-ms': z.number() }) })
    expect(() => defineConfig({ name: 'clash', schema, naming: 'kebab-case' })).toThrow(
      /"timeoutMs" and "timeout-ms" of "http"/,
    )
  })

  test('what no tree can hold is refused with its path', () => {
    const schema = z.object({ hooks: z.object({ start: z.function() as never }) })
    expect(() => defineConfig({ name: 'hooks', schema })).toThrow(/"hooks.start"/)
  })
})

oneEtcd('load: what the store refuses', (etcd) => {
  test('TLS where plain is spoken, and plain where TLS is', async () => {
    const certificates = await makeCertificates()
    const secure = await etcd.start({ tls: { certificates } })
    const plain = await etcd.start()
    const swap = (endpoint: string) =>
      endpoint.replace(/^https?/, (scheme) => (scheme === 'http' ? 'https' : 'http'))
    for (const server of [secure, plain]) {
      const endpoint = swap(server.endpoint)
      const error = await failureOf(
        flags.load({ sources: [etcdSource({ endpoints: [endpoint], root: '/x' })], startup }),
      )
      expect(error.message).toContain(endpoint)
      expect(error.message).toMatch(/https?:\/\//)
    }
  })

  test('a wrong password fails at once; it is not in the message', async () => {
    const server = await etcd.start({ auth: { password: 'right' } })
    const auth = { username: 'root', password: 'wrong-password' }
    const startedAt = performance.now()
    const source = etcdSource({ endpoints: [server.endpoint], root: '/x', auth })
    const error = await failureOf(flags.load({ sources: [source], startup: { timeoutMs: 20_000 } }))
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    expect(error.message).toMatch(/auth\.username|password/)
    expect(error.message).not.toContain('wrong-password')
  })

  test('a user who may read only part of the prefix is told so, not served half a tree', async () => {
    const server = await etcd.start({ auth: { password: 'right' } })
    await server.etcdctl(['role', 'add', 'half'])
    await server.etcdctl(['role', 'grant-permission', 'half', 'read', '/x/features/', '/x/features0'])
    await server.etcdctl(['user', 'add', 'app:secret-pw'])
    await server.etcdctl(['user', 'grant-role', 'app', 'half'])
    const auth = { username: 'app', password: 'secret-pw' }
    const source = etcdSource({ endpoints: [server.endpoint], root: '/x', auth })
    const error = await failureOf(flags.load({ sources: [source], startup: { timeoutMs: 20_000 } }))
    expect(error.message).toMatch(/permission/i)
    expect(error.message).not.toContain('secret-pw')
  })
})

oneEtcd('load: what the tree may hold', (etcd) => {
  let server: EtcdServer
  let client: EtcdClient
  let roots = 0
  beforeAll(async () => {
    server = await etcd.start()
    client = createEtcdClient({ endpoints: [server.endpoint] })
    return () => client.close()
  })
  const newRoot = () => `/bad/${++roots}`
  const load = (root: string, definition: typeof flags = flags) =>
    definition.load({
      sources: [etcdSource({ endpoints: [server.endpoint], root })],
      startup: { timeoutMs: 20_000 },
    })

  test('an empty prefix: the schema decides', async () => {
    await using config = await load(newRoot())
    expect(config.current).toEqual({ features: {}, pool: { max: 1 } })
  })

  test('a key that is document and directory names both keys, and heals when one goes', async () => {
    const root = newRoot()
    await client.kv.put(`${root}/pool/max`, '5')
    await using config = await load(root)
    await client.kv.put(`${root}/pool`, '{"max": 6}')
    await config.refresh()
    expect(config.status.rejected?.issues[0]).toMatchObject({ code: 'conflict', pathText: 'pool' })
    expect(config.status.rejected?.issues[0]?.message).toContain(`${root}/pool and ${root}/pool/max`)
    expect(config.current.pool.max).toBe(5)
    await client.kv.delete(`${root}/pool/max`)
    await config.refresh()
    expect(config.current.pool.max).toBe(6)
  })

  test('__proto__ and constructor as segments pollute nothing; what has no place is reported', async () => {
    const root = newRoot()
    await client.kv
      .txn()
      .then(
        op.put(`${root}/features/__proto__`, 'polluted'),
        op.put(`${root}/__proto__/polluted`, 'yes'),
        op.put(`${root}/features/constructor`, 'fine'),
      )
      .commit()
    await using config = await load(root)
    expect(config.current.features).toEqual({ constructor: 'fine' })
    expect(Object.getPrototypeOf(config.current.features)).toBe(Object.prototype)
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
    const keys = config.status.unused.map(({ origin }) => origin.key).sort()
    expect(keys).toEqual([`${root}/__proto__/polluted`, `${root}/features/__proto__`])
  })

  test('a key or value that is not UTF-8 is reported, by path and key', async () => {
    const root = newRoot()
    await client.kv.put(Buffer.concat([Buffer.from(`${root}/features/`), Buffer.of(0xff, 0xfe)]), 'x')
    await using config = await load(root)
    await client.kv.put(`${root}/features/%FF%FE`, 'x')
    await config.refresh()
    expect(config.status.unused).toMatchObject([
      { origin: { key: `${root}/features/%FF%FE` }, reason: expect.stringContaining('percent-encoded') },
      {
        origin: { key: `${root}/features/\\xFF\\xFE` },
        pathText: 'features/\\xFF\\xFE',
        reason: 'bytes that are not UTF-8 text, each shown as \\x and two digits',
      },
    ])
    await client.kv.delete(`${root}/features/%FF%FE`)
    await config.refresh()
    expect(config.status.unused).toMatchObject([{ origin: { key: `${root}/features/\\xFF\\xFE` } }])
    await client.kv.put(`${root}/features/bytes`, Buffer.of(0xff, 0xfe))
    await config.refresh()
    expect(config.status.rejected?.issues).toMatchObject([
      { code: 'unreadable', pathText: 'features.bytes', origins: [{ key: `${root}/features/bytes` }] },
    ])
    await client.kv.put(`${root}/features/bytes`, 'text')
    await config.refresh()
    expect(config.current.features.bytes).toBe('text')
  })

  test('segments with a slash or percent sign are percent-encoded', async () => {
    const root = newRoot()
    await client.kv.put(`${root}/features/a%2Fb%25`, 'x')
    await using config = await load(root)
    expect(config.current.features).toEqual({ 'a/b%': 'x' })
  })

  test('a directory marker is ignored', async () => {
    const root = newRoot()
    await client.kv
      .txn()
      .then(op.put(`${root}/features/`, ''), op.put(`${root}/features/a`, 'x'))
      .commit()
    await using config = await load(root)
    expect(config.current.features).toEqual({ a: 'x' })
    expect(config.status.unused).toEqual([])
  })

  test('a value of nearly 1.5 MiB comes through, at load and as a change', async () => {
    const root = newRoot()
    const large = 'x'.repeat(1.5 * 1024 * 1024 - 2_000)
    await client.kv.put(`${root}/features/large`, large)
    await using config = await load(root)
    expect(config.current.features.large).toBe(large)
    await client.kv.put(`${root}/features/large`, large.replaceAll('x', 'y'))
    await waitFor(() => config.current.features.large?.startsWith('y'))
  })

  const count = isLongRun ? 100_000 : 20_000
  test(`${count} keys load, and one of them changes`, async () => {
    const root = newRoot()
    const name = (index: number) => `${root}/features/key-${String(index).padStart(6, '0')}`
    for (let start = 0; start < count; start += 125) {
      await client.kv
        .txn()
        .then(
          ...Array.from({ length: 125 }, (_, index) => op.put(name(start + index), `value ${start + index}`)),
        )
        .commit()
    }
    await using config = await load(root)
    expect(Object.keys(config.current.features)).toHaveLength(count)
    await client.kv.put(name(77), 'another')
    await config.refresh()
    expect(config.current.features['key-000077']).toBe('another')
  })

  test('an async refinement is a clear error, when it can be seen, at load and later', async () => {
    const root = newRoot()
    const visible = z.object({ name: z.string().refine(async () => true) })
    expect(() => defineConfig({ name: 'async', schema: visible })).toThrow(/"name" has an async refinement/)
    const isThere = z.string().refine((text) => Promise.resolve(text !== ''))
    const definition = defineConfig({ name: 'async', schema: z.object({ name: isThere.optional() }) })
    await client.kv.put(`${root}/name`, 'x')
    const sources = () => [etcdSource({ endpoints: [server.endpoint], root })]
    const error = await failureOf(definition.load({ sources: sources(), startup: { timeoutMs: 20_000 } }))
    expect(error.message).toMatch(/name: .*await/)
    await client.kv.delete(`${root}/name`)
    await using config = await definition.load({ sources: sources() })
    await client.kv.put(`${root}/name`, 'x')
    await config.refresh()
    expect(config.status.rejected?.issues).toMatchObject([{ code: 'async_schema', pathText: 'name' }])
  })
})
