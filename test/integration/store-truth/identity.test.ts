import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEtcdClient, type EtcdClient, type EtcdError, op, type ReflectedList } from '@livetree/etcd'
import { etcd as etcdSource } from 'livetree'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { Random } from '../../chaos/world/random.ts'
import { type EtcdUnderTest, clientEtcds } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { isLongRun } from '../../support/run-length.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'
import { startProxy, type TcpProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'
import { anything, held, ThreeViews } from './three-views.ts'

withoutOpenHandles()

const key = (name: string) => `/t/all/${name}`

/** Writes keys in this order, so that the store has a history to be passed: the first ones each at a revision of its own. */
async function fill(client: EtcdClient, names: readonly string[], value: string): Promise<void> {
  for (const name of names.slice(0, 10)) await client.kv.put(key(name), value)
  for (let from = 10; from < names.length; from += 100) {
    const puts = names.slice(from, from + 100).map((name) => op.put(key(name), value))
    await client.kv
      .txn()
      .then(...puts)
      .commit()
  }
}

async function passRevision(client: EtcdClient, revision: number): Promise<void> {
  for (;;) {
    const { header } = await client.kv.put('/elsewhere', 'x')
    if (header.revision > revision) return
  }
}

async function revisionOf(client: EtcdClient): Promise<number> {
  return (await client.kv.getRange({ key: 'x' })).header.revision
}

/** How another store comes to stand behind the name of the one that is known. The proxy refuses meanwhile. */
const replacements = {
  /** The data are gone, and others were written past the known revision before anybody looks. */
  async wiped(server: EtcdServer, _etcd: EtcdUnderTest, past: number) {
    await server.restart({ emptyData: true, keepIdentity: true })
    await using client = createEtcdClient({ endpoints: [server.endpoint] })
    await fill(client, ['new', 'kept', 'changed'], 'of the new store')
    await passRevision(client, past)
    return undefined
  },
  /** The same keys in the same order, so that every revision and version agrees: only values differ. */
  async 'wiped and filled by the same script'(server: EtcdServer, _etcd: EtcdUnderTest, past: number) {
    await server.restart({ emptyData: true, keepIdentity: true })
    await using client = createEtcdClient({ endpoints: [server.endpoint] })
    await fill(client, FIRST_KEYS, 'second life')
    await passRevision(client, past)
    return undefined
  },
  /** Another server, with all that identifies the first, takes over the name; it went another way from an earlier revision on. */
  async swapped(_server: EtcdServer, _etcd: EtcdUnderTest, past: number, twin: EtcdServer | undefined) {
    await using client = createEtcdClient({ endpoints: [twin!.endpoint] })
    await client.kv.delete(key('changed'))
    await client.kv.put(key('new'), 'of the other')
    await passRevision(client, past)
    return twin
  },
} as const

const FIRST_KEYS = ['kept', 'changed', 'gone', ...Array.from({ length: 5 }, (_, index) => `more-${index}`)]
/** More than is remembered one by one. */
const MANY_KEYS = [...FIRST_KEYS, ...Array.from({ length: 150 }, (_, index) => `many-${index}`)]

/** A server with the data and the identity that another one has now. */
async function twinOf(server: EtcdServer, etcd: EtcdUnderTest): Promise<EtcdServer> {
  const twin = await etcd.start()
  await server.kill()
  await twin.restart({ dataFrom: server.dataDir })
  await server.restart()
  return twin
}

type Doing = 'idle' | 'resuming' | 'cut off' | 'a refresh pending'

async function open(etcd: EtcdUnderTest, names: readonly string[] = FIRST_KEYS) {
  const server = await etcd.start()
  const direct = createEtcdClient({ endpoints: [server.endpoint] })
  await fill(direct, names, 'first life')
  const proxy = await startProxy({ target: server.endpoint })
  const views = await ThreeViews.open([proxy.endpoint])
  onTestFinished(async () => {
    await views[Symbol.asyncDispose]()
    await proxy.close()
    await direct.close()
  })
  return { server, proxy, views, direct }
}

async function replaced(
  etcd: EtcdUnderTest,
  how: keyof typeof replacements,
  doing: Doing,
  names: readonly string[] = FIRST_KEYS,
) {
  const { server, proxy, views, direct } = await open(etcd, names)
  const twin = how === 'swapped' ? await twinOf(server, etcd) : undefined
  if (twin !== undefined) {
    // Known to all views, and to the first server alone: a view that has not seen it may follow either server.
    await waitFor(() => direct.kv.put(key('changed'), 'last word'))
    await waitFor(() =>
      [views.watched, views.synced, views.configured].every(
        (view) => view.get(key('changed')) === 'last word',
      ),
    )
  }
  if (doing === 'cut off') {
    await proxy.refuse()
    proxy.cutAll()
    await waitFor(() => views.watcher.state === 'connecting')
  }
  const past = (await revisionOf(direct)) + 20
  let refreshing: Promise<unknown> | undefined
  if (doing !== 'cut off') await proxy.refuse()
  if (doing === 'a refresh pending') {
    proxy.stall('toClient')
    refreshing = views.config.refresh({ timeoutMs: 30_000 })
  }
  if (doing === 'resuming') {
    // one attempt after the other meets a server that has just gone
    proxy.stall('toServer')
    await proxy.accept()
    proxy.cutAll()
    await waitFor(() => proxy.connections > 0)
    await proxy.refuse()
  }
  const other = await replacements[how](server, etcd, past, twin)
  if (other !== undefined) proxy.retarget(other.endpoint)
  proxy.heal()
  proxy.cutAll()
  await proxy.accept()
  await refreshing
  return { views, store: other ?? server, proxy }
}

const seed = Number(process.env['LIVETREE_IDENTITY_SEED'] ?? Date.now() % 1_000_000)
const RANDOM = new Random(seed)
const TWO_CLUSTERS_ON = RANDOM.pick(['3.4', 'current', 'embedded'] as const)

clientEtcds(`another store behind the same name (seed ${seed})`, (etcd) => {
  const doings: readonly Doing[] = ['idle', 'cut off', 'resuming', 'a refresh pending']
  const hows = Object.keys(replacements) as (keyof typeof replacements)[]

  // In the short run, one etcd has each replacement and each state of the client once, the others the quickest; and each
  // has two of the rest, drawn by the seed.
  const isMain = isLongRun || etcd.kind === 'current'
  const cases = hows.flatMap((how) => doings.map((doing) => [how, doing] as const))
  const quick = cases.filter(([how, doing]) =>
    isMain ? how === 'wiped' || doing === 'idle' : how !== 'swapped' && doing === 'idle',
  )
  const rest = RANDOM.shuffle(cases.filter((each) => !quick.includes(each)))
  const few = [...quick, ...rest.slice(0, 2)]
  // Two clusters are one etcd's turn, in two states.
  const someDoings = isLongRun ? doings : RANDOM.shuffle(doings).slice(0, 2)
  const hasTwoClusters = isLongRun || etcd.kind === TWO_CLUSTERS_ON

  test.each(isLongRun ? cases : few)(
    'T3.71 %s, while the client is %s: a new epoch, and nothing of the old one stays',
    async (how, doing) => {
      const { views, store } = await replaced(etcd, how, doing)
      const direct = connect(store.endpoint)
      await views.expectToHold(await held(direct), `${how}, ${doing}`)
      await waitFor(() => views.config.epoch === 1 && views.syncEpoch === 1 && views.watchEnd !== undefined)
      expect(views.watchEnd).toBe('cluster_changed')
      // and from there on, in the new epoch, as ever
      await direct.kv.put(key('after'), 'x')
      await waitFor(() => views.configured.has(key('after')) && views.synced.has(key('after')))
      expect([views.config.epoch, views.syncEpoch]).toEqual([1, 1])
    },
  )

  test.each(isLongRun ? hows : hows.filter((how) => (isMain ? how !== 'swapped' : how.includes('same'))))(
    'T3.71 %s, with more keys than are remembered',
    async (how) => {
      const { views, store } = await replaced(etcd, how, 'idle', MANY_KEYS)
      await views.expectToHold(await held(connect(store.endpoint)), how)
      await waitFor(() => views.config.epoch === 1 && views.syncEpoch === 1)
    },
  )

  const kinds = isMain ? ([undefined, 'puts', 'deletes'] as const) : [undefined]
  test.each(kinds)(
    'T3.71 wiped and filled past: seen by a watch alone, for %s, that was delivered nothing',
    async (only) => {
      const server = await etcd.start()
      const direct = connect(server.endpoint)
      await fill(direct, FIRST_KEYS, 'first life')
      const proxy = await startProxy({ target: server.endpoint })
      onTestFinished(() => proxy.close())
      const client = connect(proxy.endpoint)
      let end: string | undefined
      const onEnd = (error: EtcdError | undefined) => {
        end = error?.code ?? 'cancelled'
      }
      const handlers = { onEvents: () => undefined, onEnd }
      const watcher = client.watch.subscribe(
        { prefix: '/t/all/' },
        handlers,
        only === undefined ? {} : { only },
      )
      await waitFor(() => watcher.state === 'live')
      // The watch reads what its range holds before this is answered for the last time.
      for (let round = 0; round < 3; round += 1) await client.kv.getRange({ prefix: '/t/all/' })
      const past = await revisionOf(direct)
      await proxy.refuse()
      proxy.cutAll()
      await replacements['wiped and filled by the same script'](server, etcd, past + 5)
      await proxy.accept()
      await waitFor(() => end !== undefined)
      expect(end).toBe('cluster_changed')
    },
  )

  test('T3.71 wiped, filled past and compacted: listed again, though its history cannot be asked', async () => {
    const { server, proxy, views, direct } = await open(etcd)
    const past = await revisionOf(direct)
    await proxy.refuse()
    proxy.cutAll()
    await server.restart({ emptyData: true, keepIdentity: true })
    await using client = createEtcdClient({ endpoints: [server.endpoint] })
    await fill(client, ['new', 'kept'], 'of the new store')
    await passRevision(client, past + 5)
    await client.kv.compact(await revisionOf(client))
    await proxy.accept()
    await views.expectToHold(await held(client), 'compacted')
    // of what was never written again, the list shows that it is not what it was
    await waitFor(() => views.config.epoch === 1 && views.syncEpoch === 1)
  })

  test('T3.71 restored from a backup: an earlier term with a later revision, for sync as for a configuration', async () => {
    etcd.needs('snapshot')
    const { server, proxy, views, direct } = await open(etcd)
    const folder = mkdtempSync(join(tmpdir(), 'livetree-snapshot-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const snapshotFile = join(folder, 'snapshot.db')
    await server.saveSnapshot(snapshotFile)
    // a member that was restarted is in a later term; asked to stop, etcd 3.5 would wait seven seconds for its streams
    await server.kill()
    await server.restart()
    await waitFor(() => direct.kv.delete(key('gone')))
    await views.expectToHold(await held(direct), 'before')
    const past = await revisionOf(direct)
    await proxy.refuse()
    await server.restart({ snapshotFile, keepIdentity: true })
    await passRevision(direct, past + 5)
    proxy.cutAll()
    await proxy.accept()
    await views.expectToHold(await held(direct), 'restored')
    expect(views.synced.has(key('gone'))).toBe(true)
    await waitFor(() => views.config.epoch === 1 && views.syncEpoch === 1)
  })

  test('T3.71 the same store is recognized: cuts, restarts and frozen moments make no epoch', async () => {
    const { server, proxy, views, direct } = await open(etcd, MANY_KEYS)
    for (let round = 0; round < 4; round += 1) {
      proxy.cutAll()
      await direct.kv.put(key(`round-${round}`), 'x')
      if (round % 2 === 0) await direct.kv.delete(key(`many-${round}`))
      if (round === 3) {
        await server.kill()
        await server.restart()
      }
      await waitFor(() => direct.kv.put(key('changed'), `in ${round}`))
      await views.expectToHold(await held(direct), `round ${round}`)
    }
    expect([views.config.epoch, views.syncEpoch, views.watchEnd]).toEqual([0, 0, undefined])
    expect(views.syncBatches.some(({ isResync }) => isResync)).toBe(false)
  })

  test('P12 replaced while it is listed: no list is of two stores', async () => {
    const server = await etcd.start()
    const direct = connect(server.endpoint)
    const names = Array.from({ length: 600 }, (_, index) => `k${String(index).padStart(4, '0')}`)
    await fill(direct, names, 'old')
    const past = await revisionOf(direct)
    const proxy = await startProxy({ target: server.endpoint })
    onTestFinished(() => proxy.close())
    const isCut = proxy.cutAfter(12_000)
    const loading = anything.load({
      sources: [etcdSource({ endpoints: [proxy.endpoint], root: '/t', pageSize: 50 })],
      startup: { timeoutMs: 30_000 },
    })
    await isCut
    await proxy.refuse()
    proxy.cutAll()
    await server.kill()
    await server.restart({ emptyData: true, keepIdentity: true })
    await using client = createEtcdClient({ endpoints: [server.endpoint] })
    await fill(client, names, 'new')
    await passRevision(client, past + 5)
    await proxy.accept()
    const config = await loading
    onTestFinished(() => config.close())
    const seen: string[] = []
    const look = () => seen.push([...new Set(Object.values(config.current.all))].join(' and '))
    look()
    config.on('change', look)
    await waitFor(() => Object.values(config.current.all).every((value) => value === 'new'))
    expect(seen.filter((values) => values !== 'old' && values !== 'new')).toEqual([])
  })

  describe('P12 exchanged between a list and what is read of its past', () => {
    const follow = [{ prefix: '/t/all/' }, { prefix: '/elsewhere' }]
    const RANGES = {
      'one range': { ranges: [{ prefix: '/t/' }] },
      'joined ranges': { ranges: follow, follow },
    }
    const PASTS = {
      history: (list: ReflectedList, onRevision: (revision: number) => void) =>
        list.readHistory(list.revision - 10, ({ revision }) => onRevision(revision)),
      tree: (list: ReflectedList) => list.readPast(list.revision - 10, () => undefined),
    }
    let server: EtcdServer
    let twins: { readonly lower: EtcdServer; readonly higher: EtcdServer }

    /** A store and two that went on from the same data, one at lower revisions and one at higher ones. */
    beforeAll(async () => {
      server = await etcd.start()
      await using direct = createEtcdClient({ endpoints: [server.endpoint] })
      await fill(direct, FIRST_KEYS, 'of both')
      twins = { lower: await twinOf(server, etcd), higher: await twinOf(server, etcd) }
      await goOn(server, 20)
      await goOn(twins.lower, 2)
      await goOn(twins.higher, 40)
    })

    async function goOn({ endpoint }: EtcdServer, rounds: number): Promise<void> {
      await using client = createEtcdClient({ endpoints: [endpoint] })
      for (let round = 0; round < rounds; round += 1)
        await waitFor(() => client.kv.put(key('changed'), `${endpoint} ${round}`))
    }

    const cases = (['one range', 'joined ranges'] as const).flatMap((ranges) =>
      (['history', 'tree'] as const).flatMap((past) =>
        (['lower', 'higher'] as const).map((place) => [ranges, past, place] as const),
      ),
    )
    test.each(cases)('of %s, the %s, by a store at %s revisions', async (ranges, past, place) => {
      const twin = twins[place]
      const proxy = await startProxy({ target: server.endpoint })
      onTestFinished(() => proxy.close())
      const [lists, losses, told]: [number[], unknown[], number[]] = [[], [], []]
      let isExchanged = false
      const reflector = connect(proxy.endpoint).watch.reflect(RANGES[ranges], {
        onPage: () => undefined,
        onBatch: () => undefined,
        onList: ({ revision }) => lists.push(revision),
        onLost: (error) => losses.push(error?.code),
        onWhole: async (list) => {
          if (isExchanged) return
          isExchanged = true
          proxy.retarget(twin.endpoint)
          proxy.cutAll()
          await PASTS[past](list, (revision) => told.push(revision))
        },
      })
      onTestFinished(() => reflector.cancel())
      const newest = await revisionOf(connect(twin.endpoint))
      await waitFor(() => lists.length > 0)
      expect([lists, told]).toEqual([[newest], []])
      // The watch of the history is told to have lost its connection, at once.
      expect(losses).toEqual(
        past === 'tree'
          ? expect.arrayContaining(['cluster_changed'])
          : ['connection_lost', 'cluster_changed'],
      )
      await reflector.refresh()
    })
  })

  test.runIf(hasTwoClusters).each(someDoings)(
    'P12 endpoints of two clusters, the client %s: each state is of one of them',
    async (doing) => {
      const [one, two] = [await etcd.start(), await etcd.start()]
      for (const [server, value] of [
        [one, 'one'],
        [two, 'two'],
      ] as const) {
        const names = Array.from({ length: 40 }, (_, index) => `k${index}`)
        await fill(connect(server.endpoint), names, value)
      }
      const proxies: TcpProxy[] = []
      for (const { endpoint } of [one, two]) proxies.push(await startProxy({ target: endpoint }))
      onTestFinished(async () => {
        for (const proxy of proxies) await proxy.close()
      })
      const seen: string[] = []
      const config = await anything.load({
        sources: [
          etcdSource({ endpoints: proxies.map(({ endpoint }) => endpoint), root: '/t', pageSize: 7 }),
        ],
      })
      onTestFinished(() => config.close())
      const look = () => seen.push([...new Set(Object.values(config.current.all))].join(' and '))
      look()
      config.on('change', look)
      for (let round = 0; round < 4; round += 1) {
        const [proxy, other] = [proxies[round % 2]!, proxies[(round + 1) % 2]!]
        // It is listed again meanwhile, or finds nobody, or meets one that has just gone.
        const isCut = doing === 'a refresh pending' ? other.cutAfter(400) : undefined
        if (doing === 'cut off') await other.refuse()
        if (doing === 'resuming') other.stall('toClient')
        await proxy.refuse()
        proxy.cutAll()
        if (doing === 'cut off') {
          other.cutAll()
          await waitFor(() => config.status.sources[0]?.state === 'lost')
          await other.accept()
        }
        if (doing === 'resuming') other.heal()
        await config.refresh({ timeoutMs: 1_000 }).catch(() => undefined)
        if (isCut !== undefined) other.heal()
        await proxy.accept()
      }
      expect(seen.filter((values) => values !== 'one' && values !== 'two')).toEqual([])
    },
  )
})
