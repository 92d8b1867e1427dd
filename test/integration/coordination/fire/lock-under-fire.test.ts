import { setTimeout as sleep } from 'node:timers/promises'
import type { EtcdClient } from '@livetree/etcd'
import { inject, expect, it } from 'vitest'
import { runBounded } from '../../../../scripts/etcd/run-bounded.ts'
import { eachEtcd, type EtcdUnderTest } from '../../../support/each-etcd.ts'
import { isLongRun } from '../../../support/run-length.ts'
import { startProxy } from '../../../support/start-proxy.ts'
import { waitFor } from '../../../support/wait-for.ts'
import { connect } from '../../etcd/watch-kit.ts'
import { keysOf } from '../kit.ts'
import { checkHistory, type History, type StoreEvent } from './check-history.ts'
import { ContenderProcess, type ContenderOptions } from './contenders.ts'

const PROCESSES = isLongRun ? 5 : 3
const TASKS = isLongRun ? 10 : 3
/** Each round has every kind of fault once. */
const ROUNDS = isLongRun ? Number(process.env.LIVETREE_FIRE_ROUNDS ?? 40) : 1
const TTL_SECONDS = 2
const TIMEOUT_MS = isLongRun ? 1_800_000 : 120_000

/** Records everything that the store does below `fire/`. */
class Witness {
  readonly events: StoreEvent[] = []
  readonly revoked = new Set<bigint>()
  readonly deletedByHand = new Set<number>()
  readonly client: EtcdClient
  ended: string | undefined

  constructor(client: EtcdClient) {
    this.client = client
    client.watch.subscribe(
      { prefix: 'fire/' },
      {
        onEvents: ({ events, revision }) => {
          for (const { type, key, kv, text } of events)
            this.events.push({
              revision,
              type,
              key,
              text,
              createRevision: kv.createRevision,
              lease: kv.lease,
            })
        },
        onEnd: (error) => {
          this.ended = error?.message
        },
      },
      { startRevision: 1 },
    )
  }

  /** The oldest key of the lock now. */
  async holder() {
    const { entries } = await this.client.kv.getRange({
      prefix: 'fire/lock/',
      sort: { by: 'create' },
      limit: 1,
    })
    return entries[0]
  }

  /** Freezes a contender, by whatever means, at a moment when it holds the lock. */
  async freezeHolder(one: ContenderProcess, freeze: () => void, undo: () => void): Promise<void> {
    const holds = async () => one.acquired.includes((await this.holder())?.createRevision ?? 0)
    await waitFor(
      async () => {
        if (!(await holds())) return false
        freeze()
        // What was on its way to the store may still arrive, so it is asked twice.
        await sleep(20)
        if ((await holds()) && (await holds())) return true
        undo()
        return false
      },
      { timeoutMs: 40_000, what: 'a holder to freeze' },
    )
  }

  /** Tokens that were taken from their holders by hand. */
  get taken(): Set<number> {
    const taken = new Set(this.deletedByHand)
    for (const { lease, createRevision } of this.events)
      if (this.revoked.has(lease)) taken.add(createRevision)
    return taken
  }
}

