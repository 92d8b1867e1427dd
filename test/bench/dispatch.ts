import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDiscovery, type Discovery } from '@livetree/discovery'
import { createEtcdClient } from '@livetree/etcd'
import { BalancedPool, type Dispatcher, Pool, request } from 'undici'
import { startEtcd } from '../support/start-etcd.ts'
import { amount } from './support/amount.ts'
import { startBenchProcess } from './support/bench-process.ts'
import { measureBigView } from './support/big-view.ts'
import { percentile, type Timing, timing } from './support/measure.ts'
import { publish } from './support/report.ts'
import type { Ratio } from './support/ratio.ts'

const IN_FLIGHT = 64
const REQUESTS = amount(4_000, 20)
const SLOW_REQUESTS = amount(2_000, 20)
const ROUNDS = amount(15, 1)
const WARM_UPS = amount(3, 0)
/** etcd looks for watches that are behind every 100 ms, and a new one may be: consumers have watched for longer. */
const SETTLED_MS = 150
const REGISTRATIONS = amount(100, 1)
/** A slow instance takes 20 times as long. */
const [QUICK_MS, SLOW_MS] = [5, 100]
const backends = new URL('./support/bench-backends.ts', import.meta.url)

await using server = await startEtcd()
await using client = createEtcdClient({ endpoints: [server.endpoint] })
await using discovery = createDiscovery({ client, logger: false })
const timings: Timing[] = []
const ratios: Ratio[] = []

/** One way of sending requests: milliseconds per request of each sample, and the latency of each request. */
interface Way {
  readonly name: string
  readonly dispatcher: Dispatcher
  readonly origin: string
  readonly perRequestMs: number[]
  readonly latencyMs: number[]
}

function way(name: string, dispatcher: Dispatcher, origin: string): Way {
  return { name, dispatcher, origin, perRequestMs: [], latencyMs: [] }
}

async function sample({ dispatcher, origin, perRequestMs, latencyMs }: Way, requests: number): Promise<void> {
  let left = requests
  const startedAt = performance.now()
  const call = async () => {
    while (left-- > 0) {
      const sentAt = performance.now()
      const { body } = await request(`${origin}/`, { dispatcher })
      await body.dump()
      latencyMs.push(performance.now() - sentAt)
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, call))
  perRequestMs.push((performance.now() - startedAt) / requests)
}

async function inTurns(ways: readonly Way[], requests: number): Promise<Timing[]> {
  for (let round = -WARM_UPS; round < ROUNDS; round++) {
    for (const one of round % 2 === 0 ? ways : ways.toReversed()) await sample(one, requests)
    if (round === -1)
      for (const { perRequestMs, latencyMs } of ways) perRequestMs.length = latencyMs.length = 0
  }
  return ways.map(({ name, latencyMs }) => timing(`${name}: one request`, latencyMs))
}

function throughput({ perRequestMs }: Way): number {
  return (
    1 /
    percentile(
      perRequestMs.toSorted((a, b) => a - b),
      0.5,
    )
  )
}

/** Registers addresses, as Go would. */
async function put(service: string, ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    const record = { Op: 0, Addr: `127.0.0.1:${port}`, Metadata: JSON.stringify({ id: String(port) }) }
    await client.kv.put(`services/${service}/${port}`, JSON.stringify(record))
  }
  const view = await discovery.openService(service)
  await view.fresh()
}

/** Four instances against one, with as many connections in all. */
async function alike(): Promise<void> {
  const child = await startBenchProcess(backends, ['0', '0', '0', '0'])
  const ports = child.first as number[]
  await put('alike', ports)
  const connections = IN_FLIGHT / ports.length
  const [origin = '', ...others] = ports.map((port) => `http://127.0.0.1:${port}`)
  const policy = { default: { connections } }
  const ways = [
    way('dispatcher, 4 instances', discovery.dispatcher({ policy }), 'http://alike.service'),
    way('Pool, 1 instance', new Pool(origin, { connections: IN_FLIGHT }), origin),
    way('BalancedPool, 4 instances', new BalancedPool([origin, ...others], { connections }), origin),
  ]
  const [ours, pool, balanced] = await inTurns(ways, REQUESTS)
  timings.push(ours!, pool!, balanced!)
  ratios.push(
    {
      what: 'requests a second, as a multiple of Pool',
      value: throughput(ways[0]!) / throughput(ways[1]!),
      aim: 0.95,
      isFloor: true,
    },
    {
      what: 'requests a second, as a multiple of BalancedPool',
      value: throughput(ways[0]!) / throughput(ways[2]!),
      aim: 1,
      isFloor: true,
    },
    { what: 'p99 of a request, against Pool', value: ours!.p99 / pool!.p99, aim: 1.1 },
  )
  for (const { dispatcher } of ways) await dispatcher.close()
  await child.close()
}

