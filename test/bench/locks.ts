import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { acquireLock, createElection, createMutex, openCache, openSession } from '@livetree/coordination'
import { compare, createEtcdClient, op } from '@livetree/etcd'
import { Etcd3 } from 'etcd3'
import { defineConfig, etcd } from 'livetree'
import * as z from 'zod'
import { runBounded } from '../../scripts/etcd/run-bounded.ts'
import { startEtcd } from '../support/start-etcd.ts'
import { amount } from './support/amount.ts'
import { startBenchProcess } from './support/bench-process.ts'
import { measureCrowd } from './support/lock-crowd.ts'
import { race, type Timing, timing } from './support/measure.ts'
import { publish } from './support/report.ts'
import type { Ratio } from './support/ratio.ts'

const ROUNDS = amount(300, 2)
const WAITERS = 10
/** Holds of each of ten waiters in a sample. */
const HOLDS = amount(20, 1)
const CTL_ROUNDS = amount(20, 1)
/** etcd looks for watches that are behind every 100 ms, and a new one may be: the next one has waited for longer. */
const SETTLED_MS = 150
const FAIL_OVERS = amount(10, 1)
const CACHED = amount(10_000, 20)
const TTL_SECONDS = 2
const leaderScript = new URL('./support/bench-leader.ts', import.meta.url)

await using server = await startEtcd()
await using client = createEtcdClient({ endpoints: [server.endpoint] })
await using other = createEtcdClient({ endpoints: [server.endpoint] })
await using session = await openSession(client)
await using otherSession = await openSession(other)
const etcd3 = new Etcd3({ hosts: server.endpoint })
const timings: Timing[] = []
const ratios: Ratio[] = []

/** Uncontended: the floor are the two transactions that a lock cannot do without. */
async function uncontended(): Promise<void> {
  const mutex = createMutex(session, 'bench/lock')
  const { lease } = session
  const [ours, floor, theirs] = await race(
    [
      { name: 'acquire and release: livetree', run: async () => (await mutex.acquire()).release() },
      {
        name: 'acquire and release: two bare transactions',
        run: async () => {
          const isAbsent = compare.createRevision('bench/bare', '=', 0)
          await client.kv
            .txn()
            .if(isAbsent)
            .then(op.put('bench/bare', '', { lease }))
            .commit()
          await client.kv.txn().then(op.delete('bench/bare')).commit()
        },
      },
      {
        name: 'acquire and release: npm etcd3',
        run: async () => (await etcd3.lock('bench/etcd3').acquire()).release(),
      },
    ],
    ROUNDS,
  )
  timings.push(ours!, floor!, theirs!)
  ratios.push(
    { what: 'acquire and release, against npm etcd3', value: ours!.median / theirs!.median, aim: 0.6 },
    {
      what: 'acquire and release, against two bare transactions',
      value: ours!.median / floor!.median,
      aim: 1.15,
    },
  )
}

/** A command has a connection and a session of its own, and so has `acquireLock`. */
async function againstEtcdctl(): Promise<void> {
  const env = { ...process.env, ETCDCTL_API: '3' }
  const ctl = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await runBounded(server.etcdctlPath, ['--endpoints', server.endpoint, ...args], {
      env,
    })
    if (code !== 0) throw new Error(`etcdctl ${args.join(' ')}: ${stderr}`)
  }
  const [ours, theirs] = await race(
    [
      {
        name: 'connect, grant, acquire, release: livetree',
        run: async () => {
          await using own = createEtcdClient({ endpoints: [server.endpoint] })
          await using _ = await acquireLock(own, 'bench/once')
        },
      },
      {
        name: 'connect, grant, acquire, release: etcdctl, its start included',
        run: () => ctl('lock', 'bench/ctl', 'true'),
      },
    ],
    CTL_ROUNDS,
  )
  timings.push(ours!, theirs!)
  ratios.push({
    what: 'connect, grant, acquire and release, against etcdctl',
    value: ours!.median / theirs!.median,
  })
}

