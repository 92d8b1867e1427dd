import { createCounter } from '@livetree/coordination'
import { expect, it } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'
import { codeOf, countTraffic, keysOf, loseNextTxn, open, proxyTo } from './kit.ts'

withoutOpenHandles()

oneEtcd('a counter', (etcd) => {
  it('C1 gives exactly the sum, and each value once, when many add and answers are lost', async () => {
    const server = await etcd.start()
    const proxy = await proxyTo(server.endpoint)
    const direct = connect(server.endpoint)
    const far = connect(proxy.endpoint)
    const counters = [
      createCounter(await open(direct), 'counters/a'),
      createCounter(await open(far), 'counters/a'),
      createCounter(await open(far), 'counters/a'),
    ]
    const values: bigint[] = []
    let isCutting = true
    const cutting = (async () => {
      for (let round = 0; round < 8 && isCutting; round += 1) {
        const before = proxy.carriedBytes.toServer
        proxy.dropReplies()
        const dropped = proxy.droppedBytes
        await waitFor(
          () => !isCutting || proxy.droppedBytes > dropped || proxy.carriedBytes.toServer > before + 400,
        )
        proxy.cutAll()
        proxy.heal()
        const count = values.length
        await waitFor(() => !isCutting || values.length > count)
      }
    })()
    const adding = Array.from({ length: 12 }, async (_, index) => {
      for (let step = 0; step < 10; step += 1) {
        const { value, previous } = await counters[index % 3]!.add(1n)
        expect(value).toBe(previous + 1n)
        values.push(value)
      }
    })
    await Promise.all(adding)
    isCutting = false
    await cutting
    expect(await counters[0]!.get()).toBe(120n)
    expect(values.toSorted((a, b) => Number(a - b))).toEqual(
      Array.from({ length: 120 }, (_, index) => BigInt(index + 1)),
    )
  })

  it('C1 recognizes its own addition whose answer was lost, also after somebody else added', async () => {
    const server = await etcd.start()
    const proxy = await proxyTo(server.endpoint)
    const direct = connect(server.endpoint)
    const counter = createCounter(await open(connect(proxy.endpoint)), 'counters/a')
    const other = createCounter(await open(direct), 'counters/a')
    await counter.add(5n)
    proxy.dropReplies()
    const adding = counter.add(10n)
    await waitFor(async () => (await other.get()) === 15n)
    expect(await other.add(100n)).toMatchObject({ previous: 15n, value: 115n })
    proxy.cutAll()
    proxy.heal()
    expect(await adding).toMatchObject({ previous: 5n, value: 15n })
    expect(await other.get()).toBe(115n)
    expect(await counter.add(-1n)).toMatchObject({ previous: 115n, value: 114n })
  })

  it('joins what waits, counts beyond 2^64, and tells when it cannot know', async () => {
    const server = await etcd.start()
    const proxy = await proxyTo(server.endpoint)
    const direct = connect(server.endpoint)
    const client = connect(proxy.endpoint)
    const session = await open(client)
    const counter = createCounter(session, 'counters/a')
    const traffic = countTraffic(client)
    await counter.add(2n ** 64n)
    const before = traffic.calls
    const results = await Promise.all(Array.from({ length: 50 }, () => counter.add(2n)))
    expect(traffic.calls - before).toBe(2)
    expect(results.map(({ value }) => value - 2n ** 64n)).toEqual(
      Array.from({ length: 50 }, (_, n) => BigInt(2 * n + 2)),
    )
    expect(await createCounter(session, 'counters/b').get()).toBe(0n)
    await direct.kv.put('counters/text', 'x')
    await expect(createCounter(session, 'counters/text').add(1n)).rejects.toThrow(
      /counters\/text holds something else/,
    )
    await expect(counter.add(1 as never)).rejects.toThrow(/the delta is 1, not a bigint such as 1n/)
    expect(await codeOf(counter.add(1n, { signal: AbortSignal.abort() }))).toBe('cancelled')
    proxy.dropReplies()
    const unknown = codeOf(counter.add(1n))
    await waitFor(async () => (await direct.kv.get('counters/a'))?.version === 4)
    await direct.lease.revoke(session.lease)
    proxy.cutAll()
    proxy.heal()
    await session.close()
    expect(await unknown).toBe('outcome_unknown')
    expect(await codeOf(counter.add(1n))).toMatch(/closed|session_lost/)
    expect((await direct.kv.getRange({ prefix: 'counters/a.by/' })).entries).toEqual([])
  })

  it('C1 says that it cannot know when its own mark was deleted by hand before the answer was repeated', async () => {
    const server = await etcd.start()
    const direct = connect(server.endpoint)
    for (const arrives of [true, false]) {
      const name = `counters/${arrives}`
      const client = connect(server.endpoint)
      const counter = createCounter(await open(client), name)
      await counter.add(1n)
      const lost = loseNextTxn(client, { arrives })
      const adding = codeOf(counter.add(1n))
      await lost.sent
      expect(await createCounter(await open(direct), name).add(100n)).toMatchObject({
        previous: arrives ? 2n : 1n,
      })
      await direct.kv.deleteRange({ prefix: `${name}.by/` })
      lost.report()
      expect(await adding).toBe('outcome_unknown')
      const expected = arrives ? 102n : 101n
      expect(await counter.get()).toBe(expected)
      expect(await counter.add(1n)).toMatchObject({ previous: expected })
    }
  })

  it.each([true, false])('C1 knows what became of the very first addition (arrived: %s)', async (arrives) => {
    const server = await etcd.start()
    const direct = connect(server.endpoint)
    const client = connect(server.endpoint)
    const session = await open(client)
    const counter = createCounter(session, 'counters/a')
    const other = createCounter(await open(direct), 'counters/a')
    await other.add(10n)
    // Whatever it sends first, and second, and third.
    let lost = loseNextTxn(client, { arrives })
    const adding = counter.add(1n)
    for (let round = 0; round < 3; round += 1) {
      await Promise.race([lost.sent, adding])
      await other.add(10n)
      const next = loseNextTxn(client, { arrives })
      lost.report()
      lost = next
    }
    lost.report()
    const { previous, value } = await adding
    expect(value - previous).toBe(1n)
    expect((await counter.get()) % 10n).toBe(1n)
  })

  it('refuses a sum that it could not read again, and nothing that was joined with it', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const session = await open(client)
    const counter = createCounter(session, 'counters/a')
    const most = 10n ** 1_000n - 1n
    expect(await codeOf(counter.add(most + 1n))).toBe('invalid_argument')
    expect(await codeOf(counter.add(-(10n ** 1_600_000n)))).toBe('invalid_argument')
    expect(await counter.add(most)).toMatchObject({ value: most })
    const joined = [1n, -2n, 2n, 1n, -4n].map((delta) => counter.add(delta))
    const settled = await Promise.allSettled(joined)
    expect(settled.map(({ status }) => status)).toEqual([
      'rejected',
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ])
    await expect(joined[0]).rejects.toThrow(/1,000 digits/)
    expect(await createCounter(session, 'counters/a').get()).toBe(most - 4n)
    // What it knows may be outdated: only the store decides.
    const fresh = createCounter(await open(connect(server.endpoint)), 'counters/a')
    await fresh.add(4n)
    expect(await codeOf(counter.add(1n))).toBe('invalid_argument')
    await fresh.add(-1n)
    expect(await counter.add(1n)).toMatchObject({ value: most })
    await counter.add(-most)
    expect(await counter.add(-most)).toMatchObject({ value: -most })
    expect(await codeOf(counter.add(-1n))).toBe('invalid_argument')
  })

  it('leaves one mark for each session and counter, however often it is made', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const sessions = [await open(client), await open(client)]
    const adding = Array.from({ length: 40 }, (_, index) =>
      createCounter(sessions[index % 2]!, 'counters/a').add(1n),
    )
    await Promise.all(adding)
    expect(await createCounter(sessions[0]!, 'counters/a').get()).toBe(40n)
    expect(await keysOf(client, 'counters/a.by/')).toHaveLength(2)
  })
})
