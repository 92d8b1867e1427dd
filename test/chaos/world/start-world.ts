import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock, createEtcdClient, type EtcdClient } from '@livetree/etcd'
import type { EtcdSeries } from '../../../scripts/etcd/etcd-binaries.ts'
import { type Certificates, makeCertificates } from '../../support/make-certificates.ts'
import { makeNetworkHosts } from '../../support/network-hosts.ts'
import { type EtcdCluster, startEtcdCluster } from '../../support/start-etcd-cluster.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'
import type { History, Violation } from '../history.ts'
import { EventPool } from '../recorder/event-pool.ts'
import { startWitness, type Witness } from '../recorder/witness.ts'
import { type ClientOptions, type Consumers, openConsumers } from './consumers.ts'
import { type ProxyRoute, openRoute } from './proxied-endpoints.ts'
import { quickClient } from './fast-client-options.ts'
import type { Random } from './random.ts'
import { Writers } from './writers.ts'

/** What a scenario wants its world to be like. */
export interface WorldSettings {
  /** Further arguments of each member. */
  readonly args?: readonly string[]
  /** Members serve over TLS and ask for certificates. */
  readonly tls?: boolean
  /** All clients have credentials. `on`: the cluster asks for them from the start; `later`: after `enableAuth()`. */
  readonly auth?: 'on' | 'later'
  /** Writers go through a route of their own. Default: straight to the members. */
  readonly writersRoute?: boolean
  /** Each member runs on a host of its own. */
  readonly hosts?: boolean
  /** Changes how consumers name the endpoints of a route; `members` are the members' own. */
  readonly nameEndpoints?: (
    route: number,
    endpoints: readonly string[],
    members: readonly string[],
  ) => readonly string[]
  /** The clock of consumers. Default: the machine's. */
  readonly clock?: Clock
  /** Writers rest up to so many milliseconds after each write. Default 25. */
  readonly pauseMs?: number
}

/** Where a scenario happens: a cluster, ways to it that can be broken, writers, consumers, and a witness of it all. */
export interface World {
  readonly cluster: EtcdCluster
  readonly members: readonly EtcdServer[]
  /** Half of the consumers come by each. */
  readonly routes: readonly [ProxyRoute, ProxyRoute]
  /** Of the writers, where they have one. */
  readonly writersRoute: ProxyRoute | undefined
  readonly certificates: Certificates | undefined
  readonly witness: Witness
  readonly writers: Writers
  readonly consumers: Consumers
  /** Phases are as short as they can be. */
  readonly isShort: boolean
  /** The first in a short run, the second in a long one. */
  scaled<T>(short: T, long: T): T
  /** Lets a fault last: a time from the seed, between these. */
  last(leastMs: number, mostMs: number): Promise<void>
  /** Creates users and switches auth on; all clients know their credentials already. */
  enableAuth(): Promise<void>
  /** Undoes every fault and waits until all members serve. */
  heal(): Promise<void>
}

/** Options of {@link startWorld}. */
export interface StartWorldOptions {
  readonly random: Random
  readonly settings: WorldSettings
  readonly isShort: boolean
  readonly version: EtcdSeries
}

const writerCount = 4
const credentials = { username: 'app', password: 'app-password' }
const rootPassword = 'root-password'

/** A world, and what ends it. */
export interface StartedWorld extends AsyncDisposable {
  readonly world: World
  /** Heals, waits for everybody, ends the consumers, and gives all that was recorded. */
  finish(): Promise<{
    readonly history: History
    readonly violations: Violation[]
    readonly reconnects: number
  }>
}

