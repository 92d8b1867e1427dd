import { readFileSync } from 'node:fs'
import { op } from '@livetree/etcd'
import { etcd as etcdSource } from 'livetree'
import type { EtcdServer } from '../../support/start-etcd.ts'
import { expect, onTestFinished, test } from 'vitest'
import { RawClient } from '../../contract/raw-client.ts'
import { WatchClient } from '../../contract/watch-client.ts'
import { clientEtcds, oneRealEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { isLongRun } from '../../support/run-length.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { watchFromNow } from '../../support/watch-from-now.ts'
import { connect } from '../etcd/watch-kit.ts'
import { anything } from './three-views.ts'

withoutOpenHandles()

const KEYS = isLongRun ? 100_000 : 4_000
/** In one revision; etcd takes 128 unless it is started with more. */
const PUTS = KEYS / 10
/** Of the time that a slow machine may take, in milliseconds. */
const BOUND_MS = 90_000

/** Processor time of a server so far, in milliseconds. */
function processorMs({ pid }: EtcdServer): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

async function importKeys(endpoint: string): Promise<void> {
  const client = connect(endpoint)
  let next = 0
  const work = async () => {
    for (; next < KEYS; )
      await client.kv.put(`/bulk/${String(next++).padStart(6, '0')}`, 'a value of some length')
  }
  await Promise.all(Array.from({ length: 64 }, work))
}

clientEtcds(`bulk of ${KEYS} keys`, (etcd) => {
  test(
    'one transaction deletes them all: told as one change, by watch and sync, in bounded time',
    async () => {
      const server = await etcd.start()
      await importKeys(server.endpoint)
      const client = connect(server.endpoint)
      let gone = 0
      let left = -1
      const held = new Set<string>()
      await watchFromNow(client, { prefix: '/bulk/' }, ({ events }) => {
        gone = events.length
      })
      client.watch.sync(
        { prefix: '/bulk/' },
        {
          onSnapshot: ({ kvs }) => {
            for (const { key } of kvs) held.add(key.toString())
            left = held.size
          },
          onEvents: ({ events }) => {
            for (const { key } of events) held.delete(key)
            left = held.size
          },
        },
      )
      await waitFor(() => left === KEYS, { timeoutMs: BOUND_MS })
      await connect(server.endpoint).kv.deleteRange({ prefix: '/bulk/' })
      await waitFor(() => gone === KEYS && left === 0, { timeoutMs: BOUND_MS })
    },
    BOUND_MS * 3,
  )

  test(
    'one revision writes many keys: told as one change, by watch and by a configuration',
    async () => {
      // embedded takes 128 and has no setting for more
      const isReal = etcd.kind !== 'embedded'
      const count = isReal ? PUTS : 128
      const server = await etcd.start(isReal ? { args: ['--max-txn-ops', String(PUTS)] } : {})
      const client = connect(server.endpoint, { limits: { txnOps: count } })
      await using config = await anything.load({
        sources: [etcdSource({ endpoints: [server.endpoint], root: '/t' })],
      })
      const batches: number[] = []
      const watcher = client.watch.subscribe(
        { prefix: '/t/' },
        { onEvents: ({ events }) => batches.push(events.length) },
      )
      await waitFor(() => watcher.state === 'live')
      const sizes: number[] = []
      config.on('change', () => sizes.push(Object.keys(config.current.all).length))
      for (const value of ['first', 'second']) {
        const puts = Array.from({ length: count }, (_, index) => op.put(`/t/all/${index}`, value))
        await client.kv
          .txn()
          .then(...puts)
          .commit()
      }
      await waitFor(() => batches.length === 2 && config.current.all[0] === 'second', { timeoutMs: BOUND_MS })
      expect(batches).toEqual([count, count])
      expect([...new Set(sizes)]).toEqual([count])
    },
    BOUND_MS * 3,
  )

  test(
    'imported while cut off: caught up with in bounded time, at no more cost than a bare watch',
    async () => {
      const server = await etcd.start()
      const proxy = await startProxy({ target: server.endpoint })
      onTestFinished(() => proxy.close())
      const client = connect(proxy.endpoint)
      let told = 0
      const watcher = client.watch.subscribe(
        { prefix: '/bulk/' },
        { onEvents: ({ events }) => (told += events.length) },
      )
      await waitFor(() => watcher.state === 'live')
      await proxy.refuse()
      proxy.cutAll()
      await importKeys(server.endpoint)
      const before = etcd.kind === 'embedded' ? 0 : processorMs(server)
      await proxy.accept()
      await waitFor(() => told === KEYS, { timeoutMs: BOUND_MS })
      if (etcd.kind === 'embedded') return
      const resumedMs = processorMs(server) - before
      const bareFrom = processorMs(server)
      let bare = 0
      connect(server.endpoint).watch.subscribe(
        { prefix: '/bulk/' },
        { onEvents: ({ events }) => (bare += events.length) },
        { startRevision: 2 },
      )
      await waitFor(() => bare === KEYS, { timeoutMs: BOUND_MS })
      const bareMs = processorMs(server) - bareFrom
      // ticks are of 10 ms
      expect(resumedMs).toBeLessThanOrEqual(2 * bareMs + 200)
    },
    BOUND_MS * 3,
  )
})

/**
 * Enough that a cost which grows with the square of the events is twenty times that of a bare watch, in an answer that is
 * larger than a request may be: from there on etcd would send it in parts.
 */
const EVENTS = isLongRun ? 100_000 : 20_000
/** With it, the events come to more than the 2 MiB of which etcd would make parts. */
const LONG = 'long/'.repeat(24)
/** How much more processor time the server may take for our watch: ticks of 10 ms and the server's own work besides. */
const MOST_TIMES = 3
const TICKS_MS = 300

oneRealEtcd(`${EVENTS} events at once, against a watch without anything around it`, (etcd) => {
  /** In transactions, of which each is one revision. */
  async function put(server: EtcdServer, folder: string): Promise<number> {
    const { kv } = connect(server.endpoint)
    let first = 0
    for (let from = 0; from < EVENTS; from += 100) {
      const keys = Array.from(
        { length: 100 },
        (_, index) => `${folder}${LONG}${String(from + index).padStart(6, '0')}`,
      )
      const puts = keys.map((key) => op.put(key, 'a value of some length'))
      const { header } = await kv
        .txn()
        .then(...puts)
        .commit()
      first ||= header.revision
    }
    return first
  }

  type Watch = (server: EtcdServer, folder: string, startRevision: number | undefined) => Promise<Told>
  /** Resolves once all events were delivered. */
  interface Told {
    readonly whole: Promise<void>
  }

  const ours: Watch = async (server, prefix, startRevision) => {
    const { promise: whole, resolve } = Promise.withResolvers<void>()
    let told = 0
    const onEvents = ({ events }: { readonly events: readonly unknown[] }) => {
      told += events.length
      if (told === EVENTS) resolve()
    }
    const options = startRevision === undefined ? {} : { startRevision }
    const watcher = connect(server.endpoint).watch.subscribe({ prefix }, { onEvents }, options)
    await waitFor(() => watcher.state === 'live')
    return { whole }
  }

  const bare: Watch = async (server, prefix, startRevision = 0) => {
    const client = new RawClient(server.endpoint)
    onTestFinished(() => client.close())
    const watch = new WatchClient(client)
    await watch.create({ key: prefix, rangeEnd: `${prefix.slice(0, -1)}0`, startRevision })
    const read = async () => {
      for (let told = 0; told < EVENTS; ) told += (await watch.next(BOUND_MS)).events.length
    }
    return { whole: read() }
  }

  test(
    'deleted by one transaction, and caught up with: at the same cost for the server',
    async () => {
      const server = await etcd.start()
      const costs: Record<string, number> = {}
      for (const [name, watch] of Object.entries({ bare, ours })) {
        const folder = `/${name}/`
        const first = await put(server, folder)
        const begunAt = processorMs(server)
        const caughtUp = await watch(server, folder, first)
        await caughtUp.whole
        const caughtUpAt = processorMs(server)
        costs[`${name}, caught up`] = caughtUpAt - begunAt
        const deleted = await watch(server, folder, undefined)
        await connect(server.endpoint).kv.deleteRange({ prefix: folder })
        await deleted.whole
        costs[`${name}, deleted`] = processorMs(server) - caughtUpAt
      }
      const told = JSON.stringify(costs)
      for (const what of ['caught up', 'deleted']) {
        const most = MOST_TIMES * costs[`bare, ${what}`]! + TICKS_MS
        expect(costs[`ours, ${what}`], told).toBeLessThanOrEqual(most)
      }
    },
    BOUND_MS * 3,
  )
})
