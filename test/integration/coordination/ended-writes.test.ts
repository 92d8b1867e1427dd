import {
  createBarrier,
  createCounter,
  createMutex,
  createQueue,
  createSemaphore,
  createWorkQueue,
  type Lock,
  runPartitioner,
  type Session,
  type WaitOptions,
} from '@livetree/coordination'
import { type EtcdClient, op } from '@livetree/etcd'
import { expect, it } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import type { TcpProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'
import { codeOf, keysOf, open, proxyTo, sendTxnsBy } from './kit.ts'

withoutOpenHandles()

/** A call that only writes, and how often the store shows what it writes. */
interface Write {
  /** Brings the store into the state before the write. */
  prepare?(): Promise<unknown>
  call(options?: WaitOptions): Promise<unknown>
  count(direct: EtcdClient): Promise<number>
}

/** Counts the keys below a prefix. */
function keysBelow(prefix: string): Write['count'] {
  return async (direct) => (await keysOf(direct, prefix)).length
}

/** Every call with a `signal` and a `timeoutMs` that only writes. */
function writesOf(client: EtcdClient, session: Session) {
  const [queue, jobs] = [createQueue(client, 'queues/a'), createWorkQueue(session, 'jobs/a')]
  const counter = createCounter(session, 'counters/a')
  const [up, down] = [createBarrier(client, 'barriers/up'), createBarrier(client, 'barriers/down')]
  return {
    'Queue.put': { call: (options) => queue.put('v', options), count: keysBelow('queues/a/') },
    'WorkQueue.put': { call: (options) => jobs.put('v', options), count: keysBelow('jobs/a/items/') },
    'Counter.add': {
      prepare: () => counter.add(0n),
      call: (options) => counter.add(1n, options),
      count: async (direct) => Number((await direct.kv.get('counters/a'))?.text ?? 0),
    },
    'Barrier.hold': { call: (options) => up.hold(options), count: keysBelow('barriers/up') },
    'Barrier.hold of a session': {
      call: (options) => up.hold({ session, ...options }),
      count: keysBelow('barriers/up'),
    },
    'Barrier.release': {
      prepare: () => down.hold(),
      call: (options) => down.release(options),
      count: async (direct) => 1 - (await keysOf(direct, 'barriers/down')).length,
    },
  } satisfies Record<string, Write>
}

/** Writes without a `signal`, which end with the client. */
function othersOf(client: EtcdClient, session: Session) {
  const semaphore = createSemaphore(session, 'limits/a', { limit: 1 })
  let held: Lock | undefined
  return {
    ...writesOf(client, session),
    'Lock.commit': {
      prepare: async () => {
        held = await createMutex(session, 'locks/a').acquire()
      },
      call: async () => held?.commit(op.put('data', '1')),
      count: keysBelow('data'),
    },
    'Semaphore.setLimit': { call: () => semaphore.setLimit(2), count: keysBelow('limits/a/limit') },
  } satisfies Record<string, Write>
}

const WRITES = [
  'Queue.put',
  'WorkQueue.put',
  'Counter.add',
  'Barrier.hold',
  'Barrier.hold of a session',
  'Barrier.release',
] as const

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => 'it has succeeded',
    (error: unknown) => error,
  )
}

/** Returns when the client knows that it has no connection. */
async function cutOff(proxy: TcpProxy, client: EtcdClient): Promise<void> {
  await proxy.refuse()
  proxy.cutAll()
  await failureOf(client.kv.get('out of reach', { timeoutMs: 300 }))
}

/** Counts the requests of a client that have not ended. */
function openRequests(client: EtcdClient): { count: number } {
  const { channel } = client
  const requests = { count: 0 }
  const unary = channel.unary.bind(channel)
  const counting = async (...args: Parameters<typeof unary>): Promise<unknown> => {
    requests.count += 1
    try {
      return await unary(...args)
    } finally {
      requests.count -= 1
    }
  }
  Object.assign(channel, { unary: counting })
  return requests
}

