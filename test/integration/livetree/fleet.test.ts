import { createEtcdClient, type EtcdClient, op } from '@livetree/etcd'
import { defineConfig, etcd, type LiveConfig, memory, restart, secret } from 'livetree'
import { type FleetMember, type InstanceRecord, joinFleet } from 'livetree/fleet'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'

withoutOpenHandles()

const shop = defineConfig({
  name: 'shop/eu',
  schema: z.object({
    port: restart(z.number()).default(80).describe('Where it listens'),
    token: secret(z.string().min(3)).default('of-the-schema'),
    flags: z.record(z.string(), z.boolean()).default({}),
  }),
})
const PROD = '/config/shop/prod'

oneEtcd('joinFleet', (etcdUnderTest) => {
  const prepare = async () => {
    const server = await etcdUnderTest.start()
    const store = createEtcdClient({ endpoints: [server.endpoint] })
    onTestFinished(() => store.close())
    const load = async (definition = shop): Promise<LiveConfig<z.output<typeof shop.schema>>> => {
      const source = etcd({ endpoints: [server.endpoint], root: '/config/shop', overlays: ['base', 'prod'] })
      const config = await definition.load({ sources: [source, memory({})], logger: false })
      onTestFinished(() => config.close())
      return config as LiveConfig<z.output<typeof shop.schema>>
    }
    return { endpoint: server.endpoint, store, load }
  }
  const recordOf = async (store: EtcdClient, { key }: FleetMember): Promise<InstanceRecord | undefined> => {
    const found = await store.kv.get(key)
    return found === undefined ? undefined : (JSON.parse(found.text) as InstanceRecord)
  }
  const until = async (
    store: EtcdClient,
    member: FleetMember,
    holds: (record: InstanceRecord) => boolean,
  ) => {
    let last: InstanceRecord | undefined
    await waitFor(
      async () => {
        last = await recordOf(store, member)
        return last !== undefined && holds(last)
      },
      { what: 'the record of the instance' },
    )
    if (last === undefined) throw new Error('there is no record')
    return last
  }

  test('an instance says what it is, and its schema stands beside it without secrets', async () => {
    const { store, load } = await prepare()
    await store.kv.put(`${PROD}/port`, '81')
    const config = await load()
    const member = await joinFleet(config, { id: 'pod/1', appVersion: '1.4.2', labels: { zone: 'eu-1' } })
    expect(member.key).toBe('/.livetree/instances/shop%2Feu/pod%2F1')
    const record = await until(store, member, () => true)
    expect(record).toMatchObject({
      version: 1,
      name: 'shop/eu',
      id: 'pod/1',
      appVersion: '1.4.2',
      labels: { zone: 'eu-1' },
      pid: process.pid,
      layers: [{ prefix: '/config/shop/base' }, { prefix: PROD }],
      verdict: 'applied',
      applied: config.revision,
      state: 'live',
      servedFrom: 'sources',
    })
    expect(record.revision).toBeGreaterThanOrEqual(config.revision)
    const schema = await store.kv.get(`/.livetree/schemas/${record.schema}`)
    const published = JSON.parse(schema?.text ?? '{}') as { version: number; schema: { properties: object } }
    expect(published).toMatchObject({
      version: 1,
      schema: {
        properties: { port: { description: 'Where it listens', default: 80 }, token: { writeOnly: true } },
      },
    })
    expect(schema?.text).not.toContain('of-the-schema')
    const { lease = 0n } = schema ?? {}
    expect((await store.lease.timeToLive(lease))?.ttlSeconds).toBeGreaterThan(29 * 86_400)
    expect(member.status).toMatchObject({ state: 'joined', written: record, lastError: undefined })
  })

  test('definitions of one shape that accept other values have schemas of their own', async () => {
    const { store, load } = await prepare()
    const strict = shop.schema.extend({ port: z.number().min(81).default(90) })
    const other = defineConfig({ name: 'shop/eu', schema: strict }) as unknown as typeof shop
    const members = [
      await joinFleet(await load()),
      await joinFleet(await load(other)),
      await joinFleet(await load()),
    ]
    const prints = await Promise.all(
      members.map(async (member) => (await until(store, member, () => true)).schema),
    )
    expect(prints[0]).not.toBe(prints[1])
    expect(prints[0]).toBe(prints[2])
    expect(await store.kv.count({ prefix: '/.livetree/schemas/' })).toBe(2)
  })

  test('says of every revision of its layers what became of it, also where nothing that is served differs', async () => {
    const { store, load } = await prepare()
    const config = await load()
    const member = await joinFleet(config)
    await until(store, member, () => true)
    const good = (await store.kv.put(`${PROD}/port`, '82')).header.revision
    await until(
      store,
      member,
      ({ verdict, revision, applied }) => verdict === 'applied' && revision >= good && applied >= good,
    )

    expect((await recordOf(store, member))?.needsRestart).toEqual(['port'])

    const shadowed = (await store.kv.put('/config/shop/base/port', '9')).header.revision
    await until(store, member, ({ verdict, revision }) => verdict === 'applied' && revision >= shadowed)
    expect(config.current.port).toBe(82)

    const writes = Array.from({ length: 60 }, (_, index) => op.put(`${PROD}/flags/f${index}`, 'perhaps'))
    const bad = await store.kv
      .txn()
      .then(op.put(`${PROD}/token`, 'xy'), ...writes)
      .commit()
    const rejected = await until(store, member, ({ verdict }) => verdict === 'rejected')
    expect(rejected.revision).toBeGreaterThanOrEqual(bad.header.revision)
    expect(rejected.applied).toBeLessThan(bad.header.revision)
    expect(rejected.issues?.length).toBeLessThanOrEqual(20)
    expect(Buffer.byteLength(JSON.stringify(rejected.issues))).toBeLessThanOrEqual(4_096)
    expect((rejected.issues?.length ?? 0) + (rejected.moreIssues ?? 0)).toBe(61)
    expect(rejected.issues?.map(({ path, keys }) => [path, keys])).toContainEqual([
      'flags.f0',
      [`${PROD}/flags/f0`],
    ])
    expect(JSON.stringify(rejected)).not.toContain('xy')

    const still = (await store.kv.put(`${PROD}/port`, '83')).header.revision
    await until(store, member, ({ verdict, revision }) => verdict === 'rejected' && revision >= still)
    await store.kv.deleteRange({ prefix: `${PROD}/flags/` })
    const healed = (await store.kv.put(`${PROD}/token`, 'long enough')).header.revision
    const record = await until(store, member, ({ verdict }) => verdict === 'applied')
    expect(record).not.toHaveProperty('issues')
    expect(record.applied).toBeGreaterThanOrEqual(healed)
  })

  test('writes once for many revisions, and nothing while nothing happens', async () => {
    const { store, load } = await prepare()
    const config = await load()
    const member = await joinFleet(config, { spreadMs: 400 })
    await until(store, member, () => true)
    const before = (await store.kv.get(member.key))?.version ?? 0
    let last = 0
    const startedAt = Date.now()
    for (let index = 0; index < 100; index++)
      last = (await store.kv.put(`${PROD}/port`, String(1_000 + index))).header.revision
    await until(store, member, ({ revision }) => revision >= last)
    const spentMs = Date.now() - startedAt
    const writes = ((await store.kv.get(member.key))?.version ?? 0) - before
    // one at most in each 400 ms
    expect(writes).toBeLessThanOrEqual(Math.ceil(spentMs / 400) + 1)
    // a write elsewhere moves the store's revision, and is none of its business
    const key = await store.kv.get(member.key)
    await store.kv.put('/elsewhere', '1')
    await config.refresh()
    await store.kv.put('/config/shop/unread/port', '1')
    await config.refresh()
    await expect
      .poll(async () => (await store.kv.get(member.key))?.modRevision, { interval: 200, timeout: 1_000 })
      .toBe(key?.modRevision)
  })

  test('of 60 instances each writes once for one change', async () => {
    const { store, load } = await prepare()
    const configs = await Promise.all(Array.from({ length: 60 }, () => load()))
    const members = await Promise.all(configs.map((config) => joinFleet(config)))
    for (const member of members) await until(store, member, () => true)
    const versions = async () => {
      const { entries } = await store.kv.getRange({ prefix: '/.livetree/instances/' })
      return new Map(entries.map(({ key, version }) => [String(key), version]))
    }
    const before = await versions()
    const { header } = await store.kv.put(`${PROD}/port`, '85')
    for (const member of members) await until(store, member, ({ applied }) => applied >= header.revision)
    const after = await versions()
    expect([...after].map(([key, version]) => version - (before.get(key) ?? 0))).toEqual(members.map(() => 1))
    await Promise.all(configs.map((config) => config.close()))
    expect(await store.kv.count({ prefix: '/.livetree/instances/' })).toBe(0)
  })

  test('has one lease for all members of a client, which ends with the last of them', async () => {
    const { store, load } = await prepare()
    const leases = new Set(await store.lease.list())
    const configs = [await load(), await load()]
    const [one, other] = await Promise.all(configs.map((config) => joinFleet(config)))
    if (one === undefined || other === undefined) throw new Error('two configurations make two members')
    await until(store, one, () => true)
    await until(store, other, () => true)
    const entries = await Promise.all([one, other].map(({ key }) => store.kv.get(key)))
    expect(entries[0]?.lease).toBe(entries[1]?.lease)
    // the other one holds the schema for 30 days
    expect((await store.lease.list()).filter((id) => !leases.has(id))).toHaveLength(2)
    await one.leave()
    expect(one.status.state).toBe('left')
    expect(await recordOf(store, one)).toBeUndefined()
    expect(await recordOf(store, other)).toBeDefined()
    // closing a configuration leaves, too
    await configs[1]?.close()
    expect(other.status.state).toBe('left')
    expect(await store.kv.count({ prefix: '/.livetree/instances/' })).toBe(0)
    expect((await store.lease.list()).filter((id) => !leases.has(id))).toHaveLength(1)
    await one.leave()
  })

  test('joins again under another lease when its own is lost, with what it says by then', async () => {
    const { store, load } = await prepare()
    const member = await joinFleet(await load(), { ttlSeconds: 2 })
    await until(store, member, () => true)
    const before = await store.kv.get(member.key)
    await store.lease.revoke(before?.lease ?? 0n)
    await store.kv.put(`${PROD}/port`, '84')
    await waitFor(async () => ![undefined, before?.lease].includes((await store.kv.get(member.key))?.lease), {
      what: 'another lease',
      timeoutMs: 30_000,
    })
    await waitFor(() => member.status.state === 'joined', { what: 'the member to know' })
  })

  test('a member whose process is gone is gone within its time to live', async () => {
    const { endpoint, store, load } = await prepare()
    const client = createEtcdClient({ endpoints: [endpoint] })
    onTestFinished(() => client.close())
    const member = await joinFleet(await load(), { client, ttlSeconds: 2 })
    await until(store, member, () => true)
    await client.close()
    await waitFor(async () => (await store.kv.get(member.key)) === undefined, {
      what: 'the record to go',
      timeoutMs: 30_000,
    })
    expect(member.status.state).toBe('joining')
  })

  test('a configuration without etcd joins with a client and layers of its own', async () => {
    const { endpoint, store } = await prepare()
    const client = createEtcdClient({ endpoints: [endpoint] })
    onTestFinished(() => client.close())
    await using config = await shop.load({ sources: [memory({ port: 5 })], logger: false })
    await expect(joinFleet(config)).rejects.toMatchObject({ code: 'invalid_options' })
    for (const wrong of [{ id: '\ud800' }, { layers: [{ prefix: 'x', at: 5 }] }])
      await expect(joinFleet(config, { client, ...(wrong as object) })).rejects.toMatchObject({
        code: 'invalid_options',
      })
    await using member = await joinFleet(config, {
      client,
      layers: [{ prefix: '/config/own', at: 'flags' }],
    })
    expect((await until(store, member, () => true)).layers).toEqual([{ prefix: '/config/own', at: 'flags' }])
  })
})