/** One of ten is slow. */
async function oneSlow(): Promise<void> {
  const child = await startBenchProcess(backends, [
    String(SLOW_MS),
    ...Array<string>(9).fill(String(QUICK_MS)),
  ])
  const ports = child.first as number[]
  await put('slow', ports)
  const origins = ports.map((port) => `http://127.0.0.1:${port}`)
  const policy = { default: { algorithm: 'round-robin' } } as const
  const ways = [
    way('dispatcher, one of ten slow', discovery.dispatcher(), 'http://slow.service'),
    way(
      'dispatcher with round-robin, one of ten slow',
      discovery.dispatcher({ policy }),
      'http://slow.service',
    ),
    way('BalancedPool, one of ten slow', new BalancedPool(origins), origins[0]!),
  ]
  const [ours, roundRobin, balanced] = await inTurns(ways, SLOW_REQUESTS)
  timings.push(ours!, roundRobin!, balanced!)
  ratios.push(
    { what: 'p99 with one of ten slow, against BalancedPool', value: ours!.p99 / balanced!.p99, aim: 0.3 },
    { what: 'p99 with one of ten slow, against round-robin', value: ours!.p99 / roundRobin!.p99, aim: 0.5 },
  )
  for (const { dispatcher } of ways) await dispatcher.close()
  await child.close()
}

/** From `register` of a consumer's first instance until it has answered; the floor is a put and its event. */
async function fromRegistration(consumer: Discovery): Promise<void> {
  const [ours, floor]: [number[], number[]] = [[], []]
  for (let round = 0; round < REGISTRATIONS; round++) {
    const service = `new-${round}`
    const http = createServer((_, response) => void response.end('ok')).listen(0, '127.0.0.1')
    await once(http, 'listening')
    const view = await consumer.openService(service)
    await sleep(SETTLED_MS)
    const startedAt = performance.now()
    const answered = view.request({ path: '/', method: 'GET' }).then(({ body }) => body.dump())
    const registration = await discovery.register({ service, server: http })
    await answered
    ours.push(performance.now() - startedAt)
    await registration.deregister()
    await view.close()
    floor.push(await putAndEvent(round))
    http.closeAllConnections()
    http.close()
  }
  const [routed, seen] = [
    timing('from register to the first answer', ours),
    timing('from a grant and a put to its event', floor),
  ]
  timings.push(routed, seen)
  ratios.push({
    what: 'register to the first answer, against a grant, a put and its event',
    value: routed.median / seen.median,
  })
}

async function putAndEvent(round: number): Promise<number> {
  const key = `bench/event/${round}`
  const seen = Promise.withResolvers<void>()
  const { header } = await client.kv.getRange({ key })
  const watcher = client.watch.subscribe(
    { key },
    { onEvents: () => seen.resolve() },
    { afterRevision: header.revision },
  )
  await watcher.reached(header.revision)
  await sleep(SETTLED_MS)
  const startedAt = performance.now()
  const lease = await client.lease.grant({ ttlSeconds: 15 })
  await client.kv.put(key, 'x'.repeat(200), { lease: lease.id })
  await seen.promise
  const took = performance.now() - startedAt
  watcher.cancel()
  await lease.revoke()
  return took
}

await alike()
await oneSlow()
await using consuming = createEtcdClient({ endpoints: [server.endpoint] })
await using consumer = createDiscovery({ client: consuming, logger: false })
await fromRegistration(consumer)
const big = await measureBigView(server.endpoint)
timings.push(big.change, big.pick)
ratios.push(
  {
    what: `memory of an endpoint in a view of ${big.endpoints.toLocaleString('en')}, against 2 KiB`,
    value: big.kibPerEndpoint / 2,
    aim: 1,
  },
  {
    what: 'time of a pick among 1,000 endpoints, against 300 ns',
    value: (big.pick.median * 1e6) / 300,
    aim: 1,
  },
  { what: 'a change in a big view, against the event alone', value: big.change.median / big.event.median },
)

publish({
  bench: 'dispatch',
  etcd: server.version,
  method:
    `${IN_FLIGHT} requests at a time over HTTP/1 to instances in one other process, samples of ${REQUESTS.toLocaleString('en')} in turns: through the dispatcher to four of them, through undici's Pool to one, and through BalancedPool to the four, each with ${IN_FLIGHT} connections in all. ` +
    `With one of ten instances slow: it answers after ${SLOW_MS} ms, the others after ${QUICK_MS} ms. ` +
    `From registration: a request waits for the first instance of its service; ${REGISTRATIONS} services. ` +
    `The big view has ${big.endpoints.toLocaleString('en')} endpoints without connections: heap after garbage collection with and without it, and the time from one event to its 'change'.`,
  timings,
  ratios,
})
