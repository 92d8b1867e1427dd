import { openCache, openElectionView, openGroup } from '@livetree/coordination'
import { type EtcdClient, op } from '@livetree/etcd'
import { expect, it } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'
import { codeOf, proxyTo } from './kit.ts'

withoutOpenHandles()

const decode = (value: Buffer): unknown => JSON.parse(value.toString())

oneEtcd('a cache', (etcd) => {
  it('V1 equals a linearizable read once fresh() resolved, with one change for each revision', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const writer = connect(server.endpoint)
    await writer.kv.put('flags/a', '1')
    await using cache = await openCache(client, { prefix: 'flags/' }, { decode })
    expect([cache.get('flags/a'), cache.get(Buffer.from('flags/a')), cache.size, cache.status]).toEqual([
      1,
      1,
      1,
      'live',
    ])
    const seen: string[] = []
    const off = cache.on('change', () => seen.push(JSON.stringify([...cache.entries()])))
    for (let round = 0; round < 30; round += 1) {
      await writer.kv.put(`flags/${round % 3}`, String(round))
      await cache.fresh()
      const { entries, header } = await writer.kv.getRange({ prefix: 'flags/' })
      expect(Object.fromEntries(cache.entries())).toEqual(
        Object.fromEntries(entries.map(({ key, text }) => [key, Number(text)])),
      )
      expect(cache.revision).toBeGreaterThanOrEqual(header.revision)
    }
    expect(seen).toHaveLength(30)
    await writer.kv.txn().then(op.put('flags/a', '7'), op.put('flags/b', '7'), op.delete('flags/0')).commit()
    await cache.fresh()
    expect(seen).toHaveLength(31)
    expect(Object.fromEntries(JSON.parse(seen.at(-1) ?? ''))).toEqual({
      'flags/a': 7,
      'flags/b': 7,
      'flags/1': 28,
      'flags/2': 29,
    })
    off()
    await writer.kv.deleteRange({ prefix: 'flags/' })
    await cache.waitFor(({ size }) => size === 0)
    expect(seen).toHaveLength(31)
  })

  it('V1 shows that it is stale, and is complete again after a gap whose history is compacted', async () => {
    const server = await etcd.start()
    const proxy = await proxyTo(server.endpoint)
    const writer = connect(server.endpoint)
    for (const key of ['a', 'b', 'c']) await writer.kv.put(`flags/${key}`, '1')
    await using cache = await openCache(connect(proxy.endpoint), { prefix: 'flags/' }, { decode })
    let changes = 0
    cache.on('change', () => {
      changes += 1
      throw new Error('a listener that fails')
    })
    await proxy.refuse()
    proxy.cutAll()
    await waitFor(() => cache.status === 'stale')
    await writer.kv.delete('flags/a')
    await writer.kv.put('flags/b', '2')
    const { revision } = (await writer.kv.put('flags/d', '4')).header
    await writer.kv.compact(revision)
    expect(Object.fromEntries(cache.entries())).toEqual({ 'flags/a': 1, 'flags/b': 1, 'flags/c': 1 })
    await proxy.accept()
    await cache.fresh()
    expect([Object.fromEntries(cache.entries()), changes, cache.status]).toEqual([
      { 'flags/b': 2, 'flags/c': 1, 'flags/d': 4 },
      1,
      'live',
    ])
  })

  it.each<[string, (cache: AsyncDisposable, client: EtcdClient) => Promise<unknown>]>([
    ['it is closed', async (cache) => cache[Symbol.asyncDispose]()],
    ['its client is closed', (_, client) => client.close()],
  ])('does not say that it is stale when %s', async (_, end) => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const cache = await openCache(client, { prefix: 'flags/' }, { decode })
    const group = await openGroup(client, 'members')
    const election = await openElectionView(client, 'elections/a')
    const said: string[] = []
    for (const view of [cache, group, election]) {
      await view.fresh()
      view.on('stale', () => said.push(`stale: ${view.isStale}`))
    }
    for (const view of [cache, group, election]) await end(view, client)
    await waitFor(() => cache.status === 'closed' && group.isStale && election.isStale)
    expect(said).toEqual([])
  })

  it('keeps what cannot be decoded apart, ends what waits, and refuses what it cannot use', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    await client.kv.put('flags/a', 'not json')
    const cache = await openCache(client, { prefix: 'flags/' }, { decode })
    expect([cache.get('flags/a'), [...cache.invalid.keys()], cache.size]).toEqual([undefined, ['flags/a'], 0])
    await client.kv.put('flags/a', '{}')
    await cache.waitFor((seen) => seen.invalid.size === 0)
    expect(cache.get('flags/a')).toEqual({})
    expect(await codeOf(cache.waitFor(() => false, { timeoutMs: 50 }))).toBe('deadline_exceeded')
    await expect(
      cache.waitFor(() => {
        throw new TypeError('a bug')
      }),
    ).rejects.toThrow(new TypeError('a bug'))
    const waiting = codeOf(cache.waitFor(() => false))
    await cache.close()
    expect([await waiting, cache.status, client.watch.size]).toEqual(['closed', 'closed', 0])
    await expect(openCache(client, { prefix: 'flags/' }, {} as never)).rejects.toThrow(
      /decode of openCache is undefined/,
    )
    expect(
      await codeOf(openCache(client, { prefix: 'flags/' }, { decode, signal: AbortSignal.abort() })),
    ).toBe('cancelled')
    expect(client.watch.size).toBe(0)
  })

  it('takes no promise for a value or for an answer, and none of them ends the process', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    await client.kv.put('flags/a', '1')
    const asynchronous = async () => {
      throw new Error('rejected')
    }
    await using cache = await openCache(client, { prefix: 'flags/' }, { decode: asynchronous })
    expect([cache.size, cache.get('flags/a')]).toEqual([0, undefined])
    expect(cache.invalid.get('flags/a')).toMatchObject({ code: 'invalid_argument' })
    for (const condition of [async () => false, asynchronous])
      expect(await codeOf(cache.waitFor(condition as never))).toBe('invalid_argument')
  })
})
