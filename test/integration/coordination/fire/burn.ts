import { createQueue, createWorkQueue, openSession } from '@livetree/coordination'
import { type EtcdClient, op } from '@livetree/etcd'
import type { EtcdUnderTest } from '../../../support/each-etcd.ts'
import { waitFor } from '../../../support/wait-for.ts'
import { connect } from '../../etcd/watch-kit.ts'
import { keysOf } from '../kit.ts'
import { type ContenderFault, ContenderProcess } from './contenders.ts'
import { contendByEtcdctl } from './etcdctl-contenders.ts'
import { HELD_KINDS, type History, KEYS } from './history.ts'
import { type StoreUnderFire, startStoreUnderFire } from '../../../support/store-under-fire.ts'
import { Witness } from './witness.ts'

const TTL_SECONDS = 2
const PATIENCE_MS = 90_000
const HOUR_MS = 3_600_000
/** Takers of a queue in one process of ten tasks. */
const TAKERS = 1

/** Options of `burn`. */
export interface BurnOptions {
  /** At least 3: one is behind the proxy, one is paused, one is killed. */
  readonly processes: number
  /** In each process, at most 10. */
  readonly tasks: number
  /** Every kind of fault happens once in each round. */
  readonly rounds: number
  /** Each round goes on until there are so many holds, its faults included. */
  readonly holdsPerRound: number
  /** Each task rests so long after each call, at most. */
  readonly restMs: number
  readonly fault?: ContenderFault
}

/** What happened in a run. */
export interface Burnt extends History {
  readonly holds: number
  /** Keys that should be gone. */
  readonly left: readonly string[]
}

/** Runs contenders in several processes under every kind of fault, and returns what happened. */
export async function burn(etcd: EtcdUnderTest, options: BurnOptions): Promise<Burnt> {
  await using store = await startStoreUnderFire(etcd)
  const fire = new Fire(store, options)
  try {
    await fire.start()
    for (let round = 0; round < options.rounds; round += 1) await fire.round()
    return await fire.end()
  } finally {
    await fire.stop()
  }
}

class Fire {
  readonly #store: StoreUnderFire
  readonly #options: BurnOptions
  readonly #witness: Witness
  readonly #started: ContenderProcess[] = []
  readonly #stop = new AbortController()
  readonly #others: Promise<void>
  #killedTakers = 0

  constructor(store: StoreUnderFire, options: BurnOptions) {
    this.#store = store
    this.#options = options
    this.#witness = new Witness(connect(store.endpoints))
    this.#others = contendByEtcdctl(store.endpoints, this.#witness, this.#stop.signal)
    this.#others.catch(() => undefined)
  }

