import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { AlarmAction, AlarmType, Maintenance } from '@livetree/etcd/wire'
import { defineConfig, etcd, type LiveConfig } from 'livetree'
import { joinFleet } from 'livetree/fleet'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { RawClient } from '../../contract/raw-client.ts'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'

withoutOpenHandles()

const shop = defineConfig({ name: 'shop', schema: z.object({ port: z.number().default(80) }), guard: false })
const PORT = '/config/shop/port'
const auth = { username: 'app', password: 'secret-of-app' }

/** Whatever becomes of the fleet, the application gets each change, and nothing of it is thrown. */
oneEtcd('joinFleet under faults: the configuration goes on', (etcdUnderTest) => {
  const thrown: unknown[] = []
  const keep = (error: unknown) => void thrown.push(error)
  const prepare = async (options: Parameters<typeof etcdUnderTest.start>[0] = {}) => {
    const server = await etcdUnderTest.start(options)
    process.on('unhandledRejection', keep)
    onTestFinished(() => {
      process.off('unhandledRejection', keep)
      expect(thrown.splice(0)).toEqual([])
    })
    return server
  }
  const clientTo = (endpoint: string, more: object = {}) => {
    const client = createEtcdClient({ endpoints: [endpoint], ...more })
    onTestFinished(() => client.close())
    return client
  }
  const open = async (endpoint: string, more: object = {}) => {
    const sources = [etcd({ endpoints: [endpoint], root: '/config/shop', ...more })]
    const config = await shop.load({ sources, logger: false })
    onTestFinished(() => config.close())
    const errors: unknown[] = []
    config.on('error', (error) => errors.push(error))
    return { config, errors }
  }
  const swaps = async (
    config: LiveConfig<{ port: number }>,
    store: EtcdClient,
    ...ports: readonly number[]
  ) => {
    for (const port of ports) {
      await store.kv.put(PORT, String(port))
      await waitFor(() => config.current.port === port, { what: `the port to be ${port}` })
    }
  }

  test('the operations range is forbidden, and allowed later', async () => {
    const { endpoint } = await prepare({ auth: { password: 'secret-of-root' } })
    const root = clientTo(endpoint, { auth: { username: 'root', password: 'secret-of-root' } })
    const { roles, users } = root.authAdmin
    await roles.add('app')
    await roles.grant('app', { access: 'read', range: { prefix: '/config/shop/' } })
    await users.add('app', { password: 'secret-of-app' })
    await users.grantRole('app', 'app')
    const { config, errors } = await open(endpoint, { auth })
    const member = await joinFleet(config)
    await waitFor(() => member.status.lastError !== undefined, { what: 'the refusal' })
    expect(member.status).toMatchObject({ state: 'joining', lastError: { code: 'permission_denied' } })
    await swaps(config, root, 81, 82)
    expect(errors).toEqual([])
    expect(config.status.state).toBe('live')
    for (const directory of ['instances', 'schemas'])
      await roles.grant('app', { access: 'readWrite', range: { prefix: `/.livetree/${directory}/` } })
    await waitFor(() => member.status.state === 'joined', {
      what: 'joining once it is allowed',
      timeoutMs: 40_000,
    })
    expect(await root.kv.count({ prefix: '/.livetree/instances/shop/' })).toBe(1)
    expect(await root.kv.count({ prefix: '/.livetree/schemas/' })).toBeLessThanOrEqual(1)
  })

  test('the store is full', async () => {
    const { endpoint } = await prepare()
    const store = clientTo(endpoint)
    await store.kv.put(PORT, '81')
    await store.kv.put('/config/shop/other', '1')
    const { config, errors } = await open(endpoint)
    const raw = new RawClient(endpoint)
    onTestFinished(() => raw.close())
    const { header } = await raw.call(Maintenance.status, {})
    const alarm = (action: number) =>
      raw.call(Maintenance.alarm, { action, alarm: AlarmType.noSpace, memberId: header?.memberId ?? 0n })
    await alarm(AlarmAction.activate)
    const member = await joinFleet(config)
    await waitFor(() => member.status.lastError !== undefined, { what: 'the refusal' })
    expect(member.status).toMatchObject({ state: 'joining', lastError: { code: 'no_space' } })
    // what a full store takes is deletions
    await store.kv.delete(PORT)
    await waitFor(() => config.current.port === 80, { what: 'the deletion' })
    expect(errors).toEqual([])
    await alarm(AlarmAction.deactivate)
    await waitFor(() => member.status.state === 'joined', {
      what: 'joining once there is room',
      timeoutMs: 40_000,
    })
    await swaps(config, store, 83)
  })

  test('the store is slow, and then away, for the fleet: loading and swapping do not notice', async () => {
    const { endpoint } = await prepare()
    const store = clientTo(endpoint)
    const proxy = await startProxy({ target: endpoint })
    onTestFinished(() => proxy.close())
    const slow = clientTo(proxy.endpoint)
    const { config, errors } = await open(endpoint)
    proxy.delay(3_000)
    const startedAt = performance.now()
    const member = await joinFleet(config, { client: slow, ttlSeconds: 5 })
    // a second, and what a busy machine adds
    expect(performance.now() - startedAt).toBeLessThan(2_900)
    expect(member.status.state).toBe('joining')
    await swaps(config, store, 81, 82)
    proxy.heal()
    await waitFor(() => member.status.state === 'joined', { what: 'joining', timeoutMs: 40_000 })

    await proxy.refuse()
    proxy.cutAll()
    await swaps(config, store, 83, 84)
    await waitFor(() => member.status.state === 'joining', {
      what: 'the lease to be lost',
      timeoutMs: 40_000,
    })
    await swaps(config, store, 85)
    await waitFor(async () => (await store.kv.get(member.key)) === undefined, {
      what: 'the record to go',
      timeoutMs: 40_000,
    })
    await proxy.accept()
    await waitFor(() => member.status.state === 'joined', { what: 'joining again', timeoutMs: 60_000 })
    const record = JSON.parse((await store.kv.get(member.key))?.text ?? '{}') as { applied?: number }
    expect(record.applied).toBe(config.revision)
    expect(errors).toEqual([])
    await proxy.refuse()
    proxy.cutAll()
    const leavingAt = performance.now()
    await member.leave()
    expect(performance.now() - leavingAt).toBeLessThan(10_000)
  }, 180_000)

  test('what the application does meanwhile ends well: twice, after close, left while it joins', async () => {
    const { endpoint } = await prepare()
    const store = clientTo(endpoint)
    const { config } = await open(endpoint)
    const [one, two] = await Promise.all([joinFleet(config), joinFleet(config)])
    await waitFor(() => [one, two].every(({ status }) => status.state === 'joined'), { what: 'both' })
    const joining = joinFleet(config, { id: 'short' })
    await config.close()
    expect((await joining).status.state).toBe('left')
    expect((await joinFleet(config)).status.state).toBe('left')
    await waitFor(async () => (await store.kv.count({ prefix: '/.livetree/instances/' })) === 0, {
      what: 'all to leave',
    })
    await expect(joinFleet({} as never)).rejects.toMatchObject({ code: 'invalid_options' })
    await expect(joinFleet(config, { labels: { a: 1 } } as never)).rejects.toThrow('joinFleet() got labels')
    await expect(joinFleet(config, { source: 'other' })).rejects.toThrow('no etcd source named "other"')
  })

  test('what is written for operators is no configuration: each report would be a change that is reported', async () => {
    const { endpoint } = await prepare()
    const { config } = await open(endpoint)
    const layer = '/config/shop'
    for (const operationsPrefix of [layer, `${layer}/`, `${layer}/ops`, `${layer}/ops/`, '/config', '/'])
      await expect(joinFleet(config, { operationsPrefix })).rejects.toThrow(
        /invalid_options.*shares keys with the layer .*beside all layers/,
      )
    const member = await joinFleet(config, { operationsPrefix: `${layer}-ops` })
    expect(member.status.state).toBe('joined')
  })
})
