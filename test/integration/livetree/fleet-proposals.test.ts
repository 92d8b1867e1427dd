import { randomUUID } from 'node:crypto'
import { createEtcdClient, type EtcdClient, op } from '@livetree/etcd'
import { defineConfig, etcd, type LiveConfig, memory, restart, secret } from 'livetree'
import { type FleetMember, joinFleet, type JoinFleetOptions } from 'livetree/fleet'
import { OperationsKeys, type ProposalVerdict, readInstance, readVerdict } from 'livetree/operate'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'

withoutOpenHandles()

const shop = defineConfig({
  name: 'shop',
  schema: z
    .object({
      port: restart(z.number()).default(80),
      most: z.number().default(100),
      token: secret(z.string().min(8)),
      flags: z.record(z.string(), z.boolean()).default({}),
    })
    .refine(({ port, most }) => port < most, { message: 'port is not below most', path: ['port'] }),
  sources: () => [],
})
type Shop = z.output<typeof shop.schema>
const BASE = '/config/shop/base'
const PROD = '/config/shop/prod'
const keys = new OperationsKeys('/.livetree')

oneEtcd('proposals', (etcdUnderTest) => {
  const prepare = async () => {
    const server = await etcdUnderTest.start()
    const store = createEtcdClient({ endpoints: [server.endpoint] })
    onTestFinished(() => store.close())
    const seeded = await store.kv.put(`${BASE}/token`, 'the first secret')
    const join = async (options: JoinFleetOptions = {}, definition = shop) => {
      const source = etcd({ endpoints: [server.endpoint], root: '/config/shop', overlays: ['base', 'prod'] })
      const config = await definition.load({ sources: [source, memory({})], logger: false })
      onTestFinished(() => config.close())
      const member = await joinFleet(config, options)
      await waitFor(() => member.status.written?.judgesProposals === 1, { what: 'the instance to join' })
      return { config: config as LiveConfig<Shop>, member }
    }
    return { endpoint: server.endpoint, store, join, revision: seeded.header.revision }
  }

  interface Proposing {
    readonly layers?: readonly string[]
    readonly revision?: number
    readonly lease?: bigint
    readonly more?: object
  }
  /** Writes the parts of a proposal, by their layers. */
  const propose = async (
    store: EtcdClient,
    parts: Readonly<Record<string, readonly object[]>>,
    { revision = 1, lease, more = {} }: Proposing = {},
  ) => {
    const id = `0${randomUUID().slice(1)}`
    const layers = Object.keys(parts)
    const body = { version: 1, id, author: 'ana', at: new Date().toISOString(), revision, layers }
    const puts = Object.entries(parts).map(([layer, changes]) =>
      op.put(
        keys.proposal(layer, id),
        JSON.stringify({ ...body, changes, ...more }),
        lease === undefined ? {} : { lease },
      ),
    )
    await store.kv
      .txn()
      .then(...puts)
      .commit()
    return { id, layer: layers[0] ?? '' }
  }
  const verdictsOn = async (store: EtcdClient, { layer, id }: { layer: string; id: string }) => {
    const { entries } = await store.kv.getRange({ prefix: keys.verdicts(layer, id) })
    return entries.map(({ text }) => readVerdict(text))
  }
  const verdictOn = async (store: EtcdClient, proposal: { layer: string; id: string }) => {
    const found: (ProposalVerdict | undefined)[] = []
    await waitFor(
      async () => {
        found.splice(0, 9, ...(await verdictsOn(store, proposal)))
        return found.length > 0
      },
      { what: 'a verdict' },
    )
    const [verdict] = found
    if (verdict === undefined) throw new Error('the verdict is not readable')
    return verdict
  }
  const port = (text: string | null) => ({ key: `${PROD}/port`, text })

  test('an instance says what a change would come to, and nothing of it is seen or stays', async () => {
    const { store, join, revision } = await prepare()
    const { config, member } = await join({ id: 'pod/1' })
    const events: unknown[] = []
    for (const name of ['change', 'rejected', 'error'] as const)
      config.on(name, (event) => events.push(event))
    const record = await store.kv.get(member.key)
    expect(readInstance(record?.text ?? '')).toMatchObject({ record: { judgesProposals: 1 } })

    const good = await propose(store, { [PROD]: [port('81'), { key: `${PROD}/flags/fast`, text: 'true' }] })
    expect(await verdictOn(store, good)).toEqual({
      version: 1,
      name: 'shop',
      id: 'pod/1',
      verdict: 'accepted',
      revision: expect.any(Number),
      needsRestart: ['port'],
      at: expect.any(Number),
    })
    const bad = await propose(store, {
      [PROD]: [port('eighty'), { key: `${PROD}/flags/fast`, text: 'maybe' }],
    })
    expect(await verdictOn(store, bad)).toMatchObject({
      verdict: 'rejected',
      issues: [
        { path: 'port', keys: [`${PROD}/port`] },
        { path: 'flags.fast', keys: [`${PROD}/flags/fast`] },
      ],
    })
    const across = await propose(store, { [PROD]: [port('200')] })
    expect(await verdictOn(store, across)).toMatchObject({
      verdict: 'rejected',
      issues: [{ path: 'port', message: 'port is not below most' }],
    })
    const removal = await propose(store, { [BASE]: [{ key: `${BASE}/token`, text: null }] }, { revision })
    expect(await verdictOn(store, removal)).toMatchObject({
      verdict: 'rejected',
      issues: [{ path: 'token' }],
    })

    expect(config.current).toMatchObject({ port: 80, token: 'the first secret', flags: {} })
    expect(events).toEqual([])
    // the record of the instance has not moved
    expect((await store.kv.get(member.key))?.modRevision).toBe(record?.modRevision)
  })

  test('the parts of several layers are judged together, and answered once', async () => {
    const { store, join } = await prepare()
    await join()
    const changes = { [BASE]: [{ key: `${BASE}/most`, text: '1000' }], [PROD]: [port('200')] }
    const both = await propose(store, changes)
    expect(await verdictOn(store, both)).toMatchObject({ verdict: 'accepted' })
    const incomplete = await propose(
      store,
      { [BASE]: [{ key: `${BASE}/most`, text: '1000' }] },
      { more: { layers: [BASE, PROD] } },
    )
    const after = await propose(store, { [PROD]: [port('81')] })
    await verdictOn(store, after)
    expect(await verdictsOn(store, incomplete)).toEqual([])
    expect(await verdictsOn(store, { ...both, layer: PROD })).toEqual([])
  })

  test('a hidden text is not judged; what is wrong elsewhere is', async () => {
    const { store, join } = await prepare()
    await join()
    const hidden = { key: `${PROD}/token`, isHidden: true }
    const fine = await propose(store, { [PROD]: [hidden, port('81')] })
    expect(await verdictOn(store, fine)).toMatchObject({ verdict: 'accepted' })
    const bad = await propose(store, { [PROD]: [hidden, port('eighty')] })
    expect(await verdictOn(store, bad)).toMatchObject({ verdict: 'rejected', issues: [{ path: 'port' }] })
    // a function of the schema may have seen the old secret
    const unsure = await propose(store, { [PROD]: [hidden, port('200')] })
    expect(await verdictOn(store, unsure)).toMatchObject({ verdict: 'unjudged', reason: 'hidden' })
    // the change takes the secret from one layer to another
    const moved = await propose(store, { [BASE]: [{ key: `${BASE}/token`, text: null }], [PROD]: [hidden] })
    expect(await verdictOn(store, moved)).toMatchObject({ verdict: 'unjudged', reason: 'hidden' })
  })

  test('an issue about a secret does not show it, also where only this schema knows that it is one', async () => {
    const { store, join } = await prepare()
    await join()
    const leaky = await propose(store, { [PROD]: [{ key: `${PROD}/token`, text: 'hunter2' }] })
    const verdict = await verdictOn(store, leaky)
    expect(verdict).toMatchObject({ verdict: 'rejected', issues: [{ path: 'token' }] })
    expect(JSON.stringify(verdict)).not.toContain('hunter2')
  })

  test('waits for the revision that the change was worked out at, and says where it cannot get there', async () => {
    const { store, join } = await prepare()
    const { config } = await join()
    const { header } = await store.kv.put('/elsewhere', '1')
    const ahead = await propose(store, { [PROD]: [port('81')] }, { revision: header.revision })
    const verdict = await verdictOn(store, ahead)
    expect(verdict).toMatchObject({ verdict: 'accepted' })
    expect(verdict.revision).toBeGreaterThanOrEqual(header.revision)
    const never = await propose(store, { [PROD]: [port('81')] }, { revision: Number.MAX_SAFE_INTEGER })
    expect(await verdictOn(store, never)).toMatchObject({ verdict: 'unjudged', reason: 'behind' })
    expect(config.status.state).toBe('live')
  })

  test('removes much only where the proposal says that it is meant', async () => {
    const { store, join } = await prepare()
    const flags = Array.from({ length: 40 }, (_, index) => `${PROD}/flags/f${index}`)
    const puts = await store.kv
      .txn()
      .then(...flags.map((key) => op.put(key, 'true')))
      .commit()
    await join()
    const changes = { [PROD]: flags.map((key) => ({ key, text: null })) }
    const { revision } = puts.header
    const refused = await propose(store, changes, { revision })
    expect(await verdictOn(store, refused)).toMatchObject({
      verdict: 'rejected',
      issues: [{ code: 'guard' }],
    })
    const meant = await propose(store, changes, { revision, more: { allowsRemoval: true } })
    expect(await verdictOn(store, meant)).toMatchObject({ verdict: 'accepted' })
    // and the permission has not stayed
    const again = await propose(store, changes, { revision })
    expect(await verdictOn(store, again)).toMatchObject({ verdict: 'rejected' })
  })

  test('a newer version is said to be one; whatever else stands there is passed over', async () => {
    const { store, join } = await prepare()
    const { config, member } = await join()
    const errors: unknown[] = []
    config.on('error', (error) => errors.push(error))
    const junk = [
      'no JSON',
      '[]',
      '['.repeat(200_000),
      JSON.stringify({ version: 1, layers: [PROD] }),
      'x'.repeat(1_200_000),
      Buffer.from([0xff, 0xfe, 0x00]),
    ]
    for (const [index, text] of junk.entries())
      await store.kv.put(keys.proposal(PROD, `0000000${index}-0000-7000-8000-000000000000`), text)
    await store.kv.put(`${keys.proposals(PROD)}0-no-id`, 'x')
    await store.kv.put(
      keys.proposal('/config/shop/prod/0inside', '00000009-0000-7000-8000-000000000000'),
      'x',
    )
    const newer = await propose(store, { [PROD]: [] }, { more: { version: 2, changes: 'of another form' } })
    expect(await verdictOn(store, newer)).toMatchObject({ verdict: 'unjudged', reason: 'version' })
    const foreign = await propose(store, { [PROD]: [{ key: '/config/other/port', text: '1' }] })
    const last = await propose(store, { [PROD]: [port('81')] })
    expect(await verdictOn(store, last)).toMatchObject({ verdict: 'accepted' })
    expect(await verdictsOn(store, foreign)).toEqual([])
    expect(await store.kv.count({ prefix: keys.verdictsOf(PROD) })).toBe(2)
    expect(errors).toEqual([])
    expect(member.status).toMatchObject({ state: 'joined', lastError: undefined })
  })

  test('of a flood few are judged, and the application notices nothing', async () => {
    const { store, join } = await prepare()
    const { config } = await join({ spreadMs: 400 })
    const pad = 'x'.repeat(100_000)
    const proposals = await Promise.all(
      Array.from({ length: 150 }, () =>
        propose(store, { [PROD]: [port('81'), { key: `${PROD}/pad`, text: pad }] }),
      ),
    )
    for (const next of [81, 82, 83]) {
      await store.kv.put(`${PROD}/port`, String(next))
      await waitFor(() => config.current.port === next, { what: `the port to be ${next}` })
    }
    const standing = () => store.kv.count({ prefix: keys.verdictsOf(PROD) })
    await waitFor(async () => (await standing()) >= 4, { what: 'verdicts' })
    expect(await standing()).toBeLessThanOrEqual(32)
    const { entries } = await store.kv.getRange({ prefix: keys.verdictsOf(PROD) })
    const times = entries.map(({ text }) => readVerdict(text)?.at ?? 0).sort((a, b) => a - b)
    const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0))
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(400)
    for (const { layer, id } of proposals) await store.kv.delete(keys.proposal(layer, id))
    const last = await propose(store, { [PROD]: [port('85')] })
    expect(await verdictOn(store, last)).toMatchObject({ verdict: 'accepted' })
  })

  test('what the author of a proposal leaves behind, the instance deletes; the verdicts of a killed one go with its lease', async () => {
    const { endpoint, store, join } = await prepare()
    const client = createEtcdClient({ endpoints: [endpoint] })
    onTestFinished(() => client.close())
    await join()
    await join({ client, ttlSeconds: 2, id: 'killed' })
    const lease = await store.lease.grant({ ttlSeconds: 60 })
    const proposal = await propose(store, { [PROD]: [port('81')] }, { lease: lease.id })
    await waitFor(async () => (await verdictsOn(store, proposal)).length === 2, { what: 'both verdicts' })
    await client.close()
    await waitFor(async () => (await verdictsOn(store, proposal)).length === 1, {
      what: 'the verdict of the killed one to go',
      timeoutMs: 30_000,
    })
    await lease.revoke()
    await waitFor(async () => (await verdictsOn(store, proposal)).length === 0, {
      what: 'the other verdict to go',
      timeoutMs: 60_000,
    })
  })

  test('no verdict on a proposal that was taken back, and none is left by an instance that leaves', async () => {
    const { store, join } = await prepare()
    const { member } = await join({ spreadMs: 1_500 })
    const gone = await propose(store, { [PROD]: [port('81')] })
    await store.kv.delete(keys.proposal(PROD, gone.id))
    const stands = await propose(store, { [PROD]: [port('82')] })
    await verdictOn(store, stands)
    expect(await verdictsOn(store, gone)).toEqual([])
    await member.leave()
    expect(await store.kv.count({ prefix: '/.livetree/verdicts/' })).toBe(0)
    expect(await store.kv.count({ prefix: '/.livetree/instances/' })).toBe(0)
  })

  test('an instance that comes later finds what stands, and one without an etcd source judges nothing', async () => {
    const { endpoint, store, join } = await prepare()
    const stands = await propose(store, { [PROD]: [port('81')] })
    await join({ id: 'later' })
    expect(await verdictOn(store, stands)).toMatchObject({ id: 'later', verdict: 'accepted' })
    const client = createEtcdClient({ endpoints: [endpoint] })
    onTestFinished(() => client.close())
    await using config = await defineConfig({ name: 'plain', schema: z.object({}) }).load({
      sources: [memory({})],
      logger: false,
    })
    const member: FleetMember = await joinFleet(config, { client, layers: [{ prefix: PROD }] })
    await waitFor(() => member.status.state === 'joined', { what: 'the instance to join' })
    const record = readInstance((await store.kv.get(member.key))?.text ?? '')
    expect(record).toMatchObject({ type: 'instance' })
    expect(record).not.toHaveProperty('record.judgesProposals')
    await member.leave()
  })
})