/** Starts everything, and resolves when writers write and all consumers are served. */
export const startWorld = async (options: StartWorldOptions): Promise<StartedWorld> => {
  const { random, settings, isShort, version } = options
  const stack = new AsyncDisposableStack()
  try {
    const certificates = settings.tls ? stack.use(await makeCertificates()) : undefined
    const hosts = settings.hosts ? stack.use(makeNetworkHosts(3)).hosts : undefined
    const cluster = await startEtcdCluster(3, {
      version,
      ...(hosts === undefined ? {} : { hosts }),
      ...(settings.args === undefined ? {} : { args: settings.args }),
      ...(certificates === undefined ? {} : { tls: { certificates, requireClient: true } }),
    })
    stack.defer(() => cluster.close())
    const { members } = cluster
    const routes: [ProxyRoute, ProxyRoute] = [
      await openRoute(cluster.endpoints),
      await openRoute(cluster.endpoints),
    ]
    for (const route of routes) stack.use(route)
    const writersRoute = settings.writersRoute ? stack.use(await openRoute(cluster.endpoints)) : undefined

    const pool = new EventPool()
    const witness = stack.use(
      await startWitness({
        endpoints: cluster.endpoints,
        pool,
        ...(certificates === undefined ? {} : { tls: () => tlsOf(certificates) }),
      }),
    )
    const enableAuth = async () => {
      const [first] = members
      for (const args of [
        ['user', 'add', `${credentials.username}:${credentials.password}`],
        ['role', 'add', 'app'],
        ['role', 'grant-permission', 'app', 'readwrite', '/', '0'],
        ['user', 'grant-role', credentials.username, 'app'],
      ])
        await first!.etcdctl(args)
      witness.authenticate({ name: 'root', password: rootPassword })
      await cluster.enableAuth(rootPassword)
    }
    if (settings.auth === 'on') await enableAuth()

    const shared = (): ClientOptions => ({
      ...quickClient,
      ...(certificates === undefined ? {} : { tls: () => tlsOf(certificates) }),
      ...(settings.auth === undefined ? {} : { auth: credentials }),
    })
    const clients: EtcdClient[] = Array.from({ length: writerCount }, (_, index) =>
      stack.use(
        createEtcdClient({
          ...shared(),
          endpoints: rotate((writersRoute ?? cluster).endpoints, index),
        }),
      ),
    )
    const writers = new Writers({ clients, random: random.fork() })
    writers.pauseMs = settings.pauseMs ?? writers.pauseMs
    const firstRevision = await witness.settled()
    await writers.begin()
    writers.start()
    stack.defer(() => writers.stop())
    const forConsumers = random.fork()
    const consumers = stack.use(
      await openConsumers({
        firstRevision,
        pool,
        clientOptions(consumer) {
          const route = consumer % routes.length
          const ways = routes[route]!.endpoints
          const endpoints = settings.nameEndpoints?.(route, ways, cluster.endpoints) ?? ways
          return {
            ...shared(),
            endpoints: forConsumers.shuffle(endpoints),
            ...(settings.clock === undefined ? {} : { clock: settings.clock }),
          }
        },
      }),
    )

    writers.makesMistakes = true
    const countAccepted = () => routes.reduce((sum, route) => sum + route.accepted, 0)
    const acceptedBefore = countAccepted()

    const heal = async () => {
      await Promise.all(
        [...routes, ...(writersRoute === undefined ? [] : [writersRoute])].map((route) => route.heal()),
      )
      cluster.rejoin()
      for (const member of members) if (member.pid !== undefined) member.resume()
      await Promise.all(
        members.map((member) => (member.pid === undefined ? member.restart() : member.ready())),
      )
    }
    const world: World = {
      cluster,
      members,
      routes,
      writersRoute,
      certificates,
      witness,
      writers,
      consumers,
      isShort,
      scaled: (short, long) => (isShort ? short : long),
      last: (leastMs, mostMs) => sleep(random.between(leastMs, mostMs)),
      enableAuth,
      heal,
    }
    const finish = async () => {
      await heal()
      await writers.written(20)
      await writers.stop()
      await writers.end()
      const revision = await witness.settled()
      const { clusterId } = witness.store().at(-1)!
      const violations = await consumers.converge(revision, clusterId, 60_000)
      await witness.finalTree()
      const reconnects = countAccepted() - acceptedBefore
      const { watches, configs } = await consumers.end()
      const history = { epochs: witness.store(), writes: writers.log, watches, configs }
      return { history, violations, reconnects }
    }
    return { world, finish, [Symbol.asyncDispose]: () => stack.disposeAsync() }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

const tlsOf = ({ ca, client }: Certificates) => ({
  ca: readFileSync(ca, 'utf8'),
  cert: readFileSync(client.cert, 'utf8'),
  key: readFileSync(client.key, 'utf8'),
})

const rotate = <T>(all: readonly T[], by: number): T[] =>
  all.map((_, index) => all[(index + by) % all.length]!)
