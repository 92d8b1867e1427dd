import { createAdmin, type Preflight } from '@livetree/admin'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import {
  type ConfigDefinition,
  defineConfig,
  etcd,
  type EtcdSourceOptions,
  type LiveConfig,
  restart,
  secret,
} from 'livetree'
import { joinFleet, type JoinFleetOptions } from 'livetree/fleet'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import type { $ZodType } from 'zod/v4/core'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { watchFromNow } from '../../support/watch-from-now.ts'

withoutOpenHandles()

const shape = {
  port: restart(z.number()).default(80),
  pool: z.number().max(200).default(10),
  token: secret(z.string().min(8)).default('of the schema'),
  flags: z.record(z.string(), z.boolean()).default({}),
}
const shop = defineConfig({ name: 'shop', schema: z.object(shape) })
/** What an older version of the application takes. */
const older = defineConfig({
  name: 'shop',
  schema: z.object({ ...shape, pool: z.number().max(50).default(10) }),
})
const BASE = '/config/shop/base'
const PROD = '/config/shop/prod'

oneEtcd('preflight and verdicts', (etcdUnderTest) => {
  const prepare = async () => {
    const server = await etcdUnderTest.start()
    const { endpoint } = server
    const store = createEtcdClient({ endpoints: [endpoint] })
    onTestFinished(() => store.close())
    const admin = createAdmin(shop, {
      author: 'ana',
      store: { endpoints: [endpoint], root: '/config/shop', overlays: ['base', 'prod'] },
    })
    onTestFinished(() => admin.close())
    const join = async (
      id: string,
      definition: ConfigDefinition<$ZodType> = shop,
      options: JoinFleetOptions = {},
    ) => {
      const source = etcd({ endpoints: [endpoint], root: '/config/shop', overlays: ['base', 'prod'] })
      const config = await definition.load({ sources: [source], logger: false })
      onTestFinished(() => config.close())
      const member = await joinFleet(config, { id, ...options })
      await waitFor(() => member.status.written?.judgesProposals === 1, { what: `${id} to join` })
      return { config: config as unknown as LiveConfig<z.output<typeof shop.schema>>, member }
    }
    return { endpoint, store, admin, join }
  }
  const byId = ({ answers }: Preflight) =>
    Object.fromEntries(answers.map(({ instance, verdict }) => [instance.id, verdict]))
  /** Nothing of proposals stands any more, and no lease but those of instances and schemas. */
  const leftOf = (store: EtcdClient) =>
    Promise.all(['proposals', 'verdicts'].map((name) => store.kv.count({ prefix: `/.livetree/${name}/` })))

  test('every instance answers, by its own schema; nothing is written, and nothing stays', async () => {
    const { store, admin, join } = await prepare()
    await join('new')
    const { config } = await join('old', older, { labels: { zone: 'eu' } })
    const leases = (await store.lease.list()).length
    const change = admin.change({ overlay: 'prod' }).set((c) => c.pool, 100)
    const plan = await change.set((c) => c.port, 81).plan()
    const refused = await plan.preflight()
    expect(refused).toMatchObject({
      revision: plan.revision,
      outcome: 'rejected',
      hidden: [],
      unreadable: [],
    })
    expect(byId(refused)).toEqual({ new: 'accepted', old: 'rejected' })
    expect(refused.answers[0]).toMatchObject({ needsRestart: ['port'], issues: [] })
    expect(refused.answers[1]).toMatchObject({
      instance: { labels: { zone: 'eu' } },
      issues: [{ path: 'pool', keys: [`${PROD}/pool`] }],
    })
    expect(refused.answers[1]?.revision).toBeGreaterThanOrEqual(plan.revision)
    await expect(plan.preflight({ require: 'all' })).rejects.toMatchObject({
      code: 'fleet_rejected',
      message: expect.stringContaining('old'),
    })
    expect(await store.kv.count({ prefix: '/config/' })).toBe(0)
    expect(await leftOf(store)).toEqual([0, 0])
    expect(await store.lease.list()).toHaveLength(leases)

    // and what they said is what then happens
    const applied = await plan.apply()
    const verdicts = await applied.verdicts()
    expect(verdicts).toMatchObject({ revision: applied.revision, outcome: 'rejected' })
    expect(
      verdicts.answers.map(({ instance, verdict, needsRestart }) => [instance.id, verdict, needsRestart]),
    ).toEqual([
      ['new', 'applied', ['port']],
      ['old', 'rejected', []],
    ])
    expect(verdicts.answers[1]?.issues).toMatchObject([{ path: 'pool' }])
    await expect(applied.verdicts({ require: 'all' })).rejects.toMatchObject({ code: 'fleet_rejected' })
    expect(config.current.pool).toBe(10)

    const mended = await admin.set((c) => c.pool, 40, { overlay: 'prod' })
    expect((await mended.verdicts({ require: 'all' })).outcome).toBe('applied')
    expect(config.current.pool).toBe(40)
    // the earlier revision is in service with the later one
    expect((await applied.verdicts()).outcome).toBe('applied')
  })

  test('who is silent is named at the deadline, who leaves is not waited for, who cannot judge is said at once', async () => {
    const { endpoint, store, admin, join } = await prepare()
    await join('well')
    const leaving = await join('leaving', shop, { spreadMs: 30_000 })
    const client = createEtcdClient({ endpoints: [endpoint] })
    onTestFinished(() => client.close())
    await join('silent', shop, { client, ttlSeconds: 60 })
    await client.close()
    const record = await store.kv.get('/.livetree/instances/shop/well')
    const foreign = {
      ...(JSON.parse(record?.text ?? '{}') as object),
      name: 'other',
      id: 'ancient',
      judgesProposals: undefined,
    }
    await store.kv.put('/.livetree/instances/other/ancient', JSON.stringify(foreign))
    await store.kv.put('/.livetree/instances/other/newer', JSON.stringify({ version: 2 }))
    await store.kv.put('/.livetree/instances/other/junk', Buffer.from([0xff, 0x00]))
    // a record at the key of another instance
    await store.kv.put('/.livetree/instances/other/forged', record?.text ?? '')
    const elsewhere = { ...foreign, id: 'elsewhere', layers: [{ prefix: '/config/shop/production' }] }
    await store.kv.put('/.livetree/instances/other/elsewhere', JSON.stringify(elsewhere))

    const plan = await admin
      .change({ overlay: 'prod' })
      .set((c) => c.pool, 20)
      .plan()
    const asking = plan.preflight({ timeoutMs: 8_000 })
    await waitFor(async () => (await leftOf(store))[0] === 1, { what: 'the proposal' })
    await leaving.member.leave()
    const result = await asking
    expect(byId(result)).toEqual({ ancient: 'unjudged', well: 'accepted', leaving: 'gone', silent: 'silent' })
    expect(result.answers[0]?.reason).toBe('cannot')
    expect(result.outcome).toBe('incomplete')
    expect(result.unreadable).toEqual(
      ['forged', 'junk', 'newer'].map((name) => `/.livetree/instances/other/${name}`),
    )
    await expect(plan.preflight({ timeoutMs: 500, require: 'all' })).rejects.toMatchObject({
      code: 'fleet_incomplete',
    })
    expect(await leftOf(store)).toEqual([0, 0])

    const applied = await plan.apply()
    const verdicts = await applied.verdicts({ timeoutMs: 1_000 })
    expect(verdicts.outcome).toBe('incomplete')
    expect(verdicts.answers.map(({ instance, verdict }) => [instance.id, verdict])).toContainEqual([
      'silent',
      'pending',
    ])
    await expect(applied.verdicts({ timeoutMs: 200, require: 'all' })).rejects.toMatchObject({
      code: 'fleet_incomplete',
      message: expect.stringContaining('silent'),
    })
  })

  test('no proposal holds the text of a secret, and the answer says that it was not judged', async () => {
    const { store, admin, join } = await prepare()
    await join('one')
    const seen: string[] = []
    const watcher = await watchFromNow(store, { prefix: '/.livetree/' }, ({ events }) => {
      seen.push(...events.map(({ text }) => text))
    })
    onTestFinished(() => watcher.cancel())
    const change = admin.change({ overlay: 'prod' }).set((c) => c.token, 'hunter2-hunter2')
    const plan = await change.set((c) => c.pool, 20).plan()
    const result = await plan.preflight()
    expect(result).toMatchObject({ outcome: 'accepted', hidden: ['token'] })
    await waitFor(() => seen.some((text) => text.includes('"accepted"')), { what: 'the verdict' })
    expect(seen.join()).toContain('isHidden')
    expect(JSON.stringify([seen, result])).not.toContain('hunter2')
    await plan.apply()
    // its removal has no text
    const removal = await admin.change({ overlay: 'prod' }).unset('token').plan()
    expect(await removal.preflight()).toMatchObject({ outcome: 'accepted', hidden: [] })
  })

  test('an instance of another definition, with the layer at another place or inside another one, is asked too', async () => {
    const { endpoint, store, admin } = await prepare()
    const endpoints = [endpoint]
    const load = async (definition: ConfigDefinition<$ZodType>, options: EtcdSourceOptions) => {
      const config = await definition.load({ sources: [etcd(options)], logger: false })
      onTestFinished(() => config.close())
      const member = await joinFleet(config, { id: definition.name })
      await waitFor(() => member.status.written?.judgesProposals === 1, { what: 'an instance to join' })
    }
    const mounted = z.object({ shop: z.object({ pool: z.number().max(30).default(1) }).default({ pool: 1 }) })
    await load(defineConfig({ name: 'mounted', schema: mounted }), {
      endpoints,
      layers: [{ prefix: PROD, at: 'shop' }],
    })
    const whole = z.object({ prod: z.object({ pool: z.number().default(1) }).default({ pool: 1 }) })
    await load(defineConfig({ name: 'whole', schema: whole }), { endpoints, root: '/config/shop' })
    const foreign = z.object({ pool: z.number().default(1) })
    await load(defineConfig({ name: 'foreign', schema: foreign }), {
      endpoints,
      root: '/config/shop',
      overlays: ['base'],
    })

    const plan = await admin
      .change({ overlay: 'prod' })
      .set((c) => c.pool, 40)
      .plan()
    const result = await plan.preflight()
    expect(byId(result)).toEqual({ mounted: 'rejected', whole: 'accepted' })
    expect(result.answers[0]?.issues).toMatchObject([{ path: 'shop.pool' }])
    expect(await leftOf(store)).toEqual([0, 0])
    // a plan over several layers
    const both = await admin.import(JSON.stringify({ pool: 20, port: 90 }), { overlay: 'base' })
    expect(byId(await both.preflight())).toEqual({ foreign: 'accepted', whole: 'accepted' })
  })

  test('the permission for a removal is asked about as it would be applied', async () => {
    const { store, admin, join } = await prepare()
    for (let index = 0; index < 40; index++) await store.kv.put(`${BASE}/flags/f${index}`, 'true')
    const { config } = await join('one')
    expect(Object.keys(config.current.flags)).toHaveLength(40)
    const plan = await admin.change({ overlay: 'base' }).unset('flags').plan()
    expect(plan.needsAllowRemoval).toBe(true)
    const refused = await plan.preflight()
    expect(refused.answers[0]).toMatchObject({ verdict: 'rejected', issues: [{ code: 'guard' }] })
    expect((await plan.preflight({ allowRemoval: true })).outcome).toBe('accepted')
    const applied = await plan.apply({ allowRemoval: true })
    expect((await applied.verdicts()).outcome).toBe('applied')
  })

  test('nobody is asked about nothing, or where nobody is; secrets cannot be told without a schema', async () => {
    const { endpoint, store, admin, join } = await prepare()
    const plan = await admin
      .change({ overlay: 'prod' })
      .set((c) => c.pool, 20)
      .plan()
    expect(await plan.preflight()).toMatchObject({ outcome: 'accepted', answers: [] })
    const applied = await plan.apply()
    expect(await applied.verdicts()).toMatchObject({ outcome: 'applied', answers: [] })
    await join('one')
    const empty = await admin
      .change({ overlay: 'prod' })
      .set((c) => c.pool, 20)
      .plan()
    expect(await empty.preflight()).toMatchObject({ outcome: 'accepted', answers: [] })
    await using untyped = createAdmin({
      store: { endpoints: [endpoint], root: '/config/shop', overlays: ['base', 'prod'] },
    })
    const blind = await untyped.change({ overlay: 'prod' }).set('pool', 20_000).plan()
    await expect(blind.preflight()).rejects.toMatchObject({ code: 'invalid_options' })
    for (const options of [{ timeoutMs: 60_000 }, { require: 'some' }, { wait: true }])
      await expect(plan.preflight(options as object)).rejects.toMatchObject({ code: 'invalid_options' })
    const flags = Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [`f${index}${'x'.repeat(6_000)}`, true]),
    )
    const large = await admin
      .change({ overlay: 'prod' })
      .set((c) => c.flags, flags)
      .plan()
    await expect(large.preflight()).rejects.toMatchObject({ code: 'too_large' })
    const stop = new AbortController()
    const aborted = (
      await admin
        .change({ overlay: 'prod' })
        .set((c) => c.pool, 30)
        .plan()
    ).preflight({ signal: stop.signal })
    stop.abort()
    await expect(aborted).rejects.toMatchObject({ code: 'aborted' })
    await waitFor(async () => (await leftOf(store)).join() === '0,0', { what: 'the proposal to go' })
  })

  test('of all that was written the newest revision counts, for each instance that of its own directories', async () => {
    const { store, admin, join } = await prepare()
    const { member } = await join('one')
    await join('other')
    expect(await admin.verdicts()).toMatchObject({ revision: 0, outcome: 'applied' })
    const applied = await admin.set((c) => c.pool, 20, { overlay: 'base' })
    await store.kv.put('/elsewhere', '1')
    const settled = await admin.verdicts()
    // the time is that of the waiting, and none is needed here
    expect((await admin.verdicts(undefined, { timeoutMs: 1 })).outcome).toBe('applied')
    expect((await applied.verdicts({ timeoutMs: 1 })).outcome).toBe('applied')
    const nobody = await admin
      .change({ overlay: 'base' })
      .set((c) => c.pool, 21)
      .plan()
    expect((await nobody.preflight({ timeoutMs: 1 })).outcome).toBe('incomplete')
    expect(settled).toMatchObject({ revision: applied.revision, outcome: 'applied' })
    expect(settled.answers.map(({ instance }) => instance.id)).toEqual(['one', 'other'])
    // what an admin removed has left a record
    const removed = await admin.unset((c) => c.pool, { overlay: 'base' })
    expect(await admin.verdicts()).toMatchObject({ revision: removed.revision, outcome: 'applied' })
    expect((await admin.verdicts(applied.revision)).outcome).toBe('applied')
    await expect(admin.verdicts(1_000_000)).rejects.toMatchObject({ code: 'not_found' })
    await store.kv.put(`${PROD}/pool`, '1000')
    expect(await admin.verdicts(undefined, { timeoutMs: 20_000 })).toMatchObject({ outcome: 'rejected' })
    await member.leave()
    expect((await admin.instances()).instances.map(({ id, verdict }) => [id, verdict])).toEqual([
      ['other', 'rejected'],
    ])
    // after a restore what is in service is of no revision of this store, and what was said before it is of another one
    const record = JSON.parse((await store.kv.get('/.livetree/instances/shop/other'))?.text ?? '') as object
    const say = (id: string, more: object) =>
      store.kv.put(`/.livetree/instances/shop/${id}`, JSON.stringify({ ...record, id, ...more }))
    const before = { verdict: 'applied', revision: 1_000_000, applied: 1_000_000 }
    await say('restored', { applied: 0 })
    await say('before', before)
    const asking = admin.verdicts(undefined, { timeoutMs: 500 })
    await say('before', before)
    expect((await asking).answers.map(({ instance, verdict }) => [instance.id, verdict])).toEqual([
      ['before', 'pending'],
      ['other', 'rejected'],
      ['restored', 'rejected'],
    ])
    // where nothing is known to be written, too
    await store.kv.delete(`${PROD}/pool`)
    await waitFor(async () => (await admin.verdicts(1)).answers[1]?.verdict === 'applied', {
      what: 'other to heal',
    })
    expect((await admin.verdicts(1)).answers[2]?.verdict).toBe('rejected')
  })
})
