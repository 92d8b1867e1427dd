import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { clientEtcds } from '../../support/each-etcd.ts'
import { failure } from '../../support/failure.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'
import { startProxy, type TcpProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'

clientEtcds('ranges', (etcd) => {
  withoutOpenHandles()
  let server: EtcdServer

  beforeAll(async () => {
    server = await etcd.start()
  })

  afterAll(() => server.close())

  describe.each(['', 'app/'])('under the namespace "%s"', (namespace) => {
    let client: EtcdClient

    beforeAll(async () => {
      client = createEtcdClient({ endpoints: server.endpoint, namespace })
      for (const key of ['\0', '\0\0', 'a', 'b', 'c', Buffer.of(0xff), Buffer.of(0xff, 0xff)])
        await client.kv.put(key, '1')
    })

    afterAll(() => client.close())

    test.each([
      { from: 'a', to: Buffer.of(0) },
      { from: '', to: Buffer.of(0) },
      { from: '\0', to: '\0' },
      { from: '\0', to: Buffer.of(0) },
      { from: 'b', to: 'a' },
      { from: 'b', to: 'b' },
      { from: Buffer.of(0xff), to: Buffer.of(0) },
      { from: Buffer.of(0xff), to: 'a' },
      { prefix: 'nothing' },
    ])('T3.74 a range that holds no key reads, counts and deletes nothing: %j', async (range) => {
      const { kv } = client
      const before = await kv.count({ prefix: '' })
      expect(await kv.getRange(range)).toMatchObject({ entries: [], count: 0, hasMore: false })
      expect(await kv.count(range)).toBe(0)
      expect((await kv.scan(range, ({ keys }) => expect(keys).toEqual([]))).count).toBe(0)
      for await (const entry of kv.iterate(range)) expect(entry).toBeUndefined()
      expect(await kv.deleteRange(range)).toMatchObject({ deleted: 0 })
      expect(await kv.count({ prefix: '' })).toBe(before)
    })
  })
})

clientEtcds('a write whose answer was lost', (etcd) => {
  withoutOpenHandles()
  let server: EtcdServer
  let client: EtcdClient
  let proxy: TcpProxy
  let through: EtcdClient
  const value = 'lose-the-answer-to-this'
  let isArmed = false
  let key = ''
  let number = 0

  beforeAll(async () => {
    server = await etcd.start()
    client = createEtcdClient({ endpoints: server.endpoint })
    // From the request on that writes the value, answers are lost.
    const admit = (bytes: Buffer): boolean => {
      if (isArmed && bytes.includes(value)) proxy.dropReplies()
      return true
    }
    proxy = await startProxy({ target: server.endpoint, admit })
    through = createEtcdClient({ endpoints: proxy.endpoint, timeouts: { callMs: 5_000 } })
  })

  afterAll(async () => {
    await through.close()
    await client.close()
    await proxy.close()
    await server.close()
  })

  beforeEach(() => {
    number += 1
    key = `/lost${number}/k`
  })

  /** The write is applied and its answer lost; then the store is changed by somebody else before the client looks again. */
  const losing = async <R>(
    write: () => Promise<R>,
    meanwhile: () => Promise<unknown>,
    isApplied = async () => (await client.kv.count({ prefix: key })) > 0,
  ): Promise<R> => {
    await through.kv.get(`${key}warm`)
    isArmed = true
    const outcome = write()
    outcome.catch(() => undefined)
    try {
      await waitFor(isApplied)
      await meanwhile()
    } finally {
      isArmed = false
      proxy.heal()
      proxy.cutAll()
    }
    return outcome
  }
  /** All that was ever written under the key. */
  const history = async (fromRevision: number): Promise<string[]> => {
    const { header } = await client.kv.put(`${key}~`, 'end')
    const told: string[] = []
    for await (const { events } of client.watch.watch({ prefix: key }, { startRevision: fromRevision })) {
      told.push(...events.map((event) => (event.type === 'put' ? `+${event.text}` : '-')))
      if (events.some(({ kv }) => kv.modRevision === header.revision)) break
    }
    return told.slice(0, -1)
  }
  const now = async (): Promise<number> =>
    (await client.kv.getRange({ key, countOnly: true })).header.revision
  const consume = () => client.kv.deleteRange({ prefix: key })

  test.each([
    ['create', () => through.kv.create(key, value)],
    ['swap of nothing', () => through.kv.compareAndSwap(key, value, { expectedRevision: 0 })],
    ['append', () => through.kv.append(key, value)],
  ] as const)(
    '%s is not written again when somebody consumed it, and says that it does not know',
    async (_, write) => {
      const start = (await now()) + 1
      const error = await failure(losing<unknown>(write, consume))
      expect(error).toMatchObject({ code: 'outcome_unknown', fate: 'unknown' })
      expect(error.message).toMatch(/not sent again/)
      expect(await history(start)).toEqual([`+${value}`, '-'])
    },
  )

  test.each([
    ['create', () => through.kv.create(key, value)],
    ['swap of nothing', () => through.kv.compareAndSwap(key, value, { expectedRevision: 0 })],
  ] as const)('%s does not take what somebody else wrote meanwhile for a refusal', async (_, write) => {
    const start = (await now()) + 1
    const replace = async () => {
      await consume()
      await client.kv.put(key, 'theirs')
    }
    const error = await failure(losing<unknown>(write, replace))
    expect(error).toMatchObject({ code: 'outcome_unknown', fate: 'unknown' })
    expect(await history(start)).toEqual([`+${value}`, '-', '+theirs'])
  })

  test('create of a value of its own that another one follows is refused, its own fate left open', async () => {
    const replace = async () => {
      await consume()
      await client.kv.put(key, 'theirs')
    }
    const error = await failure(losing(() => through.kv.create(key, value, { isUnique: true }), replace))
    expect(error).toMatchObject({ code: 'key_exists', fate: 'unknown' })
  })

  test('create over what was there before does not claim to know: the store may have been wiped', async () => {
    await client.kv.put(key, 'old')
    await through.kv.get(key)
    const { droppedBytes } = proxy
    const write = () => through.kv.create(key, value)
    const error = await failure(
      losing(
        write,
        async () => undefined,
        async () => proxy.droppedBytes > droppedBytes,
      ),
    )
    expect(error).toMatchObject({ code: 'outcome_unknown', fate: 'unknown' })
  })

  test('swap by a revision that was written is applied once, and not again after a delete', async () => {
    const { header } = await client.kv.put(key, 'old')
    const isSwapped = async () => (await client.kv.get(key))?.text === value
    const swap = () => through.kv.compareAndSwap(key, value, { expectedRevision: header.revision })
    expect((await failure(losing(swap, consume, isSwapped))).code).toBe('outcome_unknown')
    expect(await history(header.revision)).toEqual(['+old', `+${value}`, '-'])
  })
})

clientEtcds('putWithTtl that fails', (etcd) => {
  withoutOpenHandles()
  let server: EtcdServer
  let client: EtcdClient
  let proxy: TcpProxy
  const value = 'lose-the-answer-to-this'

  beforeAll(async () => {
    server = await etcd.start()
    client = createEtcdClient({ endpoints: server.endpoint })
    const admit = (bytes: Buffer): boolean => {
      if (bytes.includes(value)) proxy.dropReplies()
      return true
    }
    proxy = await startProxy({ target: server.endpoint, admit })
  })

  afterAll(async () => {
    await client.close()
    await proxy.close()
    await server.close()
  })

  const isGivenBack = async () => (await client.lease.list()).length === 0

  test('because it is refused gives its lease back before it says so', async () => {
    const large = Buffer.alloc(2_000_000)
    const error = await failure(client.kv.putWithTtl('ttl/large', large, { ttlSeconds: 600 }))
    expect(error.code).toBe('request_too_large')
    expect(await isGivenBack()).toBe(true)
    for (const [key, given] of [
      ['', 'v'],
      ['a', undefined],
    ]) {
      const wrong = client.kv.putWithTtl(key as string, given as string, { ttlSeconds: 600 })
      expect((await failure(wrong)).code).toBe('invalid_argument')
    }
    expect(await isGivenBack()).toBe(true)
  })

  test.each(['abort', 'deadline', 'close'] as const)(
    'by %s while its answer is awaited gives its lease back, and the key is gone',
    async (how) => {
      const through = createEtcdClient({ endpoints: proxy.endpoint })
      await through.kv.get('warm')
      const stop = new AbortController()
      const timeoutMs = how === 'deadline' ? 1_000 : 20_000
      const options = { ttlSeconds: 600, signal: stop.signal, timeoutMs }
      const failed = failure(through.kv.putWithTtl('ttl/k', value, options))
      await waitFor(async () => (await client.kv.count({ key: 'ttl/k' })) === 1)
      if (how === 'abort') stop.abort(new Error('enough'))
      if (how === 'close') await through.close()
      const { code, fate } = await failed
      // A connection over which no answer came in time is given up, and a new one has to prove itself first.
      if (how === 'deadline') proxy.heal()
      const codes = { abort: 'cancelled', deadline: 'outcome_unknown', close: 'closed' }
      expect({ code, fate }).toEqual({ code: codes[how], fate: 'unknown' })
      await waitFor(isGivenBack)
      expect(await client.kv.count({ key: 'ttl/k' })).toBe(0)
      proxy.heal()
      proxy.cutAll()
      await through.close()
    },
  )
})