oneEtcd('a write that ends before its answer', (etcd) => {
  it.each(WRITES)('%s: what was not sent when the caller gave up is never sent', async (name) => {
    const server = await etcd.start()
    const proxy = await proxyTo(server.endpoint)
    const [direct, client] = [connect(server.endpoint), connect(proxy.endpoint)]
    const write: Write = writesOf(client, await open(client))[name]
    await write.prepare?.()
    const requests = openRequests(client)
    await cutOff(proxy, client)
    const stop = new AbortController()
    const [late, cancelled] = [
      failureOf(write.call({ timeoutMs: 100 })),
      failureOf(write.call({ signal: stop.signal })),
    ]
    const error = await late
    expect(error).toMatchObject({ name: 'CoordinationError', code: 'deadline_exceeded' })
    expect(String(error)).toMatch(/within 100 ms\. Nothing was written: wait longer/)
    stop.abort('enough')
    expect(await cancelled).toMatchObject({ name: 'CoordinationError', code: 'cancelled', cause: 'enough' })
    await proxy.accept()
    await client.kv.get('reached')
    await waitFor(() => requests.count === 0)
    expect(await write.count(direct)).toBe(0)
    await write.call()
    expect(await write.count(direct)).toBe(1)
  })

  it.each(WRITES)('%s: one that was sent may have been applied, whatever ended the call', async (name) => {
    const server = await etcd.start()
    const direct = connect(server.endpoint)
    const proxy = await proxyTo(server.endpoint)
    const client = connect(proxy.endpoint)
    const write: Write = writesOf(client, await open(client))[name]
    await write.prepare?.()
    const stop = new AbortController()
    sendTxnsBy(client, (_, send) => {
      proxy.dropReplies()
      return send()
    })
    const failing = failureOf(write.call({ signal: stop.signal }))
    await waitFor(async () => (await write.count(direct)) === 1)
    let isOver = false
    void failing.then(() => {
      isOver = true
    })
    stop.abort('enough')
    await waitFor(() => isOver, { timeoutMs: 3_000, what: 'the end of the call, which waits for no answer' })
    const error = await failing
    expect(error).toMatchObject({ name: 'EtcdError', code: 'outcome_unknown', fate: 'unknown' })
    expect(error).toMatchObject({ cause: { code: 'cancelled', cause: 'enough' } })
    expect(String(error)).toMatch(/may have been applied/)
    expect(String(error)).not.toMatch(/Nothing|contenders/)
  })

  it.each([...WRITES, 'Lock.commit', 'Semaphore.setLimit'] as const)(
    '%s: a closed client has one code for a lost answer',
    async (name) => {
      const server = await etcd.start()
      const proxy = await proxyTo(server.endpoint)
      const [direct, client] = [connect(server.endpoint), connect(proxy.endpoint)]
      const write: Write = othersOf(client, await open(client))[name]
      await write.prepare?.()
      sendTxnsBy(client, (_, send) => {
        proxy.dropReplies()
        return send()
      })
      const failing = codeOf(write.call())
      await waitFor(async () => (await write.count(direct)) === 1)
      await client.close()
      expect(await failing).toBe('outcome_unknown')
    },
  )

  it('a sum goes on without those who gave up, and each of them knows what became of its part', async () => {
    const server = await etcd.start()
    const proxy = await proxyTo(server.endpoint)
    const [direct, client] = [connect(server.endpoint), connect(proxy.endpoint)]
    const counter = createCounter(await open(client), 'counters/a')
    await counter.add(1n)
    await cutOff(proxy, client)
    const stop = new AbortController()
    const first = counter.add(10n, { signal: stop.signal })
    const [second, third] = [counter.add(100n, { signal: stop.signal }), counter.add(1_000n)]
    const ends = [codeOf(first), codeOf(second)]
    stop.abort()
    expect(await Promise.all(ends)).toEqual(['cancelled', 'cancelled'])
    await proxy.accept()
    expect(await third).toMatchObject({ previous: 1n, value: 1_001n })
    // Two are joined, and arrive; one of them gives up before the answer.
    let holding: PromiseWithResolvers<void> | undefined = Promise.withResolvers<void>()
    const isHeld = holding
    sendTxnsBy(client, async (_, send) => {
      await holding?.promise
      if (holding === undefined) return send()
      holding = undefined
      return send()
    })
    const leader = counter.add(5n)
    const again = new AbortController()
    const [leaver, stayer] = [codeOf(counter.add(20n, { signal: again.signal })), counter.add(300n)]
    isHeld.resolve()
    expect(await leader).toMatchObject({ value: 1_006n })
    again.abort()
    const { value } = await stayer
    const isApplied = (await leaver) === undefined || value === 1_326n
    expect(value).toBe(isApplied ? 1_326n : 1_306n)
    expect(await createCounter(await open(direct), 'counters/a').get()).toBe(value)
  })

  it('what one handle has completed or released is not told as the deed of somebody else', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const session = await open(client)
    const queue = createWorkQueue(session, 'jobs/a')
    // The answer to the transaction that deletes the job comes after the failure of the one that lost.
    let releaseAnswer = Promise.withResolvers<void>()
    let isFirst = false
    sendTxnsBy(client, async (_, send) => {
      const holds = isFirst
      isFirst = false
      const answer = await send()
      if (holds) await releaseAnswer.promise
      return answer
    })
    const losers = {
      complete: (job) => job.complete(op.put('late', '')),
      commit: (job) => job.commit(op.put('late', '')),
      verify: (job) => job.verify(),
    } satisfies Record<string, (job: Awaited<ReturnType<typeof queue.take>>) => Promise<unknown>>
    for (const [name, lose] of Object.entries(losers)) {
      await queue.put(name)
      const job = await queue.take()
      isFirst = true
      releaseAnswer = Promise.withResolvers()
      const winning = job.complete()
      await waitFor(async () => (await keysOf(client, 'jobs/a/')).length === 0)
      const losing = failureOf(lose(job))
      await client.kv.get('after it')
      releaseAnswer.resolve()
      await winning
      const error = await losing
      expect([name, error]).toMatchObject([name, { code: 'closed' }])
      expect(String(error)).toMatch(/the job .* is completed/)
      expect(job.signal.reason).toBe(error)
    }
    expect(await client.kv.get('late')).toBeUndefined()
    const lock = await createMutex(session, 'locks/a').acquire()
    await lock.release()
    await expect(lock.commit(op.put('late', ''))).rejects.toThrow(/^\[closed\] locks\/a\/.* was released/)
  })

  it('texts fit the call', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const session = await open(client)
    const mutex = createMutex(session, 'locks/a')
    const lock = await mutex.acquire()
    await expect(mutex.acquire({ timeoutMs: 20 })).rejects.toThrow(/find out by contenders\(\) who is before/)
    await expect(createQueue(client, 'queues/a').take({ timeoutMs: 20 })).rejects.toThrow(
      /within 20 ms\. Give it a longer timeoutMs, or find out what it waits for\.$/,
    )
    await expect(lock.release({ signal: AbortSignal.abort() })).rejects.toThrow(/is still being released/)
    const partitioned = (partitions: readonly string[]) =>
      runPartitioner(session, 'partitions/a', { partitions }, async () => undefined)
    await expect(partitioned(['a', 'b', 'a'])).rejects.toThrow(
      /is a list whose name at index 2 is that at index 0/,
    )
    await expect(partitioned(['a', 'b/c'])).rejects.toThrow(/name at index 1 is a text with a slash/)
    await expect(partitioned(['', 'b'])).rejects.toThrow(/name at index 0 is empty/)
    await expect(partitioned([])).rejects.toThrow(/is an empty list/)
  })
})
