import { describe, expect, it } from 'vitest'
import { EtcdError } from '../errors.ts'
import { settled } from '../watch/scripted-channel.test.kit.ts'
import { header, put, setUp, storeOf } from '../watch/watch-recorder.test.kit.ts'
import type { RangeRequest, TxnRequest } from '../wire/kv.ts'
import type { ReflectedRanges, ReflectorOptions } from './reflector-types.ts'

function kv(key: string, modRevision: number, value?: string) {
  return put(key, modRevision, value).kv
}

/** Lets promises settle, also those that wait for a socket to be written to. */
async function idle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) {
    await settled()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** A reflector on a scripted store, and what it says. */
async function open(
  kvs: readonly ReturnType<typeof kv>[],
  revision: number,
  ranges: ReflectedRanges = { ranges: [{ prefix: 'a' }] },
  options: ReflectorOptions = {},
) {
  const all = setUp()
  const said: string[] = []
  const holds = (list: readonly ReturnType<typeof kv>[], head = header(revision), compactRevision = 0) => {
    all.channel.onTxn = undefined
    all.channel.onUnary = storeOf(list, head, compactRevision).onUnary
  }
  holds(kvs)
  const reflector = all.service.reflect(
    ranges,
    {
      onListing: () => said.push('listing'),
      onPage: (index, page) =>
        said.push(
          `page ${index}: ${page
            .entries()
            .map(({ key }) => key.toString())
            .join(' ')}`,
        ),
      onList: ({ revision: at, epoch, isResync, knownRevision }) =>
        said.push(`list ${at} epoch ${epoch}${isResync ? ` resync of ${knownRevision}` : ''}`),
      onBatch: ({ revision: at, events }) => said.push(`${at}: ${events.map(({ key }) => key).join(' ')}`),
      onProgress: ({ revision: at }) => said.push(`progress ${at}`),
      onContact: () => said.push('contact'),
      onLost: (error, isFinal) => said.push(`lost ${error?.code}${isFinal ? ' for good' : ''}`),
      onEnd: (error) => said.push(error === undefined ? 'end' : `end ${error.code}`),
    },
    options,
  )
  await idle()
  if (all.channel.streams.length > 0) await all.recognized()
  const compact = async (compactRevision: number) => {
    all.channel.lastStream.answer({ header: header(0), watchId: 0, canceled: true, compactRevision })
    await settled()
    await all.recognized()
  }
  return {
    ...all,
    reflector,
    said,
    holds,
    compact,
    lists: () => said.filter((word) => word.startsWith('list ')),
  }
}

describe('Reflector', () => {
  it('reads ranges and keys in one request, at one revision, and follows one range', async () => {
    const { said, created, events, channel, lastCreate } = await open(
      [kv('a1', 3), kv('b', 4), kv('c1', 5)],
      9,
      {
        ranges: [{ prefix: 'a' }, { prefix: 'c' }],
        keys: ['b', 'd'],
      },
    )
    expect(said).toEqual(['listing', 'page 0: a1', 'page 1: c1', 'page 2: b', 'page 3: ', 'list 9 epoch 0'])
    expect(channel.calls.map(({ path }) => path)).toEqual(['/etcdserverpb.KV/Txn', '/etcdserverpb.KV/Txn'])
    expect([String(lastCreate()?.key), String(lastCreate()?.rangeEnd)]).toEqual(['a', 'd\0'])
    created(9)
    events(10, [put('a2', 10), put('ba', 10), put('d', 10)])
    events(11, [put('bb', 11)])
    expect(said.slice(-2)).toEqual(['contact', '10: a2 d'])
  })

  it.each([
    ['its caller', 'cancelled', 'end'],
    ['the close of the client', 'closed', 'end closed'],
  ])('ended by %s, it says so to its handlers and to whoever waits', async (who, code, end) => {
    const { reflector, service, said, created, channel } = await open([kv('a1', 3)], 9)
    created(9)
    const held = Promise.withResolvers<never>()
    // One waits for the watch, the other for the answer of its read.
    channel.onUnary = () => ({ header: header(12), kvs: [], more: false, count: 0 })
    const behind = reflector.refresh()
    await idle()
    channel.onUnary = () => held.promise
    const unanswered = reflector.refresh()
    await idle()
    if (who === 'its caller') reflector.cancel()
    else service.close()
    // What the channel says to a caller whose signal has aborted.
    held.reject(new EtcdError('cancelled', { call: 'KV/Range' }))
    const settled = await Promise.allSettled([behind, unanswered, reflector.refresh()])
    expect(settled).toEqual(
      settled.map(() => ({ status: 'rejected', reason: expect.objectContaining({ code }) })),
    )
    expect(said.at(-1)).toBe(end)
  })

  it('reads on page by page at the revision of the first, and the last answer is of the same store', async () => {
    const list = [kv('a1', 3), kv('a2', 4), kv('a3', 5)]
    const { said, channel } = await open(list, 9, { ranges: [{ prefix: 'a' }] }, { pageSize: 2 })
    expect(said).toEqual(['listing', 'page 0: a1 a2', 'page 0: a3', 'list 9 epoch 0'])
    const requests = channel.calls.map(({ request }) => request as RangeRequest)
    expect(requests.slice(0, 2).map(({ revision, limit }) => [revision, limit])).toEqual([
      [0, 2],
      [9, 2],
    ])
    expect(channel.calls[2]?.path).toBe('/etcdserverpb.KV/Txn')
  })

  it('a store that was replaced between two pages makes no list', async () => {
    const { said, channel, holds, clock } = await open([], 9, { ranges: [{ prefix: 'a' }] }, { pageSize: 2 })
    said.length = 0
    const store = storeOf([kv('a1', 3), kv('a2', 4), kv('a3', 5)], header(9))
    const other = storeOf([kv('a1', 3, 'other'), kv('a2', 4), kv('a4', 5)], header(9))
    channel.onUnary = (path, request) => {
      if (path.endsWith('/Txn')) return other.txn(request as TxnRequest)
      return (request as RangeRequest).revision === 0
        ? store.onUnary(path, request)
        : other.onUnary(path, request)
    }
    channel.lastStream.answer({ header: header(0), watchId: 90, canceled: true, compactRevision: 9 })
    channel.lastStream.end(new EtcdError('connection_lost'))
    clock.advance(100)
    await idle()
    holds([kv('a1', 3, 'other')])
    expect(said.filter((word) => word.startsWith('list '))).toEqual([])
  })

  it('asks for less where an answer takes too long or is too large, never for the same again', async () => {
    const { channel, service } = setUp()
    const limits: number[] = []
    channel.onUnary = (_, request) => {
      const { limit } = request as RangeRequest
      limits.push(limit)
      if (limit > 100) throw new EtcdError(limits.length === 1 ? 'deadline_exceeded' : 'response_too_large')
      return { header: header(9), kvs: [], count: 0 }
    }
    const lists: number[] = []
    const lost: string[] = []
    service.reflect(
      { ranges: [{ prefix: 'a' }] },
      {
        onPage() {},
        onList: ({ revision }) => lists.push(revision),
        onBatch() {},
        onLost: (error, isFinal) => lost.push(`${error?.code} ${isFinal}`),
      },
    )
    await settled()
    expect(limits).toEqual([5_000, 1_250, 313, 79])
    expect(lists).toEqual([9])
    expect(lost).toEqual(['deadline_exceeded false', 'response_too_large false', 'response_too_large false'])
  })

  it('lists again at once where the history is gone, and not at once where that was of no use', async () => {
    const { said, created, progress, holds, compact, clock, lists } = await open([kv('a', 3)], 9)
    created(9)
    progress(10, 0)
    holds([kv('a', 15)], header(20), 20)
    await compact(20)
    created(20)
    expect(lists()).toEqual(['list 9 epoch 0', 'list 20 epoch 0 resync of 10'])
    holds([kv('a', 25)], header(30), 30)
    await compact(30)
    expect(lists().length).toBe(2)
    clock.advance(100)
    await settled()
    expect(lists().at(-1)).toBe('list 30 epoch 0 resync of 20')
    expect(said.some((word) => word.startsWith('lost'))).toBe(false)
  })

  it('a store in whose list everything was written since, and which held something else before, is another one', async () => {
    const { created, progress, holds, compact, lists } = await open([kv('a', 3)], 9)
    created(9)
    progress(10, 0)
    // Not compacted itself, it answers for revision 10 as well.
    holds([kv('a', 15)], header(20))
    await compact(20)
    expect(lists()).toEqual(['list 9 epoch 0', 'list 20 epoch 1 resync of 0'])
  })

  it('a store that cannot be recognized is listed again and told, in the same epoch', async () => {
    const { created, events, holds, lists, channel, clock } = await open([kv('a', 3)], 9)
    created(9)
    events(10, [put('a', 10)])
    holds([kv('a', 25)], header(30))
    const { onUnary } = channel
    channel.onUnary = (path, request) => {
      const isProof = path.endsWith('/Txn') || (request as RangeRequest).revision > 0
      if (isProof) throw new EtcdError('request_too_large')
      return onUnary(path, request)
    }
    channel.lastStream.end(new EtcdError('connection_lost'))
    clock.advance(100)
    created(1, 90)
    await idle()
    expect(lists()).toEqual(['list 9 epoch 0', 'list 30 epoch 0 resync of 10'])
  })

  it('reads in as many requests as the server asks for, and holds them against each other', async () => {
    const ranges = Array.from({ length: 40 }, (_, index) => ({ key: `a${index}` }))
    const { channel, service } = setUp()
    const play = (kvs: ReturnType<typeof kv>[][]) => {
      let turn = 0
      channel.onTxn = (request) => {
        if (request.success.length > 16) throw new EtcdError('request_too_large')
        const store = storeOf(kvs[Math.min(turn, kvs.length - 1)]!, header(9))
        turn += 1
        return store.txn(request)
      }
    }
    const listed: string[] = []
    const listOnce = async () => {
      listed.length = 0
      const reflector = service.reflect(
        { ranges },
        {
          onPage: (_, page) => listed.push(...page.entries().map(({ value }) => value.toString())),
          onList: ({ revision }) => listed.push(`list ${revision}`),
          onBatch() {},
          onLost: (error) => listed.push(`lost ${error?.code}`),
        },
      )
      await idle()
      reflector.cancel()
      return [...listed]
    }
    play([[kv('a0', 3), kv('a39', 4)]])
    expect(await listOnce()).toEqual(['v3', 'v4', 'list 9'])
    play([
      [kv('a0', 3), kv('a39', 4)],
      [kv('a0', 3, 'other'), kv('a39', 4, 'other')],
    ])
    expect(await listOnce()).toEqual(['v3', 'other', 'lost cluster_changed'])
  })

  it('a store that the watch saw replaced is a new epoch, also when it has caught up by the next list', async () => {
    const { created, holds, lists } = await open([kv('a', 3)], 9)
    created(9, 0, { header: header(9, 8n) })
    holds([kv('a', 3)], header(9, 7n))
    await settled()
    expect(lists()).toEqual(['list 9 epoch 0', 'list 9 epoch 1 resync of 0'])
  })

  it.each([
    ['another cluster id', header(20, 8n), [kv('a', 3)]],
    ['a lower revision', header(8), [kv('a', 3)]],
    ['an earlier term', header(20, 7n, 1), [kv('a', 3)]],
    ['a key that was not written so', header(20), [kv('a', 3, 'other')]],
    ['a key that was not there', header(20), [kv('a', 3), kv('ab', 4)]],
  ])('after a compaction, a list with %s is of another store', async (_, head, kvs) => {
    const { created, progress, holds, compact, lists } = await open([kv('a', 3)], 9)
    created(9)
    progress(10, 0)
    holds(kvs, head)
    await compact(20)
    expect(lists().at(-1)).toBe(`list ${head.revision} epoch 1 resync of 0`)
  })

  it('what trying again cannot mend is final, and tried again soon, then seldom, or when somebody asks', async () => {
    const { said, created, channel, holds, clock, reflector, lists } = await open([kv('a', 3)], 9)
    const lost = () => said.filter((word) => word.endsWith('for good'))
    created(9)
    channel.onUnary = () => {
      throw new EtcdError('permission_denied')
    }
    for (const _ of channel.endpoints()) {
      channel.lastStream.end(new EtcdError('permission_denied'))
      clock.advance(100)
    }
    await settled()
    expect(said.at(-1)).toBe('lost permission_denied for good')
    const asked = async (seconds: number) => {
      const { length } = lost()
      for (let second = 0; second < seconds; second += 1) {
        clock.advance(1_000)
        await settled()
      }
      return lost().length - length
    }
    expect(await asked(2)).toBeGreaterThan(0)
    await asked(60)
    expect(await asked(300)).toBeLessThan(21)
    const { length } = lost()
    await expect(reflector.refresh()).rejects.toMatchObject({
      code: 'permission_denied',
      range: { prefix: 'a' },
    })
    await settled()
    expect(lost()).toHaveLength(length + 1)
    holds([kv('a', 3)], header(12))
    await Promise.all([reflector.refresh(), settled()])
    expect(lists().at(-1)).toBe('list 12 epoch 0 resync of 9')
  })

  it('an entry that is larger than an answer may be is asked for seldom, and whoever asks is told why', async () => {
    const { said, created, channel, holds, clock, reflector, lists, compact } = await open([kv('a', 3)], 9)
    created(9)
    channel.onUnary = (_, request) => {
      if ((request as RangeRequest).keysOnly) return { header: header(10), kvs: [], count: 1 }
      throw new EtcdError('response_too_large')
    }
    await compact(20)
    await idle()
    for (let seconds = 0; seconds < 29; seconds += 1) {
      clock.advance(1_000)
      await idle()
    }
    const { length } = channel.calls
    expect([said.at(-1), lists().length]).toEqual(['lost response_too_large for good', 1])
    expect(said.filter((word) => word.endsWith('for good')).length).toBe(1)
    clock.advance(2_000)
    await idle()
    expect([said.at(-1), channel.calls.length > length]).toEqual(['lost response_too_large for good', true])
    await expect(reflector.refresh()).rejects.toMatchObject({
      code: 'response_too_large',
      message: expect.stringMatching(/One entry alone .* raise limits\.responseBytes/),
    })
    holds([kv('a', 3)], header(12))
    await Promise.all([reflector.refresh(), idle()])
    expect(lists().at(-1)).toBe('list 12 epoch 0 resync of 9')
  })

  it('one attempt that fails while others go on is not final', async () => {
    const { said, created, channel } = await open([kv('a', 3)], 9)
    created(9)
    channel.lastStream.end(new EtcdError('tls_failed'))
    expect(said.at(-1)).toBe('lost tls_failed')
    channel.lastStream.end(new EtcdError('unauthenticated'))
    expect(said.filter((word) => word.endsWith('for good'))).toEqual([])
  })

  it('refresh proves that what was delivered is as new as its question', async () => {
    const { said, created, holds, events, reflector } = await open([kv('a', 3)], 9)
    created(9)
    said.length = 0
    await reflector.refresh()
    expect(said).toEqual(['progress 9'])
    holds([kv('a', 10)], header(10))
    const refreshing = reflector.refresh()
    await settled()
    expect(said).toEqual(['progress 9'])
    events(10, [put('a', 10)])
    await refreshing
    expect(said.slice(1)).toEqual(['10: a', 'progress 10'])
  })

  it('refresh waits for a list that began after it where another store answers', async () => {
    const { created, holds, recognized, reconnect, reflector, lists } = await open([kv('a', 3)], 9)
    created(9)
    holds([kv('a', 3)], header(12, 8n))
    let isRefreshed = false
    const refreshing = reflector.refresh().then(() => {
      isRefreshed = true
    })
    await settled()
    expect(isRefreshed).toBe(false)
    await reconnect()
    await recognized()
    await refreshing
    expect(lists().at(-1)).toBe('list 12 epoch 1 resync of 0')
  })

  it('ends in every state, and leaves nothing', async () => {
    for (const state of ['listing', 'resting', 'watching']) {
      const { service, channel, clock, said, reflector } = await open([kv('a', 3)], 9)
      if (state === 'resting') {
        channel.onUnary = () => {
          throw new EtcdError('unavailable')
        }
        for (const _ of channel.endpoints()) {
          channel.lastStream.end(new EtcdError('permission_denied'))
          clock.advance(100)
        }
        await settled()
      }
      const refreshing = reflector.refresh()
      refreshing.catch(() => undefined)
      service.close()
      await expect(refreshing).rejects.toThrow()
      await settled()
      expect([said.at(-1), clock.pending], state).toEqual(['end closed', 0])
      await expect(reflector.refresh()).rejects.toThrow(/closed/)
    }
  })

  it('refuses what cannot be followed', () => {
    const { service } = setUp()
    const none = { onPage() {}, onList() {}, onBatch() {} }
    expect(() => service.reflect({ ranges: [] }, none)).toThrow(/invalid_argument.*no range/)
    expect(() => service.reflect({ ranges: [{ from: 'b', to: 'a' }] }, none)).toThrow(/the range is empty/)
    service.close()
    expect(() => service.reflect({ ranges: [{ key: 'a' }] }, none)).toThrow(/closed/)
  })
})
