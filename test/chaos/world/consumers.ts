import { createEtcdClient, type EtcdClient, type EtcdClientOptions } from '@livetree/etcd'
import { etcd, type LiveConfig } from 'livetree'
import { waitFor } from '../../support/wait-for.ts'
import type { ConfigHistory, Violation, WatchHistory } from '../history.ts'
import type { EventPool } from '../recorder/event-pool.ts'
import { type RecordedConfig, recordConfig } from '../recorder/record-config.ts'
import { type RecordedWatch, recordWatch, type RecordWatchOptions } from '../recorder/record-watch.ts'
import { chaosConfig, configPlaces } from './chaos-config.ts'
import { rawDirectories } from './draft-write.ts'

/** How the client of a consumer is made. */
export type ClientOptions = Omit<EtcdClientOptions, 'logger' | 'signal'>

/** Options of {@link openConsumers}. */
export interface ConsumersOptions {
  /** Of the client of the consumer with this number; asked once for each client. */
  readonly clientOptions: (consumer: number) => ClientOptions
  /** A revision before anything was written, for those that ask for the past. */
  readonly firstRevision: number
  readonly pool: EventPool
}

/** Everybody who is given something in a run. */
export interface Consumers extends AsyncDisposable {
  readonly watches: readonly RecordedWatch[]
  readonly configs: readonly LiveConfig<unknown>[]
  /** Makes one more consumer, which lists and watches or loads while whatever happens now is happening. */
  addWatch(options: Omit<RecordWatchOptions, 'pool'>): RecordedWatch
  /** What they were given so far: events of watches, and states of configurations, good and bad. */
  readonly deliveredEvents: number
  /**
   * Waits until all of them have the newest store's state up to `revision`, as far as their own word goes, and gives
   * those that do not get there in time.
   */
  converge(revision: number, clusterId: string, timeoutMs: number): Promise<Violation[]>
  /** Ends them, and gives what they were given. */
  end(): Promise<{ readonly watches: readonly WatchHistory[]; readonly configs: readonly ConfigHistory[] }>
}

/** What a raw watch asks for. */
type Wish = Omit<RecordWatchOptions, 'name' | 'pool'>

const [directoryA, directoryB] = rawDirectories
const wholePast = 'the whole past'

/** Raw watches with a client each; then those that share one. Some begin in the past, some read slowly. */
const wishes: readonly (Wish & { readonly from?: typeof wholePast })[] = [
  { range: { prefix: '/' } },
  { range: { prefix: '/' }, prevKv: true, from: wholePast },
  { range: { prefix: directoryA } },
  { range: { prefix: directoryA }, prevKv: true },
  { range: { prefix: directoryA }, only: 'deletes', prevKv: true },
  { range: { prefix: directoryB }, only: 'puts' },
  { range: { prefix: '/config/' }, from: wholePast },
  { range: { key: `${directoryA}00` }, prevKv: true },
  { range: { key: `${directoryB}19` }, from: wholePast },
  { range: { from: '/config/shop/base/', to: '/config/shop/prod/' } },
  { range: { prefix: directoryB }, slowMs: 20, maxQueuedEvents: 50 },
  { range: { prefix: '/config/' }, slowMs: 5, maxQueuedEvents: 100, prevKv: true },
]
const sharedWishes: readonly (Wish & { readonly from?: typeof wholePast })[] = [
  { range: { prefix: '/' } },
  { range: { prefix: directoryB }, prevKv: true, from: wholePast },
  { range: { key: `${directoryA}07` } },
  { range: { prefix: '/config/pay/' }, only: 'puts' },
  { range: { prefix: '/nothing/' } },
]
const sharingClients = 3
const configCount = 26