/** npm etcd3's lock does not wait: its contenders ask again after a moment. */
async function withWaiters(): Promise<void> {
  const [own, foreign] = [createMutex(session, 'bench/crowd'), createMutex(otherSession, 'bench/crowd')]
  const askAgain = async () => {
    for (;;) {
      const lock = await etcd3
        .lock('bench/crowd3')
        .acquire()
        .catch(() => undefined)
      if (lock !== undefined) return lock
      await new Promise((resolve) => setTimeout(resolve, 1 + Math.random() * 5))
    }
  }
  const crowd = async (hold: (index: number) => Promise<unknown>): Promise<number> => {
    const startedAt = performance.now()
    const contend = async (_: unknown, index: number) => {
      for (let count = 0; count < HOLDS; count++) await hold(index)
    }
    await Promise.all(Array.from({ length: WAITERS }, contend))
    return (performance.now() - startedAt) / (WAITERS * HOLDS)
  }
  const [ours, theirs] = await race(
    [
      {
        name: `a hold with ${WAITERS} contenders: livetree`,
        run: () => crowd(async (index) => (await (index % 2 === 0 ? own : foreign).acquire()).release()),
      },
      {
        name: `a hold with ${WAITERS} contenders: npm etcd3`,
        run: () => crowd(async () => (await askAgain()).release()),
      },
    ],
    amount(10, 1),
    amount(2, 0),
  )
  timings.push(ours!, theirs!)
  ratios.push({
    what: `a hold with ${WAITERS} contenders, against npm etcd3`,
    value: ours!.median / theirs!.median,
    aim: 0.6,
  })
}

/** From the release to the next holder; what it cannot do without is one event and one read. */
async function handOver(): Promise<void> {
  const [mutex, next] = [createMutex(session, 'bench/next'), createMutex(otherSession, 'bench/next')]
  const [elections, successors] = [session, otherSession].map((each) => createElection(each, 'bench/elect'))
  const queued = async (prefix: string) => {
    while ((await client.kv.count({ prefix })) < 2) await new Promise(setImmediate)
    await sleep(SETTLED_MS)
  }
  /** npm etcd3's candidate, once it leads. */
  const elected = async (value: string) => {
    const campaign = etcd3.election('bench3').campaign(value)
    await once(campaign, 'elected')
    return campaign
  }
  const timed = async (leave: () => Promise<unknown>, entered: Promise<AsyncDisposable>): Promise<number> => {
    const startedAt = performance.now()
    const leaving = leave()
    const held = await entered
    const took = performance.now() - startedAt
    await leaving
    await held[Symbol.asyncDispose]()
    return took
  }
  const [lock, floor, election, trip, theirs] = await race(
    [
      {
        name: 'from release to the next holder: livetree',
        run: async () => {
          const held = await mutex.acquire()
          const entered = next.acquire()
          await queued('bench/next/')
          return timed(() => held.release(), entered)
        },
      },
      {
        name: 'from a delete to its event, and one read',
        run: async () => {
          const { header } = await client.kv.put('bench/event', '')
          const seen = Promise.withResolvers<void>()
          const handlers = { onEvents: () => seen.resolve() }
          const watcher = other.watch.subscribe({ key: 'bench/event' }, handlers, {
            afterRevision: header.revision,
          })
          await watcher.reached(header.revision)
          await sleep(SETTLED_MS)
          const startedAt = performance.now()
          const deleting = client.kv.delete('bench/event')
          await seen.promise
          await other.kv.get('bench/event')
          const took = performance.now() - startedAt
          watcher.cancel()
          await deleting
          return took
        },
      },
      {
        name: 'from resign to the next leader: livetree',
        run: async () => {
          const leadership = await elections!.campaign('a')
          const entered = successors!.campaign('b')
          await queued('bench/elect/')
          return timed(() => leadership.resign(), entered)
        },
      },
      { name: 'a round trip, of a put', run: () => client.kv.put('bench/trip', '') },
      {
        name: 'from resign to the next leader: npm etcd3',
        run: async () => {
          const first = await elected('a')
          const entered = elected('b').then((second) => ({ [Symbol.asyncDispose]: () => second.resign() }))
          await queued('election/bench3/')
          return timed(() => first.resign(), entered)
        },
      },
    ],
    amount(100, 1),
    amount(20, 0),
  )
  timings.push(lock!, floor!, election!, trip!, theirs!)
  ratios.push(
    {
      what: 'release to the next holder, against an event and a read',
      value: lock!.median / floor!.median,
      aim: 1.3,
    },
    {
      what: 'resign to the next leader, in round trips of a put',
      value: election!.median / trip!.median,
      aim: 3,
    },
    {
      what: 'resign to the next leader, against npm etcd3',
      value: election!.median / theirs!.median,
      aim: 0.8,
    },
  )
}

