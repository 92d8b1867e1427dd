import { createMutex, type Lock, type PartitionerOptions, runPartitioner } from '@livetree/coordination'
import { type EtcdClient, op } from '@livetree/etcd'
import { expect, it } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { decodeMember, partitionsOf } from '../../../packages/coordination/src/partition-owners.ts'
import { connect } from '../etcd/watch-kit.ts'
import { codeOf, keysOf, open, proxyTo } from './kit.ts'

withoutOpenHandles()

const NAME = 'partitions/a'
/** So many that each member gets some, whatever its lease is called. */
const PARTITIONS = Array.from({ length: 48 }, (_, index) => `p${index}`)
const QUICK = { partitions: PARTITIONS, settleMs: 50, drainMs: 20_000, ttlSeconds: 20 }

/** One call of the user's work that has begun. */
interface Call {
  readonly partition: string
  readonly lock: Lock
}

/** What all members of a test run at the moment, with everything that must not happen. */
class Board {
  /** The members that run a partition. */
  readonly running = new Map<string, string>()
  readonly wrong: string[] = []
  started = 0

  /** A member whose work ends `endsAfter` it is asked to stop. */
  join(
    id: string,
    owner: Parameters<typeof runPartitioner>[0],
    options: Partial<PartitionerOptions> = {},
    endsAfter: (partition: string) => Promise<unknown> = () => Promise.resolve(),
  ) {
    const stop = new AbortController()
    const calls: Call[] = []
    const work = async (partition: string, lock: Lock) => {
      const other = this.running.get(partition)
      if (other !== undefined) this.wrong.push(`${id} runs ${partition} while ${other} does`)
      if (!lock.isHeld) this.wrong.push(`${id} does not hold ${partition}`)
      this.running.set(partition, id)
      this.started += 1
      const call = { partition, lock }
      calls.push(call)
      await new Promise<void>((resolve) => {
        if (lock.signal.aborted) resolve()
        else lock.signal.addEventListener('abort', () => resolve())
      })
      await endsAfter(partition)
      calls.splice(calls.indexOf(call), 1)
      this.running.delete(partition)
    }
    const given = owner instanceof Object && 'lease' in owner && 'ttlSeconds' in owner
    const { ttlSeconds, ...common } = QUICK
    const all = { ...common, ...(given ? {} : { ttlSeconds }), ...options, signal: stop.signal }
    const ended = runPartitioner(owner, NAME, all, work)
    ended.catch(() => undefined)
    const leave = async () => {
      stop.abort()
      await ended
    }
    return { id, calls, ended, leave, partitions: () => calls.map(({ partition }) => partition).sort() }
  }

  /** Waits until every partition runs in the member it belongs to, which are these, and nobody waits for a lock. */
  async all(client: EtcdClient, ...ids: readonly string[]): Promise<Map<string, string>> {
    const isDone = async () => {
      const expected = await locksOfOwners(client)
      const found = (await keysOf(client, `${NAME}/locks/`)).map(withoutSuffix)
      const members = [...new Set(this.running.values())].sort()
      return (
        this.running.size === PARTITIONS.length &&
        members.join() === [...ids].sort().join() &&
        found.sort().join() === expected.sort().join()
      )
    }
    const what = `all partitions to run in ${ids}`
    await waitFor(isDone, { timeoutMs: 30_000, what }).catch((cause) => {
      throw new Error(`they run in ${JSON.stringify([...this.running])}`, { cause })
    })
    return new Map(this.running)
  }
}

/** A session that gives up a key and takes it again may number the second one. */
const withoutSuffix = (key: string) => key.replace(/\.\d+$/, '')

/** The keys that there are when each member that is in the store holds what belongs to it. */
async function locksOfOwners(client: EtcdClient): Promise<string[]> {
  const prefix = `${NAME}/members/`
  const { entries } = await client.kv.getRange({ prefix })
  const members = entries.flatMap(
    ({ key, value, lease }) =>
      decodeMember({ id: key.slice(prefix.length), key, token: 1, lease, value: Buffer.from(value) }) ?? [],
  )
  return members.flatMap(({ id }) =>
    [...partitionsOf(id, members)].map((partition) => `${NAME}/locks/${partition}/${withoutSuffix(id)}`),
  )
}

