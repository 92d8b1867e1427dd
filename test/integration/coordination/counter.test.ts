import { createCounter } from '@livetree/coordination'
import { expect, it } from 'vitest'
import { eachEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'
import { codeOf, countTraffic, open, proxyTo } from './kit.ts'

withoutOpenHandles()

eachEtcd('a counter', (etcd) => {
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
    await expect(counter.add(1 as never)).rejects.toThrow(/the delta is 1, not a bigint/)
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
})
