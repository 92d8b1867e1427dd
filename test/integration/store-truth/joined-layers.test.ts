import { createEtcdClient, op } from '@livetree/etcd'
import { etcd as etcdSource } from 'livetree'
import { expect, test } from 'vitest'
import { Random } from '../../chaos/world/random.ts'
import { clientEtcds, type EtcdUnderTest, eachRealEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { isLongRun } from '../../support/run-length.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { FleetFaults, type FaultyStore } from '../livetree/fleet-faults.ts'
import {
  addReader,
  ALL_DIRECTORIES,
  connectRoot,
  type Directory,
  fleetConfig,
  layersOf,
} from '../livetree/fleet-kit.ts'
import { FleetReader } from '../livetree/fleet-reader.ts'
import { RandomWriter } from '../livetree/random-writer.ts'

withoutOpenHandles()

/** Who may read what. Nobody may read the directory that contains them. */
const READERS: Readonly<Record<string, readonly Directory[]>> = {
  all: ALL_DIRECTORIES,
  app: ['/fleet/shared/redis', '/fleet/app/base', '/fleet/app/prod', '/fleet/zones/eu'],
  other: ['/fleet/shared/redis', '/fleet/shared/telemetry'],
}

const TRANSACTIONS = isLongRun ? 10_000 : 1_000
const TIMEOUT_MS = isLongRun ? 3_600_000 : 240_000
const SEED = Number(process.env['LIVETREE_SEED'] ?? Date.now() % 1_000_000)

interface Store extends Pick<FaultyStore, 'loseMember'> {
  readonly endpoints: readonly string[]
}

/** Random transactions over all directories, some of them invalid, read by users who may read only theirs. */
async function startFleet(store: Store, stack: AsyncDisposableStack) {
  const random = new Random(SEED)
  // The first member is never lost, so that the writer knows what it wrote, and when.
  const root = stack.use(connectRoot(store.endpoints.slice(0, 1)))
  for (const [user, directories] of Object.entries(READERS)) await addReader(root, user, directories)
  const writer = new RandomWriter(root, SEED)
  const proxies = await Promise.all(store.endpoints.map((target) => startProxy({ target })))
  for (const proxy of proxies) stack.use(proxy)
  const endpoints = proxies.map(({ endpoint }) => endpoint)
  for (let count = 0; count < 20; count++) await writer.write()
  await writer.correct()
  const readers = await Promise.all(
    Object.entries(READERS).map(([user, directories]) => FleetReader.load(user, directories, endpoints)),
  )
  for (const { config } of readers) stack.use(config)
  return { random, writer, readers, faults: new FleetFaults({ ...store, proxies, root, writer }, random) }
}

/**
 * While connections are cut and the store is compacted, every snapshot is the valid tree of one revision; an invalid one
 * is reported and not served, and the next good one takes its place. Returns how many of what there were.
 */
async function holdsWhole(store: Store): Promise<Readonly<Record<string, number>>> {
  await using stack = new AsyncDisposableStack()
  const { random, writer, readers, faults } = await startFleet(store, stack)
  const expectSettled = async () => {
    await faults.heal()
    await Promise.all(readers.map(({ config }) => config.refresh({ timeoutMs: 30_000 })))
    for (const reader of readers) expect(reader.unsettled(writer), `seed ${SEED}`).toBeUndefined()
  }
  while (writer.count < TRANSACTIONS) {
    await writer.write()
    if (random.chance(1 / 40)) await faults.next()
    if (random.chance(10 / TRANSACTIONS)) await expectSettled()
  }
  await writer.correct()
  await expectSettled()
  const good = readers.map(({ config }) => config.current)
  // Every user reads this directory.
  await writer.spoil('/fleet/shared/redis')
  await expectSettled()
  expect(readers.every(({ config }, index) => config.current === good[index])).toBe(true)
  await writer.correct()
  await expectSettled()
  for (const reader of readers) {
    expect(reader.wrong(writer), `seed ${SEED}`).toEqual([])
    // Otherwise the run says little: most transactions touch what a reader reads. One that all reject was written above.
    expect(reader.seen.length).toBeGreaterThan(TRANSACTIONS / 20)
    expect(reader.rejected.length).toBeGreaterThan(0)
  }
  const sum = (all: readonly (readonly unknown[])[]) => all.reduce((total, each) => total + each.length, 0)
  const [snapshots, rejections] = [sum(readers.map(({ seen }) => seen)), sum(readers.map((r) => r.rejected))]
  return { transactions: writer.count, snapshots, rejections, ...faults.counts }
}

/** The long form shows what it did; docs/chaos.md has the counts of a run. */
function show({ kind }: EtcdUnderTest, counts: Readonly<Record<string, number>>): void {
  if (isLongRun) console.log(`${kind}, seed ${SEED}: ${JSON.stringify(counts)}`)
}

async function serverOf(etcd: EtcdUnderTest): Promise<Store> {
  const server = await etcd.start({ auth: { password: 'rootpw' } })
  return { endpoints: [server.endpoint] }
}

clientEtcds('layers under different permissions, joined by revision', (etcd) => {
  test(`no snapshot of ${TRANSACTIONS} random transactions shows half of one`, {
    timeout: TIMEOUT_MS,
  }, async () => {
    show(etcd, await holdsWhole(await serverOf(etcd)))
  })
})

clientEtcds('layers of another store', (etcd) => {
  test('a wiped store of the same identity is a new epoch, and nothing of the two is mixed', async () => {
    const server = await etcd.start()
    const write = async (leaves: Record<string, string>) => {
      await using client = createEtcdClient({ endpoints: [server.endpoint] })
      const { header } = await client.kv
        .txn()
        .then(...Object.entries(leaves).map(([key, text]) => op.put(key, text)))
        .commit()
      return header.revision
    }
    // The directory of the zone is empty, so that nothing in it tells the stores apart.
    await write({ '/fleet/app/base/k': '1', '/fleet/app/prod/k': '1' })
    await using proxy = await startProxy({ target: server.endpoint })
    const layers = layersOf(['/fleet/app/base', '/fleet/app/prod', '/fleet/zones/eu'])
    const source = etcdSource({ endpoints: [proxy.endpoint], layers })
    await using config = await fleetConfig.load({ sources: [source], logger: false })
    const seen: string[] = []
    config.on('change', ({ epoch, next }) =>
      seen.push([epoch, next.base['k'], next.prod['k'], next.zone['k']].join(' ')),
    )
    const known = config.revision
    await proxy.refuse()
    proxy.cutAll()
    await server.restart({ emptyData: true, keepIdentity: true })
    await write({ '/fleet/zones/eu/k': '2' })
    while ((await write({ '/fleet/app/base/k': '2', '/fleet/app/prod/k': '2' })) <= known + 5);
    await proxy.accept()
    await config.refresh({ timeoutMs: 30_000 })
    expect([config.current.base, config.current.zone]).toEqual([{ k: 2 }, { k: 2 }])
    expect(seen).toEqual(['1 2 2 2'])
  })
})

eachRealEtcd('layers under different permissions, joined by revision, on a cluster', (etcd) => {
  test('a lost member tears no transaction', { timeout: TIMEOUT_MS }, async (context) => {
    if (!isLongRun) context.skip('runs with LIVETREE_LONG_TESTS=1')
    const cluster = await etcd.startCluster(3, { auth: { password: 'rootpw' } })
    const counts = await holdsWhole({
      endpoints: cluster.endpoints,
      loseMember: async (random) => {
        const member = random.pick(cluster.members.slice(1))
        await member.stop('SIGKILL')
        await member.restart()
      },
    })
    show(etcd, counts)
  })
})