const leasesOf = async (client: EtcdClient) => (await client.lease.list()).length

oneEtcd('a partitioner', (etcd) => {
  it('A1 runs each partition in one member, and moves what a member gets or had, and nothing else', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const board = new Board()
    const first = board.join('first', client)
    await board.all(client, 'first')
    const kept = [...first.calls]
    const second = board.join('second', connect(server.endpoint))
    const shared = await board.all(client, 'first', 'second')
    // What stayed with the first went on, and what moved had ended there before it began elsewhere.
    const stayed = kept.filter(({ partition }) => shared.get(partition) === 'first')
    expect(first.calls.length).toBe(stayed.length)
    expect(first.calls.every((call, index) => call === stayed[index])).toBe(true)
    expect(board.started).toBe(PARTITIONS.length + second.calls.length)
    const third = board.join('third', await open(client))
    const between = await board.all(client, 'first', 'second', 'third')
    for (const [partition, id] of between) expect([shared.get(partition), 'third']).toContain(id)
    // Each lock is that of a mutex of its own, with the store as the witness.
    const locks = await keysOf(client, `${NAME}/locks/`)
    expect(locks.map((key) => key.split('/')[3]).sort()).toEqual([...PARTITIONS].sort())
    expect((await keysOf(client, `${NAME}/members/`)).length).toBe(3)
    await third.leave()
    await board.all(client, 'first', 'second')
    expect(new Map(board.running)).toEqual(shared)
    await first.leave()
    await board.all(client, 'second')
    await second.leave()
    expect([board.running.size, board.wrong]).toEqual([0, []])
    expect(await keysOf(client, NAME)).toEqual([])
    // The third had the session of the test.
    expect(await leasesOf(client)).toBe(1)
  })

  it('A1 waits for the work that is to end, and no longer than drainMs', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const board = new Board()
    const finish = Promise.withResolvers<void>()
    const first = board.join('first', client, {}, () => finish.promise)
    await board.all(client, 'first')
    const stopping = first.leave()
    const second = board.join('second', connect(server.endpoint))
    await waitFor(async () => (await keysOf(client, `${NAME}/locks/`)).length === 2 * PARTITIONS.length)
    // The second waits for every lock; the first still holds and may write.
    expect([second.calls.length, first.calls.length]).toEqual([0, PARTITIONS.length])
    const [call] = first.calls
    expect([call!.lock.signal.aborted, call!.lock.isHeld]).toEqual([true, true])
    await call!.lock.commit(op.put('data', 'last words'))
    finish.resolve()
    await board.all(client, 'second')
    await stopping
    expect(board.wrong).toEqual([])

    const never = Promise.withResolvers<void>()
    await second.leave()
    const stuck = board.join('stuck', client, { drainMs: 100 }, () => never.promise)
    await board.all(client, 'stuck')
    const late = [...stuck.calls]
    let isOver = false
    const over = stuck.leave().then(() => {
      isOver = true
    })
    board.running.clear()
    const third = board.join('third', connect(server.endpoint))
    await board.all(client, 'third')
    expect(late.map(({ lock }) => lock.isHeld)).toEqual(late.map(() => false))
    expect(await codeOf(late[0]!.lock.commit(op.put('data', 'too late')))).toBe('closed')
    expect((await client.kv.get('data'))?.text).toBe('last words')
    // It ends with the last call of its work.
    expect(isOver).toBe(false)
    await third.leave()
    never.resolve()
    await over
    expect(await keysOf(client, NAME)).toEqual([])
  })

  it('A1 runs again what comes back to a member before its former work has ended', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const board = new Board()
    const finish = Promise.withResolvers<void>()
    const isSlow = (partition: string) => Number(partition.slice(1)) % 2 === 0
    const quick = PARTITIONS.filter((partition) => !isSlow(partition))
    const ends = (partition: string) => (isSlow(partition) ? finish.promise : Promise.resolve())
    const first = board.join('first', client, {}, ends)
    await board.all(client, 'first')
    const second = board.join('second', connect(server.endpoint))
    await waitFor(() => second.calls.length > 0)
    await second.leave()
    expect([second.calls, await keysOf(client, `${NAME}/members/`)]).toEqual([[], [expect.anything()]])
    // What ended at once runs again, so that the rest is assigned again too.
    await waitFor(() => quick.every((partition) => first.partitions().includes(partition)))
    const ending = first.calls.filter(({ lock }) => lock.signal.aborted).length
    expect(ending).toBeGreaterThan(0)
    const { started } = board
    finish.resolve()
    await board.all(client, 'first')
    expect(board.started).toBe(started + ending)
    await first.leave()
    expect(board.wrong).toEqual([])
  })

  it('A1 never calls the work of a partition again before the former call has settled', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const stop = new AbortController()
    const calls: { lock: Lock; end: () => void }[] = []
    // Ends when it is asked to, so it shows when the partitions are assigned again.
    let others = 0
    const options = { ...QUICK, partitions: ['only', 'other'], drainMs: 1, signal: stop.signal }
    const ended = runPartitioner(client, NAME, options, (partition, lock) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      if (partition === 'only') calls.push({ lock, end: resolve })
      else {
        others += 1
        lock.signal.addEventListener('abort', () => resolve())
      }
      return promise
    })
    await waitFor(() => calls.length === 1 && others === 1)
    // The session of the first term is lost, then the membership of the next two.
    const [lease] = await client.lease.list()
    await connect(server.endpoint).lease.revoke(lease!)
    for (const terms of [2, 3, 4]) {
      await waitFor(() => others === terms)
      expect([calls.length, await keysOf(client, `${NAME}/locks/only/`)]).toEqual([1, []])
      const [member] = await keysOf(client, `${NAME}/members/`)
      if (terms < 4) await client.kv.delete(member!)
    }
    expect(calls[0]!.lock.signal.aborted).toBe(true)
    calls[0]!.end()
    await waitFor(() => calls.length === 2)
    expect([calls[1]!.lock.isHeld, calls[1]!.lock.token > calls[0]!.lock.token]).toEqual([true, true])
    // It returns although it holds, and is called again.
    calls[1]!.end()
    await waitFor(() => calls.length === 3)
    stop.abort()
    calls[2]!.end()
    await ended
    expect([await keysOf(client, NAME), await leasesOf(client)]).toEqual([[], 0])
  })

  it('A1 takes over from a member that is cut off, which comes back with a new session', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const proxy = await proxyTo(server.endpoint)
    const board = new Board()
    const near = board.join('near', client)
    const far = board.join('far', connect(proxy.endpoint), { ttlSeconds: 2 })
    const before = await board.all(client, 'near', 'far')
    await proxy.refuse()
    proxy.cutAll()
    await board.all(client, 'near')
    expect(far.calls).toEqual([])
    await proxy.accept()
    await board.all(client, 'near', 'far')
    expect([...before.values()].filter((id) => id === 'far').length).toBeGreaterThan(0)
    await near.leave()
    await far.leave()
    expect([board.wrong, await keysOf(client, NAME), await leasesOf(client)]).toEqual([[], [], 0])
  })

  it('A1 goes on when somebody deletes keys by hand, and when history is compacted', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const board = new Board()
    const session = await open(client)
    const first = board.join('first', session)
    const second = board.join('second', connect(server.endpoint))
    await board.all(client, 'first', 'second')
    const { lock, partition } = first.calls[0]!
    await client.kv.delete(lock.key)
    await waitFor(() => first.calls.some((call) => call.partition === partition && call.lock !== lock))
    await client.kv.delete(`${NAME}/members/${session.lease.toString(16)}`)
    await client.kv.put(`${NAME}/members/stranger`, 'not one of ours')
    await waitFor(async () => (await keysOf(client, `${NAME}/members/`)).length === 3)
    const { revision } = (await client.kv.put('other', '')).header
    await client.kv.compact(revision)
    await board.all(client, 'first', 'second')
    // A lock that another process holds under the same name is waited for.
    const held = second.calls[0]!.partition
    const mutex = createMutex(await open(client), `${NAME}/locks/${held}`)
    const acquiring = mutex.acquire()
    await waitFor(async () => (await mutex.contenders()).length === 2)
    await second.leave()
    const foreign = await acquiring
    await waitFor(() => board.running.size === PARTITIONS.length - 1)
    expect(board.running.has(held)).toBe(false)
    await foreign.release()
    await board.all(client, 'first')
    await first.leave()
    await client.kv.delete(`${NAME}/members/stranger`)
    expect([board.wrong, await keysOf(client, NAME)]).toEqual([[], []])
  })

  it('A1 counts settleMs from the first change, however many follow', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const board = new Board()
    const first = board.join('first', client, { settleMs: 300 })
    await board.all(client, 'first')
    const second = board.join('second', connect(server.endpoint), { settleMs: 300 })
    // Members come and go more often than every settleMs, until the second runs something.
    let isOver = false
    const flapping = (async () => {
      while (!isOver) {
        await client.kv.put(`${NAME}/members/passer-by`, '[]')
        await client.kv.delete(`${NAME}/members/passer-by`)
      }
    })()
    await board.all(client, 'first', 'second')
    isOver = true
    await flapping
    await first.leave()
    await second.leave()
    expect(board.wrong).toEqual([])
  })

  it('A1 runs the partitions that only some members have, while a new version is rolled out', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const board = new Board()
    const [half, rest] = [PARTITIONS.slice(0, 24), PARTITIONS.slice(24)]
    const old = board.join('old', client, { partitions: half })
    await waitFor(() => board.running.size === half.length)
    const next = board.join('next', connect(server.endpoint))
    const owners = await board.all(client, 'old', 'next')
    for (const partition of rest) expect(owners.get(partition)).toBe('next')
    await old.leave()
    await board.all(client, 'next')
    await next.leave()
    expect(board.wrong).toEqual([])
  })

  it('ends with what its work throws while it holds its lock, when everything else has ended', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    let others = 0
    let ended = 0
    const failing = runPartitioner(client, NAME, QUICK, async (partition, lock) => {
      if (partition === 'p3') throw new TypeError('a bug')
      others += 1
      await new Promise((resolve) => lock.signal.addEventListener('abort', resolve))
      ended += 1
      throw new Error('interrupted')
    })
    await expect(failing).rejects.toThrow(new TypeError('a bug'))
    expect(ended).toBe(others)
    expect([await keysOf(client, NAME), await leasesOf(client)]).toEqual([[], 0])

    const session = await open(client)
    const board = new Board()
    const member = board.join('member', session)
    await board.all(client, 'member')
    await connect(server.endpoint).lease.revoke(session.lease)
    expect(await codeOf(member.ended)).toBe('session_lost')
    expect(board.running.size).toBe(0)
    const short = connect(server.endpoint)
    const closed = board.join('closed', short)
    await board.all(client, 'closed')
    await short.close()
    expect(await codeOf(closed.ended)).toBe('closed')
  })

  it('refuses what it cannot use before anything is sent', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const session = await open(client)
    const bad: [unknown, RegExp][] = [
      [{}, /partitions of runPartitioner is undefined, not a list of different names/],
      [{ partitions: [] }, /with at least one/],
      [{ partitions: ['a', 'a'] }, /different names/],
      [{ partitions: ['a/b'] }, /without slashes/],
      [{ partitions: 'abc' }, /partitions of runPartitioner is a text of 3 characters/],
      [{ partitions: ['a'], settleMs: -1 }, /settleMs/],
      [{ partitions: ['a'], drainMs: Number.NaN }, /drainMs/],
      [{ partitions: ['a'], settle: 1 }, /no option settle/],
      [{ partitions: ['a'], ttlSeconds: 5, marginMs: 1 }, /ttlSeconds and marginMs .* session already/],
    ]
    for (const [options, message] of bad)
      await expect(runPartitioner(session, NAME, options as never, () => 0)).rejects.toThrow(message)
    await expect(runPartitioner(client, 'a/', QUICK, () => 0)).rejects.toThrow(/ends with a slash/)
    await expect(runPartitioner(client, NAME, QUICK, 1 as never)).rejects.toThrow(/run is 1, not a function/)
    await expect(runPartitioner({} as never, NAME, QUICK, () => 0)).rejects.toThrow(/client/)
    const signal = AbortSignal.abort()
    await runPartitioner(client, NAME, { ...QUICK, signal }, () => expect.unreachable())
    expect(await keysOf(client, NAME)).toEqual([])
  })
})