  get #holds(): number {
    return this.#started.reduce((sum, { holdCount }) => sum + holdCount, 0)
  }

  get #alive(): ContenderProcess[] {
    return this.#started.filter(({ isAlive }) => isAlive)
  }

  async start(): Promise<void> {
    const { processes } = this.#options
    await Promise.all(
      Array.from({ length: processes }, (_, index) =>
        this.#start(index === 0 ? this.#store.proxied : this.#store.endpoints),
      ),
    )
    await this.#goesOn('the start')
  }

  /** Every kind of fault once. */
  async round(): Promise<void> {
    const [store, witness] = [this.#store, this.#witness]
    const until = this.#holds + this.#options.holdsPerRound
    const [cutOff, paused, ...mortal] = this.#alive
    if (cutOff === undefined || paused === undefined) throw new Error('too few contenders')
    const [freeze, thaw] = [() => paused.pause(), () => paused.resume()]
    await witness.freezeHolder('lock', paused, freeze, thaw)
    this.#killedTakers += TAKERS
    await mortal.at(-1)?.kill()
    const replacing = this.#start(store.endpoints)
    await this.#goesOn('a holder was paused and a process was killed')
    thaw()
    await witness.freezeHolder(
      'leader',
      cutOff,
      () => store.mute(),
      () => store.unmute(),
    )
    await this.#goesOn('a leader was cut off')
    await witness.compact()
    store.cut()
    store.unmute()
    await replacing
    for (const [index, one] of this.#alive.entries()) one.stepClock(index % 2 === 0 ? HOUR_MS : -HOUR_MS)
    await this.#goesOn('the clocks were stepped')
    await this.#byHand()
    await store.withoutMember(() => this.#goesOn('a member was killed'))
    while (this.#holds < until) await this.#goesOn('all faults')
  }

  /** @throws Error if something stands still at the end, or the record is not complete */
  async end(): Promise<Burnt> {
    await this.#everyoneHolds()
    this.#stop.abort()
    await this.#others
    const { client } = this.#witness
    await Promise.all(this.#alive.map((one) => one.stop()))
    await this.#takeTheRest(client)
    await waitFor(async () => (await client.lease.list()).length === 0, {
      timeoutMs: PATIENCE_MS,
      what: 'no lease left',
    })
    const left = await Promise.all(HELD_KINDS.map((kind) => keysOf(client, KEYS.held(kind))))
    await this.#witness.caughtUp()
    const { events, byHand, taken, observations } = this.#witness
    return {
      events,
      byHand,
      taken,
      observations: [...this.#started.flatMap((one) => one.observations), ...observations],
      killedTakers: this.#killedTakers,
      holds: this.#holds,
      left: left.flat(),
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    for (const one of this.#started) await one.kill()
    await this.#others.catch(() => undefined)
  }

  async #start(endpoints: readonly string[]): Promise<void> {
    const { tasks, restMs, fault } = this.#options
    const one = new ContenderProcess(String(this.#started.length), {
      endpoints,
      tasks,
      restMs,
      ttlSeconds: TTL_SECONDS,
      ...(fault === undefined ? {} : { fault }),
    })
    this.#started.push(one)
    await one.ready()
  }

  /** What an operator should not do. */
  async #byHand(): Promise<void> {
    const witness = this.#witness
    for (const kind of HELD_KINDS) await witness.deleteHolder(kind)
    await witness.deleteLimit()
    await witness.deleteEntry('queue')
    await witness.deleteEntry('jobs')
    this.#store.cut()
    await this.#goesOn('keys were deleted')
    await witness.revokeHolder('lock')
    await this.#goesOn('a lease was revoked')
  }

  /** Each kind of thing is held again, a few times. */
  async #goesOn(what: string): Promise<void> {
    const before = this.#holdsByKind()
    const more = (): boolean => {
      const after = this.#holdsByKind()
      return HELD_KINDS.every((kind) => (after.get(kind) ?? 0) >= (before.get(kind) ?? 0) + 3)
    }
    const options = { timeoutMs: PATIENCE_MS, what: `more holds of each kind after ${what}` }
    await waitFor(more, options).catch(async (cause: unknown) => {
      // Tells something that an orphan blocks from contenders that a busy machine starves.
      throw new Error(`${cause instanceof Error ? cause.message : ''}; ${await this.#describe(before)}`, {
        cause,
      })
    })
  }

  #holdsByKind(): Map<string, number> {
    const held = new Map<string, number>()
    for (const one of this.#started)
      for (const [task, count] of one.holds) {
        const kind = task.split(' ')[0] ?? ''
        held.set(kind, (held.get(kind) ?? 0) + count)
      }
    return held
  }

  async #describe(before: ReadonlyMap<string, number>): Promise<string> {
    const after = this.#holdsByKind()
    const parts = HELD_KINDS.map(async (kind) => {
      const oldest = await this.#witness.holder(kind)
      const info = await this.#witness.client.lease.timeToLive(oldest?.lease || 1n)
      const count = (after.get(kind) ?? 0) - (before.get(kind) ?? 0)
      return `${kind}: ${count} holds, the oldest key ${oldest?.key} "${oldest?.text}", its lease has ${info?.ttlSeconds} s`
    })
    return (await Promise.all(parts)).join('; ')
  }

  /** Nobody starves: every task of every process that lives holds something once more. */
  async #everyoneHolds(): Promise<void> {
    const counts = this.#alive.map((one) => ({ one, before: new Map(one.holds) }))
    const starving = (): string[] =>
      counts.flatMap(({ one, before }) =>
        [...one.holds].filter(([task, count]) => count <= (before.get(task) ?? 0)).map(([task]) => task),
      )
    await waitFor(() => starving().length === 0, {
      timeoutMs: PATIENCE_MS,
      what: 'every contender to hold something once more',
    }).catch((cause: unknown) => {
      throw new Error(`these starve: ${starving().join(', ')}`, { cause })
    })
  }

  /** Takes what the contenders have left: everything that was put has to be there. */
  async #takeTheRest(client: EtcdClient): Promise<void> {
    const start = now()
    const { observations } = this.#witness
    const queue = createQueue(client, KEYS.name('queue'))
    for (let entry = await queue.tryTake(); entry !== undefined; entry = await queue.tryTake())
      observations.push({ type: 'took', kind: 'queue', id: String(entry.value), start, end: now() })
    await using session = await openSession(client, { ttlSeconds: TTL_SECONDS * 5 })
    const jobs = createWorkQueue(session, KEYS.name('jobs'))
    while ((await keysOf(client, KEYS.entries('jobs'))).length > 0) {
      await using job = await jobs.take({ timeoutMs: PATIENCE_MS })
      const id = String(job.value)
      await job.complete(op.put(KEYS.effect(id), 'rest'))
      observations.push({ type: 'took', kind: 'jobs', id, start, end: now() })
    }
  }
}

function now(): number {
  return Number(process.hrtime.bigint() / 1_000n)
}