/** Runs contenders in several processes under faults and returns what happened. */
async function burn(
  etcd: EtcdUnderTest,
  fault?: ContenderOptions['fault'],
): Promise<History & { left: string[] }> {
  const server = await etcd.start()
  await using proxy = await startProxy({ target: server.endpoint })
  const witness = new Witness(connect(server.endpoint))
  const started: ContenderProcess[] = []
  const start = async (endpoint: string): Promise<ContenderProcess> => {
    const options = { endpoint, tasks: TASKS, ttlSeconds: TTL_SECONDS }
    const one = new ContenderProcess(
      String(started.length),
      fault === undefined ? options : { ...options, fault },
    )
    started.push(one)
    await one.ready()
    return one
  }
  const holds = () => started.reduce((sum, { acquired }) => sum + acquired.length, 0)
  const goesOn = async (what: string) => {
    const before = holds()
    const more = waitFor(() => holds() >= before + 10, {
      timeoutMs: 40_000,
      what: `ten more holds after ${what}`,
    })
    await more.catch(async (cause: unknown) => {
      // Tells a lock that an orphan blocks from contenders that a busy machine starves.
      const oldest = await witness.holder()
      const info = await witness.client.lease.timeToLive(oldest?.lease || 1n)
      const state = `${holds() - before} holds; oldest key ${oldest?.key}, its lease has ${info?.ttlSeconds} s`
      throw new Error(`${cause instanceof Error ? cause.message : ''}; ${state}`, { cause })
    })
  }
  const stop = new AbortController()
  const others = contendByEtcdctl(server.endpoint, stop.signal)
  try {
    // The first one is behind the proxy; the last one is killed and started anew.
    const [cutOff, paused] = [await start(proxy.endpoint), await start(server.endpoint)]
    let mortal = await start(server.endpoint)
    for (let index = 3; index < PROCESSES; index += 1) await start(server.endpoint)
    await goesOn('the start')
    for (let round = 0; round < ROUNDS; round += 1) {
      await witness.freezeHolder(
        paused,
        () => paused.pause(),
        () => paused.resume(),
      )
      await goesOn('a pause')
      paused.resume()
      await mortal.kill()
      await goesOn('a kill')
      mortal = await start(server.endpoint)
      await witness.freezeHolder(
        cutOff,
        () => proxy.stall(),
        () => proxy.flow(),
      )
      await goesOn('a stall')
      proxy.cutAll()
      proxy.heal()
      for (let index = 0; index < 5; index += 1) {
        const holder = await witness.holder()
        if (holder === undefined) continue
        const { createRevision, key, lease } = holder
        witness.deletedByHand.add(createRevision)
        if (index === 4 && lease > 0n) {
          witness.revoked.add(lease)
          await witness.client.lease.revoke(lease)
        } else await witness.client.kv.delete(key)
        proxy.cutAll()
        await goesOn('a deletion')
      }
      const seen = witness.events.at(-1)?.revision ?? 0
      await witness.client.kv.compact(seen)
      await server.stop('SIGKILL')
      await server.restart()
      await goesOn('a restart')
    }
    stop.abort()
    await others
    await Promise.all(started.filter(({ isAlive }) => isAlive).map((one) => one.stop()))
    const client = witness.client
    await waitFor(async () => (await client.lease.list()).length === 0, {
      timeoutMs: 20_000,
      what: 'no lease left',
    })
    const left = await keysOf(client, 'fire/lock/')
    const { revision } = (await client.kv.put('fire/end', '')).header
    await waitFor(() => witness.events.some((event) => event.revision === revision))
    expect(witness.ended).toBeUndefined()
    return {
      events: witness.events,
      beliefs: started.flatMap(({ beliefs }) => beliefs),
      acquired: started.flatMap(({ acquired }) => acquired),
      taken: witness.taken,
      left,
    }
  } finally {
    stop.abort()
    for (const one of started) await one.kill()
    await others
  }
}

/** Every `etcdctl` of this machine takes the lock again and again, too. */
async function contendByEtcdctl(endpoint: string, signal: AbortSignal): Promise<void> {
  const ctls = inject('testedEtcdctls')
  await Promise.all(
    ctls.map(async ({ path }) => {
      while (!signal.aborted) {
        const env = { ...process.env, ETCDCTL_API: '3' }
        const args = ['--endpoints', endpoint, 'lock', '--ttl', '2', 'fire/lock', 'true']
        await runBounded(path, args, { timeoutMs: 30_000, env })
        await sleep(100)
      }
    }),
  )
}

eachEtcd('a lock under fire', (etcd) => {
  it('has one holder who writes and one who relies on it, and leaves nothing behind', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const history = await burn(etcd)
    expect(checkHistory(history)).toEqual([])
    expect(history.left).toEqual([])
    expect(history.acquired.length).toBeGreaterThan(isLongRun ? 2_000 : 50)
    if (process.env.LIVETREE_SHOW_HOLDS !== undefined)
      console.log(`${etcd.kind}: ${history.acquired.length} holds`)
  })

  it.runIf(isLongRun || etcd.kind === 'embedded')(
    'is found out when contenders write without the guard, or do not care for the loss',
    { timeout: TIMEOUT_MS * 2 },
    async () => {
      expect(checkHistory(await burn(etcd, 'unguarded')).join('\n')).toMatch(/wrote while/)
      expect(checkHistory(await burn(etcd, 'ignores-loss')).join('\n')).toMatch(/relied on the lock/)
    },
  )
})
