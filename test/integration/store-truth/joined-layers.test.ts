import { createEtcdClient, op } from '@livetree/etcd'
import { etcd as etcdSource } from 'livetree'
import { expect, test } from 'vitest'
import { Random } from '../../chaos/world/random.ts'
import { eachEtcd, type EtcdUnderTest, eachRealEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { isLongRun } from '../../support/run-length.ts'
import { startProxy } from '../../support/start-proxy.ts'
import {
  addReader,
  ALL_DIRECTORIES,
  connectRoot,
  fleetConfig,
  layersOf,
  type Directory,
  FleetReader,
  RandomWriter,
} from '../livetree/fleet-kit.ts'

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

interface Store {
  readonly endpoints: readonly string[]
  /** Takes a member away for a moment. */
  loseMember?(random: Random): Promise<void>
}

/**
 * Random transactions over all directories, read by users who may read only theirs, while connections are cut and the
 * store is compacted: every snapshot is the tree of one revision.
 */
async function holdsWhole(store: Store): Promise<void> {
  const random = new Random(SEED)
  // The first member is never lost, so that the writer knows what it wrote, and when.
  await using root = connectRoot(store.endpoints.slice(0, 1))
  for (const [user, directories] of Object.entries(READERS)) await addReader(root, user, directories)
  const writer = new RandomWriter(root, SEED)
  await using stack = new AsyncDisposableStack()
  const proxies = await Promise.all(store.endpoints.map((target) => startProxy({ target })))
  for (const proxy of proxies) stack.use(proxy)
  for (let count = 0; count < 20; count++) await writer.write()
  const readers = await Promise.all(
    Object.entries(READERS).map(([user, directories]) =>
      FleetReader.load(
        user,
        directories,
        proxies.map(({ endpoint }) => endpoint),
      ),
    ),
  )
  for (const { config } of readers) stack.use(config)
  let losing: Promise<void> | undefined
  const disturb = async () => {
    const kind = random.between(0, 9)
    const proxy = random.pick(proxies)
    if (kind < 3) proxy.cutAll()
    else if (kind < 5) proxy.delay(random.between(0, 5), random.pick(['toClient', 'toServer']))
    else if (kind < 6)
      await root.kv.compact(Math.max(1, writer.revision - random.between(0, 30))).catch(() => {})
    else if (kind < 7) losing ??= store.loseMember?.(random).finally(() => (losing = undefined))
    else proxy.heal()
  }
  while (writer.count < TRANSACTIONS) {
    await writer.write()
    if (random.between(0, 39) === 0) await disturb()
  }
  await losing
  for (const proxy of proxies) proxy.heal()
  await Promise.all(readers.map(({ config }) => config.refresh({ timeoutMs: 30_000 })))
  for (const reader of readers) {
    expect(reader.wrong(writer), `seed ${SEED}`).toEqual([])
    expect(reader.rejected).toEqual([])
    expect(JSON.stringify(reader.config.current)).toBe(writer.at(writer.revision, reader.directories))
    // Otherwise the run says little: most transactions touch what a reader reads.
    expect(reader.seen.length).toBeGreaterThan(TRANSACTIONS / 20)
  }
}

async function serverOf(etcd: EtcdUnderTest): Promise<Store> {
  const server = await etcd.start({ auth: { password: 'rootpw' } })
  return { endpoints: [server.endpoint] }
}

eachEtcd('layers under different permissions, joined by revision', (etcd) => {
  test(`no snapshot of ${TRANSACTIONS} random transactions shows half of one`, {
    timeout: TIMEOUT_MS,
  }, async () => {
    await holdsWhole(await serverOf(etcd))
  })
})

eachEtcd('layers of another store', (etcd) => {
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
    await write({ '/fleet/app/base/k': 'old', '/fleet/app/prod/k': 'old' })
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
    await write({ '/fleet/zones/eu/k': 'new' })
    while ((await write({ '/fleet/app/base/k': 'new', '/fleet/app/prod/k': 'new' })) <= known + 5);
    await proxy.accept()
    await config.refresh({ timeoutMs: 30_000 })
    expect([config.current.base, config.current.zone]).toEqual([{ k: 'new' }, { k: 'new' }])
    expect(seen).toEqual(['1 new new new'])
  })
})

eachRealEtcd('layers under different permissions, joined by revision, on a cluster', (etcd) => {
  test('a lost member tears no transaction', { timeout: TIMEOUT_MS }, async (context) => {
    if (!isLongRun) context.skip('runs with LIVETREE_LONG_TESTS=1')
    const cluster = await etcd.startCluster(3, { auth: { password: 'rootpw' } })
    await holdsWhole({
      endpoints: cluster.endpoints,
      loseMember: async (random) => {
        const member = random.pick(cluster.members.slice(1))
        await member.stop('SIGKILL')
        await member.restart()
      },
    })
  })
})
