import { createWorkQueue, type Job } from '@livetree/coordination'
import { op } from '@livetree/etcd'
import { expect, it } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'
import {
  codeOf,
  collecting,
  isPending,
  keysOf,
  loseAnswersToPuts,
  loseNextTxn,
  open,
  proxyTo,
} from './kit.ts'

withoutOpenHandles()

const shown = (job: Job) => `${job.value} ${job.attempt}`

oneEtcd('a work queue', (etcd) => {
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

  it('W1 gives a job once when two takers of one session claim it and all their answers are lost', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const queue = createWorkQueue(await open(client), 'queues/a')
    await queue.put('1')
    // The answers to both claims, and to one that is sent again.
    loseAnswersToPuts(client, 3)
    const taking = [queue.take(), queue.take()]
    await Promise.race(taking)
    await queue.put('2')
    const jobs = await Promise.all(taking)
    expect(jobs.map(shown).toSorted()).toEqual(['1 1', '2 1'])
    for (const job of jobs) await job.complete()
    expect(await keysOf(client, 'queues/')).toEqual([])
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

  it('gives only what is an item, however many other keys are before it, also one that is not text', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const warnings: string[] = []
    const queue = createWorkQueue(await open(client, { logger: collecting(warnings) }), 'queues/a')
    for (let page = 0; page < 3; page += 1) {
      const puts = Array.from({ length: 40 }, (_, index) => op.put(`queues/a/items/0/${page}/${index}`, 'x'))
      await client.kv
        .txn()
        .then(...puts)
        .commit()
    }
    const others = [
      'items/1',
      'items/00001/a/b',
      'items/000001/a',
      'items/0000a/b',
      'items/00001/',
      'items/ 1/a',
    ]
    for (const key of others) await client.kv.put(`queues/a/${key}`, 'x')
    const late = await queue.take({ timeoutMs: 300 }).catch((error: unknown) => error)
    expect(String(late)).toMatch(
      /deadline_exceeded.*queues\/a did not end within 300 ms.*find out what it waits for\.$/,
    )
    expect(warnings).toEqual([expect.stringMatching(/among the jobs of a work queue is none/)])
    const strange = [0xfe, 0xff].map((byte) =>
      Buffer.concat([Buffer.from('queues/a/items/00002/'), Buffer.of(byte)]),
    )
    for (const [index, key] of strange.entries()) await client.kv.put(key, `strange ${index}`)
    await queue.put('own')
    const jobs = [await queue.take(), await queue.take(), await queue.take()]
    expect(jobs.map(shown)).toEqual(['strange 0 1', 'strange 1 1', 'own 1'])
    await jobs[0]!.release()
    const again = await queue.take()
    expect(shown(again)).toBe('strange 0 2')
    for (const job of [again, ...jobs.slice(1)]) await job.complete()
    expect(await codeOf(queue.take({ timeoutMs: 300 }))).toBe('deadline_exceeded')
    expect(await keysOf(client, 'queues/a/')).toHaveLength(120 + others.length)
  })

  it('puts nothing aside without maxAttempts, whatever was written as the number of attempts', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const session = await open(client)
    const queue = createWorkQueue(session, 'queues/a')
    await queue.put('x')
    for (const text of ['Infinity', '1e999', '9'.repeat(400), '-5', '0x10', '1.5', '', '9007199254740991']) {
      const { entries } = await client.kv.getRange({ prefix: 'queues/a/items/' })
      await client.kv.put(entries[0]!.key.replace('/items/', '/attempts/'), text)
      const job = await queue.take({ timeoutMs: 20_000 })
      expect(Number.isSafeInteger(job.attempt) && job.attempt >= 1).toBe(true)
      await job.release()
    }
    expect(await keysOf(client, 'queues/a/dead/')).toEqual([])
    const strict = createWorkQueue(session, 'queues/a', { maxAttempts: 2 })
    const { entries } = await client.kv.getRange({ prefix: 'queues/a/items/' })
    await client.kv.put(entries[0]!.key.replace('/items/', '/attempts/'), 'nonsense')
    await (await strict.take()).release()
    await (await strict.take()).release()
    expect(await codeOf(strict.take({ timeoutMs: 300 }))).toBe('deadline_exceeded')
    expect(await keysOf(client, 'queues/a/dead/')).toHaveLength(1)
  })

  it('W1 says what became of a completion without an answer, and that it cannot know where it cannot', async () => {
    const server = await etcd.start()
    const direct = connect(server.endpoint)
    const client = connect(server.endpoint)
    const queue = createWorkQueue(await open(client), 'queues/a')
    const other = createWorkQueue(await open(direct), 'queues/a')
    type Meanwhile = (job: Job) => Promise<unknown>
    const takeAndComplete: Meanwhile = async (job) => {
      await direct.kv.delete(job.key)
      await (await other.take()).complete()
    }
    const compact: Meanwhile = async () =>
      direct.kv.compact((await direct.kv.put('other', '')).header.revision)
    const cases: [what: string, arrives: boolean, meanwhile: Meanwhile, outcome: string | undefined][] = [
      ['it arrived', true, async () => undefined, undefined],
      [
        'it arrived, and the key was put again by hand',
        true,
        (job) => direct.kv.put(job.item, 'x'),
        undefined,
      ],
      ['it arrived, and the history is gone', true, compact, 'outcome_unknown'],
      ['it is lost, and another one completed', false, takeAndComplete, 'lock_lost'],
      ['it is lost, and another one has the job', false, (job) => direct.kv.delete(job.key), 'lock_lost'],
      ['it is lost, and the job was deleted by hand', false, (job) => direct.kv.delete(job.item), undefined],
      [
        'it is lost, and all was deleted by hand',
        false,
        () => direct.kv.deleteRange({ prefix: 'queues/a/' }),
        'lock_lost',
      ],
      ['it arrived when the job was deleted by hand', true, async () => undefined, 'outcome_unknown'],
    ]
    for (const [what, arrives, meanwhile, outcome] of cases) {
      await queue.put('x')
      const job = await queue.take()
      if (what.includes('when')) await direct.kv.delete(job.item)
      const lost = loseNextTxn(client, { arrives })
      const completing = codeOf(job.complete(op.put('effect', what)))
      await lost.sent
      await meanwhile(job)
      lost.report()
      expect([what, await completing]).toEqual([what, outcome])
      expect([what, job.isHeld]).toEqual([what, false])
      if (outcome === undefined) expect((await direct.kv.get('effect'))?.text).toBe(what)
      await direct.kv.deleteRange({ prefix: 'queues/a/' })
    }
  })

  it('W1 does not take the lease of another one in the writes of a completion for its own', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const session = await open(client)
    const queue = createWorkQueue(session, 'queues/a')
    await queue.put('x')
    const job = await queue.take()
    expect(await codeOf(job.complete(op.put('done', '', { lease: 4_711n })))).toBe('lease_not_found')
    expect([session.isLost, job.isHeld, await client.kv.get('done')]).toEqual([false, true, undefined])
    await job.complete(op.put('done', '1'))
    await queue.put('y')
    const last = await queue.take()
    await connect(server.endpoint).lease.revoke(session.lease)
    expect(await codeOf(last.complete(op.put('done', '2', { lease: session.lease })))).toMatch(
      /^(session_lost|lock_lost)$/,
    )
    await waitFor(() => session.isLost)
  })
})
