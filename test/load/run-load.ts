import { createEtcdClient, type EtcdClient, op } from '@livetree/etcd'
import autocannon from 'autocannon'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ShopName, startShop } from '../apps/start-shop.ts'
import { waitFor } from '../support/wait-for.ts'

export interface LoadOptions {
  readonly shop: ShopName
  /** Of a store without a tree for the shop, or with one this has planted. */
  readonly endpoint: string
  readonly durationMs: number
  /** Goes on past `durationMs` until this is so, for a minute at the most: a slow machine needs longer to show the same. */
  readonly until?: (soFar: LoadProgress) => boolean
  /** Default 50. */
  readonly connections?: number
  /** What is put in the way, for a run that must fail: no pin, or pools ended under their requests. Default nothing. */
  readonly without?: 'pin' | 'drain'
}

/** What has been seen so far. */
export interface LoadProgress extends Pick<LoadResult, 'requests' | 'mixed' | 'disposedUses' | 'changes'> {
  readonly states: ReadonlySet<number>
}

/** What came of a run. The first three are 0 when livetree keeps its word. */
export interface LoadResult {
  /** No answer, or another than 200, for whatever reason but a disposed pool. */
  readonly failed: number
  /** Answers made from two states of the configuration. */
  readonly mixed: number
  /** Answers that fell over a pool that was ended. */
  readonly disposedUses: number
  readonly requests: number
  readonly requestsPerSecond: number
  readonly p99Ms: number
  /** Transactions written to the store meanwhile. */
  readonly changes: number
  /** States of the configuration that answers were made from. */
  readonly statesSeen: number
  /** Pools that went into service meanwhile. */
  readonly pools: number
  /** Of the first few answers that were not as they should be. */
  readonly examples: readonly string[]
}

/** They take turns. Two keys make a price, so that a mixed answer shows in its price as well. */
const states = [
  { currency: 'EUR', rate: '1', price: '24.90 EUR' },
  { currency: 'USD', rate: '2', price: '49.80 USD' },
] as const

const root = '/config/shop/prod'
const changeEveryMs = 50
const poolEveryMs = 1_000
const longestMs = 60_000

/** Loads a shop while its configuration changes 20 times a second and its pool is rebuilt each second. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const { shop: name, endpoint, durationMs, until = () => true, connections = 50, without } = options
  await using client = createEtcdClient({ endpoints: [endpoint] })
  await client.kv.put(`${root}/limits/max`, '1000000000')
  await client.kv.put(`${root}/features/stock`, 'true')
  await writeState(client, 0)
  await using shop = await startShop(name, {
    ETCD_ENDPOINTS: endpoint,
    SHOP_LOG__LEVEL: 'silent',
    ...(without === 'pin' ? { PIN: 'off' } : {}),
    ...(without === 'drain' ? { DRAIN_MS: '0' } : {}),
  })
  const poolsBefore = await countPools(shop.url)
  const tally = new Tally()
  const ended = new AbortController()
  const writing = keepChanging(client, tally, ended.signal)
  const settings: autocannon.Options = {
    url: shop.url,
    connections,
    duration: Math.max(durationMs, longestMs) / 1_000,
    requests: [{ path: '/articles/1', onResponse: (status, body) => tally.count(status, body) }],
  }
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const load = autocannon(settings, (error, done) => (error ? reject(error) : resolve(done)))
    void stopWhen(() => until(tally), durationMs, load)
  })
  ended.abort()
  await writing
  await waitFor(async () => (await getPool(shop.url)).drainingCount === 0, { what: 'old pools to be gone' })
  return {
    failed: tally.failed + result.errors + result.timeouts,
    mixed: tally.mixed,
    disposedUses: tally.disposedUses,
    requests: tally.requests,
    requestsPerSecond: Math.round(result.requests.average),
    p99Ms: result.latency.p99,
    changes: tally.changes,
    statesSeen: tally.states.size,
    pools: (await countPools(shop.url)) - poolsBefore,
    examples: tally.examples,
  }
}

/** What the answers say. */
class Tally implements LoadProgress {
  requests = 0
  changes = 0
  failed = 0
  mixed = 0
  disposedUses = 0
  readonly states = new Set<number>()
  readonly examples: string[] = []

  count(status: number, body: string): void {
    this.requests++
    if (status === 200) this.#countAnswer(body)
    else if (/pool has ended|pool after calling end/.test(body)) this.disposedUses += this.#note(status, body)
    else this.failed += this.#note(status, body)
  }

  #countAnswer(body: string): void {
    const { versions, price } = JSON.parse(body) as { versions: number[]; price: string }
    for (const version of versions) this.states.add(version)
    const isOneState = versions.length === 2 && versions[0] === versions[1]
    if (!isOneState || !states.some((state) => state.price === price)) this.mixed += this.#note(200, body)
  }

  #note(status: number, body: string): number {
    if (this.examples.length < 3) this.examples.push(`${status} ${body.slice(0, 200)}`)
    return 1
  }
}

/** Ends the load when it has lasted long enough and shown what it was to show; it ends by itself otherwise. */
async function stopWhen(
  hasShown: () => boolean,
  durationMs: number,
  load: autocannon.Instance,
): Promise<void> {
  await sleep(durationMs)
  await waitFor(hasShown, { timeoutMs: longestMs }).catch(() => undefined)
  load.stop()
}

/** Writes until it is over, and counts the transactions. */
async function keepChanging(client: EtcdClient, tally: Tally, over: AbortSignal): Promise<void> {
  const startedAt = performance.now()
  while (!over.aborted) {
    tally.changes++
    await writeState(client, tally.changes)
    await sleep(Math.max(startedAt + tally.changes * changeEveryMs - performance.now(), 0))
  }
}

/** One transaction: both halves of the price, a middleware, and once a second the pool. */
async function writeState(client: EtcdClient, n: number): Promise<void> {
  const { currency, rate } = states[n % states.length]!
  const poolSize = 4 + (Math.floor((n * changeEveryMs) / poolEveryMs) % 40)
  await client.kv
    .txn()
    .then(
      op.put(`${root}/pricing/currency`, currency),
      op.put(`${root}/pricing/rate`, rate),
      op.put(`${root}/cors/origins`, JSON.stringify([`https://${n}.example.com`])),
      op.put(`${root}/db/pool/max`, String(poolSize)),
    )
    .commit()
}

async function getPool(url: string): Promise<{ builtCount: number; drainingCount: number }> {
  const reply = await fetch(`${url}/pool`, { headers: { connection: 'close' } })
  return (await reply.json()) as { builtCount: number; drainingCount: number }
}

const countPools = async (url: string) => (await getPool(url)).builtCount
