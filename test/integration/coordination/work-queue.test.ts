import { createWorkQueue, type Job } from '@livetree/coordination'
import { op } from '@livetree/etcd'
import { expect, it } from 'vitest'
import { eachEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'
import { codeOf, isPending, keysOf, open, proxyTo } from './kit.ts'

withoutOpenHandles()

const shown = (job: Job) => `${job.value} ${job.attempt}`

eachEtcd('a work queue', (etcd) => {
  it('Q1, W1 gives jobs by priority and age, each to one taker, and again when it is not completed', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const [first, second] = [await open(client), await open(connect(server.endpoint))]
    const queue = createWorkQueue(first, 'queues/a')
    const other = createWorkQueue(second, 'queues/a')
    for (const value of ['1', '2', '3']) await queue.put(value)
    await other.put('urgent', { priority: 1 })
    const jobs = await Promise.all([queue.take(), queue.take(), other.take(), other.take()])
    expect(jobs.map(shown).toSorted()).toEqual(['1 1', '2 1', '3 1', 'urgent 1'])
    const waiting = queue.take()
    expect(await codeOf(other.take({ timeoutMs: 100 }))).toBe('deadline_exceeded')
    const [urgent, one] = ['urgent', '1'].map((value) => jobs.find((job) => String(job.value) === value)!)
    await urgent!.complete(op.put('done', 'urgent'))
    expect([urgent!.isHeld, urgent!.signal.reason.code, (await client.kv.get('done'))?.text]).toEqual([
      false,
      'closed',
      'urgent',
    ])
    expect(await isPending(waiting)).toBe(true)
    await one!.release()
    const again = await waiting
    expect(shown(again)).toBe('1 2')
    await again.complete()
    expect([first.isLost, second.isLost]).toEqual([false, false])
    for (const job of jobs) if (job.isHeld) await job.complete()
    expect(await keysOf(client, 'queues/')).toEqual([])
    expect(await codeOf(urgent!.complete())).toBe('closed')
  })

  it('W1 refuses to complete after the loss, and gives the job to another', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const [session, other] = [await open(client), await open(client)]
    const queue = createWorkQueue(session, 'queues/a')
    await queue.put('x')
    const lost = await queue.take()
    const waiting = createWorkQueue(other, 'queues/a').take()
    // By hand, unnoticed so far.
    const completing = client.kv.delete(lost.key).then(() => codeOf(lost.complete(op.put('done', 'late'))))
    expect(await completing).toBe('lock_lost')
    const job = await waiting
    expect([shown(job), await client.kv.get('done')]).toEqual(['x 2', undefined])
    await other.close()
    const third = await queue.take()
    expect([shown(third), job.isHeld]).toEqual(['x 3', false])
    await third.complete()
    expect(await keysOf(client, 'queues/')).toEqual([])
  })

  it('W1 completes once when the answer is lost, and takes once', async () => {
    const server = await etcd.start()
    const proxy = await proxyTo(server.endpoint)
    const direct = connect(server.endpoint)
    const session = await open(connect(proxy.endpoint))
    const queue = createWorkQueue(session, 'queues/a')
    await queue.put('1')
    await queue.put('2')
    const job = await queue.take()
    proxy.dropReplies()
    const completing = job.complete(op.put('done', '1'))
    await waitFor(async () => (await direct.kv.get('done'))?.version === 1)
    proxy.cutAll()
    proxy.heal()
    await completing
    expect([(await direct.kv.get('done'))?.version, job.signal.reason.code, session.isLost]).toEqual([
      1,
      'closed',
      false,
    ])
    const next = await queue.take()
    expect(shown(next)).toBe('2 1')
    await next.complete()
    expect(await keysOf(direct, 'queues/')).toEqual([])
  })

  it('puts a job aside after its last attempt, and gives all of many to many', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const session = await open(client)
    const queue = createWorkQueue(session, 'queues/a', { maxAttempts: 2 })
    await queue.put('bad')
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      const job = await queue.take()
      expect(job.attempt).toBe(attempt)
      await job.release()
    }
    expect(await codeOf(queue.take({ timeoutMs: 300 }))).toBe('deadline_exceeded')
    const [dead] = (await client.kv.getRange({ prefix: 'queues/a/' })).entries
    expect([dead?.key.startsWith('queues/a/dead/50000/'), dead?.text]).toEqual([true, 'bad'])

    const queues = [
      createWorkQueue(await open(client), 'queues/b'),
      createWorkQueue(await open(client), 'queues/b'),
    ]
    const done: string[] = []
    const stop = new AbortController()
    const workers = Array.from({ length: 6 }, async (_, index) => {
      try {
        for (;;) {
          await using job = await queues[index % 2]!.take({ signal: stop.signal })
          // Every third attempt gives up.
          if (job.attempt === 1 && Number(job.value) % 3 === 0) continue
          await job.complete()
          done.push(String(job.value))
        }
      } catch (error) {
        expect(error).toMatchObject({ code: 'cancelled' })
      }
    })
    for (let value = 0; value < 30; value += 1) await queues[0]!.put(String(value))
    await waitFor(() => done.length >= 30, { timeoutMs: 40_000 })
    stop.abort()
    await Promise.all(workers)
    expect(done.map(Number).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 30 }, (_, index) => index),
    )
    await waitFor(async () => (await keysOf(client, 'queues/b/')).length === 0)
  })
})