/** Opens 27 raw watches and 26 configurations, and resolves when all configurations are loaded. */
export const openConsumers = async (options: ConsumersOptions): Promise<Consumers> => {
  const { clientOptions, firstRevision, pool } = options
  const clients: EtcdClient[] = []
  const watches: RecordedWatch[] = []
  const connect = () => {
    const client = createEtcdClient(clientOptions(clients.length))
    clients.push(client)
    return client
  }
  const watch = (client: EtcdClient, { from, ...wish }: (typeof wishes)[number]) => {
    const start = from === undefined ? {} : { afterRevision: firstRevision }
    watches.push(recordWatch(client, { name: `watch-${watches.length}`, ...wish, ...start, pool }))
  }
  for (const wish of wishes) watch(connect(), wish)
  for (let number = 0; number < sharingClients; number += 1) {
    const client = connect()
    for (const wish of sharedWishes) watch(client, wish)
  }
  const closeWatches = async () => {
    await Promise.all(watches.map((each) => each.close()))
    await Promise.all(clients.map((each) => each.close()))
  }
  const loading = Array.from({ length: configCount }, (_, number) =>
    loadConfig(number, clientOptions(clients.length + number)),
  )
  const loaded = await Promise.allSettled(loading)
  const configs = loaded.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  const failed = loaded.find((each) => each.status === 'rejected')
  const closeAll = async () => {
    await Promise.all([closeWatches(), ...configs.map(({ config }) => config.close())])
  }
  if (failed !== undefined) {
    await closeAll()
    throw failed.reason
  }
  return {
    watches,
    configs: configs.map(({ config }) => config),
    addWatch(wish) {
      const added = recordWatch(connect(), { ...wish, pool })
      watches.push(added)
      return added
    },
    get deliveredEvents() {
      const ofWatches = watches.reduce((sum, { eventCount }) => sum + eventCount, 0)
      const ofConfigs = configs.reduce((sum, { recorded }) => sum + recorded.history().records.length, 0)
      return ofWatches + ofConfigs
    },
    async converge(revision, clusterId, timeoutMs) {
      const waiting = [
        ...watches.map((each) => ({
          name: each.name,
          isDone: watchHas(each, revision, clusterId, timeoutMs),
        })),
        ...configs.map((each) => ({
          name: each.recorded.name,
          isDone: configHas(each, revision, timeoutMs),
        })),
      ]
      const ended = await Promise.allSettled(waiting.map(({ isDone }) => isDone))
      return ended.flatMap((end, index) =>
        end.status === 'fulfilled'
          ? []
          : [
              {
                validator: 'converges',
                where: waiting[index]!.name,
                at: revision,
                what: (end.reason as Error).message,
              },
            ],
      )
    },
    async end() {
      const configHistories = configs.map(({ recorded }) => recorded.end())
      await closeAll()
      return { watches: watches.map((each) => each.history()), configs: configHistories }
    },
    [Symbol.asyncDispose]: closeAll,
  }
}

interface Loaded {
  readonly config: LiveConfig<unknown>
  readonly recorded: RecordedConfig
}

const loadConfig = async (number: number, { clock, ...options }: ClientOptions): Promise<Loaded> => {
  const place = configPlaces[number % configPlaces.length]!
  // Half of them read the same directories as layers, each with a watch of its own, joined by revision.
  const isJoined = Math.floor(number / configPlaces.length) % 2 === 1
  // And half of those share a client, and one watch where they read the same directories.
  const ownClient = Math.floor(number / configPlaces.length / 2) % 2 === 0
  const layers = place.overlays.map((overlay) => ({ prefix: `${place.root}/${overlay}`, optional: true }))
  const config = await chaosConfig.load({
    sources: [etcd({ ...options, ownClient, ...(isJoined ? { layers } : place) })],
    startup: { timeoutMs: 60_000 },
    staleAfterMs: 3_000,
    ...(clock === undefined ? {} : { clock }),
  })
  return { config, recorded: recordConfig(config, { name: `config-${number}`, ...place }) }
}

const watchHas = async (watch: RecordedWatch, revision: number, clusterId: string, timeoutMs: number) => {
  const isOnStore = () => {
    const last = watch
      .history()
      .records.findLast((record) => record.type === 'created' || record.type === 'listed')
    return last !== undefined && 'clusterId' in last && last.clusterId === clusterId
  }
  await waitFor(isOnStore, { timeoutMs, what: `${watch.name} to be on the newest store` })
  await watch.reached(revision, { timeoutMs })
}

const configHas = async ({ config }: Loaded, revision: number, timeoutMs: number) => {
  // asks for more than it is told: that the proof is of this revision, and that nothing keeps it from being live
  await waitFor(
    async () => {
      await config.refresh({ timeoutMs })
      return true
    },
    { timeoutMs, what: 'refresh' },
  )
  const isThere = () => config.status.sources.every((source) => (source.revision ?? 0) >= revision)
  await waitFor(() => isThere() && config.status.state === 'live', {
    timeoutMs,
    what: `it to be live at revision ${revision}; it is ${config.status.state} at ${config.revision}`,
  })
}
