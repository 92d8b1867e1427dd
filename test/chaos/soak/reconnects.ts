import { getEventListeners } from 'node:events'
import { createEtcdClient } from '@livetree/etcd'
import { etcd } from 'livetree'
import { startEtcd } from '../../support/start-etcd.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { chaosConfig, configPlaces } from '../world/chaos-config.ts'
import { wholeTrees } from '../world/draft-write.ts'
import { quickClient } from '../world/fast-client-options.ts'
import { type Flatness, judgeFlatness, type Slack } from './flatness.ts'

/** Everything that could pile up, after so many reconnects. */
export interface Sample {
  readonly reconnects: number
  /** In MiB, after a collection. */
  readonly heapMiB: number
  /** What keeps the process alive, as Node counts it: sockets, timers, servers, processes. */
  readonly handles: number
  /** Sockets among them. */
  readonly sockets: number
  /** Listeners on the process, and on the signals that client, watches and configuration were given or give. */
  readonly listeners: number
}

/** What came of {@link runReconnects}. */
export interface ReconnectsResult {
  readonly etcd: string
  readonly reconnects: number
  readonly watchers: number
  readonly deliveredEvents: number
  readonly durationMs: number
  readonly samples: readonly Sample[]
  readonly flatness: readonly Flatness[]
  /** Changes that a watcher was given twice, too late, or not at all. */
  readonly mistakes: readonly string[]
}

/** Options of {@link runReconnects}. */
export interface ReconnectsOptions {
  readonly count: number
  /** A sample is taken each time so many are done. */
  readonly sampleEach: number
  readonly onSample?: (sample: Sample) => void
}

const watcherCount = 10

/** A heap breathes by some percent; what is counted one by one may differ by what is under way at that moment. */
const slack: Readonly<Record<Exclude<keyof Sample, 'reconnects'>, Slack & { readonly unit: string }>> = {
  heapMiB: { share: 0.05, amount: 0.5, unit: 'MiB' },
  handles: { share: 0, amount: 3, unit: '' },
  sockets: { share: 0, amount: 2, unit: '' },
  listeners: { share: 0, amount: 1, unit: '' },
}

/**
 * Cuts all connections of a client with watchers and of a live configuration each time that both are served again, and
 * looks at what is left behind. Needs `--expose-gc`.
 */
export const runReconnects = async (options: ReconnectsOptions): Promise<ReconnectsResult> => {
  const { count, sampleEach, onSample } = options
  const { gc } = globalThis
  if (gc === undefined)
    throw new Error('Reconnects cannot be judged without collections: run node with --expose-gc')
  await using server = await startEtcd()
  await using proxy = await startProxy({ target: server.endpoint })
  const ending = new AbortController()
  await using writer = createEtcdClient({ endpoints: server.endpoint })
  let drawn = 1_000
  const unique = { text: () => `text-${++drawn}`, number: () => `${++drawn}` }
  for (const draft of wholeTrees) {
    for (const operation of draft(unique)) {
      if (operation.type === 'put') await writer.kv.put(operation.key, operation.value)
    }
  }

  const startedAt = performance.now()
  const place = configPlaces[2]!
  const watched = `${place.root}/${place.overlays.at(-1)}/title`
  await using client = createEtcdClient({ ...quickClient, endpoints: proxy.endpoint, signal: ending.signal })
  const mistakes: string[] = []
  let deliveredEvents = 0
  let written = (await writer.kv.put(watched, 'title-0')).header.revision
  const seen = Array.from({ length: watcherCount }, () => written)
  for (const index of seen.keys()) {
    const note = (what: string) => mistakes.push(`watcher ${index} at ${written}: ${what}`)
    client.watch.subscribe(
      { key: watched },
      {
        onEvents: ({ revision }) => {
          deliveredEvents += 1
          // one write at a time, so the next revision is known
          if (revision !== seen[index]! + 1) note(`was given ${revision} after ${seen[index]}`)
          seen[index] = revision
        },
        onEnd: (error) => {
          if (error !== undefined) note(`ended with ${error.code}`)
        },
      },
      { afterRevision: written, signal: ending.signal },
    )
  }
  await using config = await chaosConfig.load({
    sources: [etcd({ ...quickClient, ...place, endpoints: proxy.endpoint })],
  })
  config.watch(
    ({ title }) => title,
    () => {
      deliveredEvents += 1
    },
  )

  const takeSample = (reconnects: number): Sample => {
    gc()
    const resources = process.getActiveResourcesInfo()
    const signals = [ending.signal, config.signal]
    const ofProcess = process.eventNames().map((name) => process.listenerCount(name))
    return {
      reconnects,
      heapMiB: process.memoryUsage().heapUsed / 2 ** 20,
      handles: resources.length,
      sockets: resources.filter((kind) => /TCPSocket/.test(kind)).length,
      listeners: [...ofProcess, ...signals.map((signal) => getEventListeners(signal, 'abort').length)].reduce(
        (sum, each) => sum + each,
        0,
      ),
    }
  }
  const samples: Sample[] = []
  for (let round = 1; round <= count; round += 1) {
    const connections = proxy.accepted
    proxy.cutAll()
    const title = `title-${round}`
    written = (await writer.kv.put(watched, title)).header.revision
    const isServed = () => seen.every((revision) => revision >= written) && config.current.title === title
    await waitFor(isServed, { timeoutMs: 60_000, what: `all to be served after reconnect ${round}` })
    if (proxy.accepted < connections + 2)
      throw new Error(`reconnect ${round} was none: nothing connected anew`)
    if (round % sampleEach === 0) {
      samples.push(takeSample(round))
      onSample?.(samples.at(-1)!)
    }
  }
  const flatness = Object.entries(slack).map(([name, { unit, ...allowed }]) =>
    judgeFlatness(
      name,
      unit,
      samples.map((sample) => sample[name as keyof Sample]),
      allowed,
    ),
  )
  const durationMs = Math.round(performance.now() - startedAt)
  const result = { etcd: server.version, reconnects: count, watchers: watcherCount, deliveredEvents }
  ending.abort()
  return { ...result, durationMs, samples, flatness, mistakes }
}
