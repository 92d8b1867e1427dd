import {
  createCounter,
  createElection,
  createMutex,
  createSemaphore,
  createWorkQueue,
  type Held,
  joinGroup,
  type Session,
} from '@livetree/coordination'
import { op } from '@livetree/etcd'
import { expect, it } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'
import { codeOf, collecting, holdNextAnswer, keysOf, loseNextTxn, open, sendTxnsBy } from './kit.ts'

withoutOpenHandles()

oneEtcd('what is held', (etcd) => {
  it('S3 does not take the lease of another one in the writes of a commit for its own', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const session = await open(client)
    const [lock, other] = [
      await createMutex(session, 'locks/a').acquire(),
      await createMutex(session, 'locks/b').acquire(),
    ]
    const writes = [op.put('x', '1'), op.put('y', '1', { lease: 4_711n })] as const
    expect(await codeOf(lock.commit(...writes))).toBe('lease_not_found')
    expect(await codeOf(lock.verify({ clusterId: 4_711n }))).toBe(undefined)
    await other.verify()
    expect([session.isLost, lock.isHeld, await client.kv.get('x')]).toEqual([false, true, undefined])
    await connect(server.endpoint).lease.revoke(session.lease)
    // The lease is its own this time.
    expect(await codeOf(lock.commit(op.put('x', '1', { lease: session.lease })))).toMatch(/_lost$/)
    expect(await client.kv.get('x')).toBeUndefined()
    await waitFor(() => session.isLost)
  })

  it('says of each write on its way what became of it, however its handle ends meanwhile', async () => {
    const server = await etcd.start()
    const direct = connect(server.endpoint)
    type Write = (session: Session) => Promise<readonly [Held, () => Promise<unknown>]>
    const writes: [string, Write][] = [
      [
        'complete',
        async (session) => {
          const queue = createWorkQueue(session, 'queues/a')
          await queue.put('x')
          const job = await queue.take()
          return [job, () => job.complete(op.put('seen', 'new'))]
        },
      ],
      [
        'proclaim',
        async (session) => {
          const leadership = await createElection(session, 'elections/a').campaign('old')
          return [leadership, () => leadership.proclaim('new')]
        },
      ],
      [
        'update',
        async (session) => {
          const member = await joinGroup(session, 'groups/a', { value: 'old' })
          return [member, () => member.update('new')]
        },
      ],
    ]
    const ends: [string, (held: Held, session: Session) => Promise<void>][] = [
      ['release', (held) => held.release()],
      ['close', (_, session) => session.close()],
    ]
    for (const [name, begin] of writes)
      for (const [how, end] of ends)
        for (const isLost of [false, true]) {
          const client = connect(server.endpoint)
          const session = await open(client)
          const [held, write] = await begin(session)
          const sending = isLost ? loseNextTxn(client, { arrives: true }) : holdNextAnswer(client)
          const written = codeOf(write())
          await ('applied' in sending ? sending.applied : sending.sent)
          const ending = end(held, session)
          if ('applied' in sending) sending.answer()
          else sending.report()
          expect([name, how, isLost, await written]).toEqual([
            name,
            how,
            isLost,
            isLost ? 'outcome_unknown' : undefined,
          ])
          await ending
          expect(held.isHeld).toBe(false)
        }
    expect(await keysOf(direct, 'queues/')).toEqual([])
    expect((await direct.kv.get('seen'))?.text).toBe('new')
  })

  it('completes a job whose block ends before the completion is answered', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const queue = createWorkQueue(await open(client), 'queues/a')
    await queue.put('x')
    const arrives = Promise.withResolvers<void>()
    let sent = 0
    const handle = async () => {
      await using job = await queue.take()
      sendTxnsBy(client, async (_, send) => {
        sent += 1
        if (sent === 1) await arrives.promise
        return send()
      })
      // Not awaited here, so that the job is released while this is on its way.
      return job.complete(op.put('done', '1'))
    }
    const handling = handle()
    await waitFor(() => sent > 0)
    await client.kv.get('meanwhile')
    expect(sent).toBe(1)
    arrives.resolve()
    await handling
    expect([await keysOf(client, 'queues/'), (await client.kv.get('done'))?.text]).toEqual([[], '1'])
  })

  it('warns once about a key without a lease that is waited for, such as one of another recipe', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const warnings: string[] = []
    const session = await open(client, { logger: collecting(warnings) })
    const semaphore = createSemaphore(session, 'names/a', { limit: 1 })
    await (await semaphore.acquire()).release()
    const mutex = createMutex(session, 'names/a')
    for (let round = 0; round < 2; round += 1)
      expect(await codeOf(mutex.acquire({ timeoutMs: 300 }))).toBe('deadline_exceeded')
    expect(warnings).toEqual([expect.stringMatching(/Waiting for a key without a lease/)])
  })

  it('refuses options that are no plain object, and those of a read that it does not know', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const session = await open(client)
    const mutex = createMutex(session, 'locks/a')
    const lock = await mutex.acquire()
    const election = createElection(session, 'elections/a')
    const semaphore = createSemaphore(session, 'limits/a')
    const counter = createCounter(session, 'counters/a')
    const unreadable = Object.defineProperty({}, 'timeoutMs', {
      enumerable: true,
      get: () => {
        throw new Error('a getter')
      },
    })
    class Options {
      timeoutMs = 5
    }
    const wrong = [
      [],
      new Map([['timeoutMs', 5]]),
      new Options(),
      AbortSignal.timeout(1),
      null,
      5,
      'x',
      () => 1,
    ]
    for (const options of [...wrong, unreadable, { timeout: 5 }, { timeoutMs: '5' }] as never[]) {
      const calls = [
        mutex.acquire(options),
        mutex.contenders(options),
        lock.verify(options),
        election.leader(options),
        election.candidates(options),
        semaphore.limit(options),
        semaphore.contenders(options),
        counter.get(options),
        counter.add(1n, options),
      ]
      expect(new Set(await Promise.all(calls.map(codeOf)))).toEqual(new Set(['invalid_argument']))
    }
    const bare = Object.assign(Object.create(null), { timeoutMs: 5_000 })
    expect(await mutex.contenders(bare)).toHaveLength(1)
  })
})