/** A leader that is killed is noticed when its lease expires: that is the floor. */
async function failOver(): Promise<void> {
  const election = createElection(session, 'bench/fail-over')
  const times: number[] = []
  for (let round = 0; round < FAIL_OVERS; round++) {
    const leader = await startBenchProcess(leaderScript, [
      server.endpoint,
      'bench/fail-over',
      String(TTL_SECONDS),
    ])
    const { pid, ttlSeconds } = leader.first as { pid: number; ttlSeconds: number }
    const entered = election.campaign('next')
    while ((await client.kv.count({ prefix: 'bench/fail-over/' })) < 2) await new Promise(setImmediate)
    const startedAt = performance.now()
    process.kill(pid, 'SIGKILL')
    const leadership = await entered
    times.push((performance.now() - startedAt) / (ttlSeconds * 1_000))
    await leadership.resign()
  }
  timings.push(timing('from the kill of a leader to the next one, in TTLs × 1 ms', times))
  ratios.push({ what: 'fail-over after a kill, against the TTL', value: timing('', times).median, aim: 1.1 })
}

/** A cache holds a copy of a range and follows it: the floor is to read the range. */
/** The source of a configuration lists, watches and keeps the same keys, and validates them besides. */
async function cache(): Promise<void> {
  const root = '/bench/cache'
  for (let index = 0; index < CACHED; index++) await client.kv.put(`${root}/${index}`, 'x'.repeat(60))
  const schema = z.record(z.string(), z.string())
  const sources = () => [etcd({ client, layers: [{ prefix: root }] })]
  const definition = defineConfig({ name: 'bench', schema, sources })
  const keys = `${CACHED.toLocaleString('en')} keys`
  const [ours, source, read] = await race(
    [
      {
        name: `a cache of ${keys}, opened`,
        run: async () =>
          (await openCache(client, { prefix: `${root}/` }, { decode: (bytes) => bytes })).close(),
      },
      {
        name: `a configuration of ${keys}, loaded`,
        run: async () => (await definition.load()).close(),
      },
      {
        name: `${keys}, read and put into a map`,
        run: async () => {
          const { entries } = await client.kv.getRange({ prefix: `${root}/` })
          return void new Map(entries.map((entry) => [entry.key, entry.value]))
        },
      },
    ],
    amount(20, 1),
  )
  timings.push(ours!, source!, read!)
  ratios.push(
    {
      what: 'opening a cache, against loading a configuration of the same keys',
      value: ours!.median / source!.median,
      aim: 1.1,
    },
    { what: 'opening a cache, against reading the range', value: ours!.median / read!.median },
  )
}

await uncontended()
await againstEtcdctl()
await withWaiters()
await handOver()
await failOver()
await cache()
const { callsPerHold, eventsPerHold, contenders } = await measureCrowd(server.endpoint)
ratios.push(
  {
    what: `requests for each hold, with ${contenders} contenders of 10 clients`,
    value: callsPerHold,
    aim: 3.2,
  },
  { what: 'events that reach a waiter for each hold', value: eventsPerHold, aim: 1 },
)
etcd3.close()

publish({
  bench: 'locks',
  etcd: server.version,
  method:
    'Locks and elections of one process on one etcd, in turns with npm etcd3, with etcdctl, and with the bare requests that they cannot do without. ' +
    `With ${WAITERS} contenders: ten tasks on two clients, each with ${HOLDS} holds; npm etcd3's lock does not wait, so its contenders ask again after 1 to 6 ms. ` +
    `Fail-over: a leader in a process of its own is killed, and the time until the next candidate leads is divided by the TTL of ${TTL_SECONDS} s. ` +
    'Hand-overs: the next one has waited for 150 ms. ' +
    'Requests and events are counted, not timed: transactions and reads, and events of predecessors.',
  timings,
  ratios,
})
