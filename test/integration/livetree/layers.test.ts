import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEtcdClient, type EtcdClient, op } from '@livetree/etcd'
import {
  defineConfig,
  env,
  etcd,
  type EtcdLayer,
  type LivetreeError,
  type LoadOptions,
  memory,
} from 'livetree'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { eachEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'

withoutOpenHandles()

const redis = z.object({ host: z.string(), port: z.number().default(6379) })
const checkout = defineConfig({
  name: 'checkout',
  schema: z.object({
    redis,
    cache: z.object({ redis: redis.optional() }).default({}),
    http: z.object({ port: z.number().default(80) }).default({ port: 80 }),
    flags: z.record(z.string(), z.string()).default({}),
    shared: z.record(z.string(), z.string()).default({}),
  }),
})

eachEtcd('layers of several prefixes', (etcdUnderTest) => {
  let server: EtcdServer
  let root: EtcdClient
  let tests = 0
  beforeAll(async () => {
    server = await etcdUnderTest.start({ auth: { password: 'rootpw' } })
    root = createEtcdClient({
      endpoints: [server.endpoint],
      auth: { username: 'root', password: 'rootpw' },
    })
    return () => root.close()
  })

  /** A directory of its own for the test, and a user who may read these directories below it, and nothing else. */
  const prepare = async (...readable: readonly string[]) => {
    tests += 1
    const at = `/layers/${tests}`
    const user = `app${tests}`
    const { roles, users } = root.authAdmin
    await roles.add(user)
    for (const each of readable)
      await roles.grant(user, { access: 'read', range: { prefix: `${at}/${each}/` } })
    await users.add(user, { password: 'pw' })
    await users.grantRole(user, user)
    const write = (leaves: Record<string, string | undefined>) =>
      root.kv
        .txn()
        .then(
          ...Object.entries(leaves).map(([key, text]) =>
            text === undefined ? op.delete(`${at}/${key}`) : op.put(`${at}/${key}`, text),
          ),
        )
        .commit()
    const source = (layers: readonly EtcdLayer[], endpoints = [server.endpoint]) =>
      etcd({
        endpoints,
        auth: { username: user, password: 'pw' },
        layers: layers.map((layer) => ({ ...layer, prefix: `${at}/${layer.prefix}` })),
      })
    const load = async (layers: readonly EtcdLayer[], options: LoadOptions = {}) => {
      const config = await checkout.load({
        sources: [source(layers)],
        startup: { timeoutMs: 20_000 },
        logger: false,
        ...options,
      })
      onTestFinished(() => config.close())
      return config
    }
    return { at, user, write, source, load }
  }

  const mounted = { prefix: 'shared/redis', at: 'redis' }
  const own = { prefix: 'checkout' }

  test('the document of an overlay is named by the key it is read from: with a slash at its end, or without', async () => {
    const at = `/layers/${++tests}`
    const prod = `${at}/prod`
    await root.kv.put(`${prod}/`, '{"flags":{"a":"1"}}')
    await using config = await checkout.load({
      sources: [
        memory({ redis: { host: 'r' } }),
        etcd({ client: root, root: at, overlays: ['base', 'prod'] }),
      ],
      logger: false,
    })
    const keyOf = () => config.explain('flags.a').layers[0]?.origin.key
    expect(keyOf()).toBe(`${prod}/`)
    // where there are both, the one without counts
    await root.kv.put(prod, '{"flags":{"a":"1"}}')
    await config.refresh()
    expect(keyOf()).toBe(prod)
    await root.kv.delete(prod)
    await config.refresh()
    expect(keyOf()).toBe(`${prod}/`)
    await root.kv.put(`${prod}/`, '{"redis":{"port":"many"}}')
    await config.refresh().catch(() => undefined)
    await waitFor(() => config.status.rejected !== undefined)
    expect(config.status.rejected?.issues[0]?.origins).toMatchObject([{ key: `${prod}/` }])
    await root.kv.put(`${prod}/`, '{"flags":{"a":"2"}}')
    await config.refresh()
    expect(config.current.flags).toEqual({ a: '2' })
  })

  test('a mounted layer is a part of the value, an own one overrides it, and each key is named as it is stored', async () => {
    const { at, write, load } = await prepare('shared/redis', 'checkout')
    await write({ 'shared/redis/host': 'r1', 'shared/redis/port': '1', 'checkout/redis/port': '2' })
    const config = await load([mounted, own])
    expect(config.current.redis).toEqual({ host: 'r1', port: 2 })
    expect(config.explain('redis.port').layers.map(({ origin }) => origin)).toMatchObject([
      { layer: `etcd:${at}/checkout`, key: `${at}/checkout/redis/port` },
      { layer: `etcd:${at}/shared/redis`, key: `${at}/shared/redis/port` },
    ])
    const changed = config.changed()
    await write({ 'shared/redis/host': 'r2', 'checkout/http/port': '81' })
    expect((await changed).changes.map(({ pathText }) => pathText).sort()).toEqual([
      'http.port',
      'redis.host',
    ])
    expect(config.current).toMatchObject({ redis: { host: 'r2', port: 2 }, http: { port: 81 } })
  })

  test('one directory at two places, and a part of another', async () => {
    const { write, load } = await prepare('shared')
    await write({ 'shared/redis/host': 'r1', 'shared/name': 'x' })
    const config = await load([
      { prefix: 'shared', at: 'shared', unused: 'ignore' },
      { prefix: 'shared/redis', at: ['redis', 'cache.redis'] },
    ])
    expect(config.current).toMatchObject({
      redis: { host: 'r1' },
      cache: { redis: { host: 'r1' } },
      shared: { name: 'x' },
    })
    await write({ 'shared/redis/host': 'r2', 'shared/name': 'y' })
    await config.refresh()
    expect(config.current).toMatchObject({
      redis: { host: 'r2' },
      cache: { redis: { host: 'r2' } },
      shared: { name: 'y' },
    })
  })

  test('keys that the schema does not know are reported of own layers, and not of mounted ones', async () => {
    const { at, write, load } = await prepare('shared/redis', 'checkout')
    await write({ 'shared/redis/host': 'r1', 'shared/redis/others': '1', 'checkout/redis/prot': '2' })
    const config = await load([mounted, own])
    expect(config.status.unused.map(({ origin }) => origin.key)).toEqual([`${at}/checkout/redis/prot`])
  })

  test('a place that the schema does not have is refused when loading, with the nearest one', async () => {
    const { load } = await prepare('shared/redis')
    await expect(load([{ prefix: 'shared/redis', at: 'rediss' }])).rejects.toThrow(
      /mounted at "rediss", which the schema does not have\. Did you mean "redis"\?/,
    )
  })

  test('environment variables are named by the schema, and win over a mounted layer', async () => {
    const { write, source } = await prepare('shared/redis', 'checkout')
    await write({ 'shared/redis/host': 'r1' })
    const sources = [
      source([mounted, { ...own, optional: true }]),
      env({ prefix: 'APP_', environment: { APP_REDIS__PORT: '9' } }),
    ]
    await using config = await checkout.load({ sources, logger: false })
    expect(config.current.redis).toEqual({ host: 'r1', port: 9 })
  })

  test('a range that may not be read is named, with the command that opens it', async () => {
    const { at, load } = await prepare('shared/redis')
    const error = (await load([mounted, own]).catch((thrown: unknown) => thrown)) as LivetreeError
    expect(error.message).toContain(
      `all keys that begin with ${at}/checkout/, which the user is not allowed to`,
    )
    expect(error.message).toContain(
      `etcdctl role grant-permission <role> --prefix=true read '${at}/checkout/'`,
    )
    expect(error.message).not.toContain(`read '${at}/shared`)
  })

  test('a permission that is taken away is named, what is served stays, and giving it back heals', async () => {
    const { at, user, write, source } = await prepare('shared/redis', 'checkout')
    await write({ 'shared/redis/host': 'r1' })
    await using proxy = await startProxy({ target: server.endpoint })
    const layers = [mounted, { ...own, optional: true }]
    await using config = await checkout.load({ sources: [source(layers, [proxy.endpoint])], logger: false })
    const range = { prefix: `${at}/shared/redis/` }
    await root.authAdmin.roles.revoke(user, range)
    await write({ 'shared/redis/host': 'r2' })
    proxy.cutAll()
    await expect(config.refresh({ timeoutMs: 20_000 })).rejects.toThrow(`read '${at}/shared/redis/'`)
    const lastError = () => config.status.sources[0]?.lastError?.message ?? ''
    // Until the ranges are listed again, the error is that of the stream, which names no range.
    const grant = `read '${at}/shared/redis/'`
    await waitFor(() => lastError().includes(grant), { timeoutMs: 20_000, what: 'the denial' })
    expect(lastError()).toContain('permission_denied')
    expect(config.current.redis.host).toBe('r1')
    await root.authAdmin.roles.grant(user, { access: 'read', range })
    await config.refresh({ timeoutMs: 20_000 })
    expect(config.current.redis.host).toBe('r2')
  })

  test('roles that change do not tear the watches of a running configuration apart', async () => {
    const { at, user, write, load } = await prepare('shared/redis', 'checkout')
    await write({ 'shared/redis/host': 'r0' })
    const config = await load([mounted, { ...own, optional: true }])
    for (let round = 1; round <= 3; round++) {
      // Every token is too old now, and with the history compacted everything is watched anew.
      await root.authAdmin.roles.grant(user, { access: 'read', range: { prefix: `${at}/more${round}/` } })
      const { header } = await write({ 'shared/redis/host': `r${round}`, 'checkout/redis/port': `${round}` })
      await root.kv.compact(header.revision)
      await config.refresh({ timeoutMs: 20_000 })
      expect(config.current.redis).toEqual({ host: `r${round}`, port: round })
    }
  })

  test('what is missing is asked for in the layer it belongs to', async () => {
    const { at, load } = await prepare('shared/redis', 'checkout')
    await expect(load([mounted, own])).rejects.toThrow(`Set ${at}/shared/redis/host`)
  })

  test('a directory that holds nothing is warned of, unless it is optional', async () => {
    const { at, write, load } = await prepare('shared/redis', 'checkout', 'zone')
    await write({ 'shared/redis/host': 'r1' })
    const warned: string[] = []
    const nothing = () => undefined
    const logger = {
      debug: nothing,
      info: nothing,
      error: nothing,
      warn: (text: string) => void warned.push(text),
    }
    await load([mounted, own, { prefix: 'zone', optional: true }], { logger })
    expect(warned).toHaveLength(1)
    expect(warned[0]).toContain(
      `reads the keys below ${at}/checkout/, and there is no key (a document of all of it stands at ${at}/checkout/, with the slash). Check how it is spelt`,
    )
  })

  test('a removal is allowed by the key of its own directory, and by no other', async () => {
    const { at, write, load } = await prepare('shared/redis', 'checkout')
    const flags = Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`checkout/flags/f${n}`, 'on']))
    await write({ 'shared/redis/host': 'r1', ...flags })
    const config = await load([mounted, own])
    await write(Object.fromEntries(Object.keys(flags).map((key) => [key, undefined])))
    await config.refresh()
    expect(Object.keys(config.current.flags)).toHaveLength(12)
    const [issue] = config.status.rejected?.issues ?? []
    expect(issue?.message).toContain(`etcdctl put ${at}/checkout/.livetree/allow-removal yes`)
    expect(issue?.message).not.toContain('shared')
    await write({ 'shared/redis/.livetree/allow-removal': 'yes' })
    await config.refresh()
    expect(config.status.rejected).toBeDefined()
    await write({ 'checkout/.livetree/allow-removal': 'yes' })
    await config.refresh()
    expect([config.status.rejected, config.current.flags]).toEqual([undefined, {}])
  })

  test('a restart comes to the same answer, and boots without the store', async () => {
    const { write, source, load } = await prepare('shared/redis', 'checkout')
    const folder = mkdtempSync(join(tmpdir(), 'livetree-layers-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const snapshot = { path: join(folder, 'snapshot'), intervalMs: 0 }
    const flags = Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`checkout/flags/f${n}`, 'on']))
    await write({ 'shared/redis/host': 'r1', ...flags })
    const before = await load([mounted, own], { snapshot })
    const { current } = before
    await before.close()
    await using without = await checkout.load({
      sources: [source([mounted, own], ['http://127.0.0.1:1'])],
      startup: { timeoutMs: 1_000, onUnavailable: 'snapshot' },
      snapshot,
      logger: false,
    })
    expect(without.current).toEqual(current)
    await without.close()
    // Away, the removal of one directory is allowed and that of the other is not.
    await write(Object.fromEntries(Object.keys(flags).map((key) => [key, undefined])))
    await write({ 'shared/redis/.livetree/allow-removal': 'yes' })
    const after = await load([mounted, own], {
      snapshot,
      startup: { timeoutMs: 20_000, onUnavailable: 'snapshot' },
    })
    await waitFor(() => after.status.rejected !== undefined)
    expect(after.current).toEqual(current)
    await write({ 'checkout/.livetree/allow-removal': 'yes' })
    await after.refresh()
    expect(after.current.flags).toEqual({})
  })

  test('layers below one directory are one watch, others one each, on one stream of a client', async () => {
    const { at, write } = await prepare()
    await write({ 'a/redis/host': 'r1' })
    const load = async (options: object) => {
      await using client = createEtcdClient({
        endpoints: [server.endpoint],
        auth: { username: 'root', password: 'rootpw' },
      })
      const sources = [etcd({ client, ...options } as Parameters<typeof etcd>[0])]
      await using config = await checkout.load({ sources, logger: false })
      expect(config.current.redis.host).toBe('r1')
      return client.watch.size
    }
    const overlays = ['a', 'b', 'c']
    expect(await load({ root: at, overlays })).toBe(1)
    const layers = overlays.map((name) => ({ prefix: `${at}/${name}`, optional: true }))
    expect(await load({ layers })).toBe(3)
    expect(await load({ layers: [{ prefix: at, at: 'shared' }, ...layers] })).toBe(1)
  })

  test('refresh resolves when every layer is as the store was', async () => {
    const { write, load } = await prepare('shared/redis', 'checkout')
    await write({ 'shared/redis/host': 'r0' })
    const config = await load([mounted, { ...own, optional: true }])
    for (let round = 1; round <= 20; round++) {
      await write({
        [`${round % 2 ? 'checkout/redis' : 'shared/redis'}/port`]: `${round}`,
        'shared/redis/host': `r${round}`,
      })
      await config.refresh()
      expect(config.current.redis.host).toBe(`r${round}`)
    }
  })
})
