import { describe, expect, it, test } from 'vitest'
import { EtcdError } from '../errors.ts'
import { Namespace } from '../key-range.ts'
import { ManualClock, ScriptedChannel, settled } from '../watch/scripted-channel.test.kit.ts'
import { header, put, storeOf } from '../watch/watch-recorder.test.kit.ts'
import { createWatchService } from '../watch/watch-service.ts'
import type { RangeRequest, TxnRequest } from '../wire/kv.ts'
import { compare } from './condition.ts'
import { createKv, type Kv } from './kv-shortcuts.ts'
import { op } from './txn.ts'

function setUp(endpoints: readonly string[] = ['http://a:2379']) {
  const channel = new ScriptedChannel(endpoints)
  const clock = new ManualClock()
  const namespace = new Namespace()
  const watch = createWatchService(channel, { clock })
  const kv = createKv({ channel, watch, namespace, maxTxnOps: 128, clock })
  return { channel, clock, kv }
}

function entries(value: string, length = 20) {
  return Array.from({ length }, (_, index) => put(`k${String(index).padStart(3, '0')}`, index + 2, value).kv)
}

const READINGS: [string, (kv: Kv, more?: object) => Promise<number>][] = [
  [
    'iterate',
    async (kv, more) => {
      let count = 0
      for await (const _ of kv.iterate({ prefix: 'k', pageSize: 5, ...more })) count += 1
      return count
    },
  ],
  [
    'pages',
    async (kv, more) => {
      let count = 0
      for await (const page of kv.pages({ prefix: 'k', pageSize: 5, ...more })) count += page.entries.length
      return count
    },
  ],
  ['scan', async (kv) => (await kv.scan({ prefix: 'k', pageSize: 5 }, () => undefined)).count],
]

/** A store that another one takes the place of after some pages. */
function replaced(channel: ScriptedChannel, afterPages: number, head: ReturnType<typeof header>) {
  const [before, after] = [storeOf(entries('old'), header(100)), storeOf(entries('new'), head)]
  let pages = 0
  channel.onUnary = (path, request) => {
    if (path.endsWith('/Txn')) return (pages > afterPages ? after : before).txn(request as TxnRequest)
    pages += 1
    return (pages > afterPages ? after : before).onUnary(path, request)
  }
}

describe.each(READINGS)('%s in pages', (name, read) => {
  it('reads all of one store', async () => {
    const { channel, kv } = setUp()
    replaced(channel, 99, header(100))
    expect(await read(kv)).toBe(20)
  })

  it.each([
    ['equal headers', header(100)],
    ['a later revision', header(500)],
    ['an earlier term', header(500, 7n, 1)],
    ['a lower revision', header(90)],
  ])('makes no reading of the pages of two stores with %s', async (_, head) => {
    for (const afterPages of [1, 2, 3]) {
      const { channel, kv } = setUp()
      replaced(channel, afterPages, head)
      await expect(read(kv)).rejects.toMatchObject({ code: 'cluster_changed' })
    }
  })

  it('asks the store in pieces as large as it takes', async () => {
    const { channel, kv } = setUp()
    replaced(channel, 99, header(100))
    const { onUnary } = channel
    channel.onTxn = (request) => {
      if (request.success.length > 3) throw new EtcdError('request_too_large')
      return onUnary('/Txn', request)
    }
    expect(await read(kv)).toBe(20)
  })

  it('takes no answer that says there is more, and holds nothing', async () => {
    const { channel, kv } = setUp()
    channel.onUnary = () => ({ header: header(5), kvs: [], more: true, count: 5 })
    await expect(read(kv)).rejects.toMatchObject({ code: 'malformed_message' })
  })

  it.runIf(name !== 'scan')('a member that lags behind in term may answer what is serializable', async () => {
    const { channel, kv } = setUp()
    let pages = 0
    channel.onUnary = (path, request) => {
      const store = storeOf(entries('old'), header(100, 7n, 9 - pages++))
      return path.endsWith('/Txn') ? store.txn(request as TxnRequest) : store.onUnary(path, request)
    }
    expect(await read(kv, { serializable: true })).toBe(20)
    expect(
      channel.lastTxn?.success.every(({ request }) => (request!.value as RangeRequest).serializable),
    ).toBe(true)
  })

  it.runIf(name !== 'scan')('compares no values where none were asked for', async () => {
    const { channel, kv } = setUp()
    const store = storeOf(entries('old'), header(100))
    channel.onUnary = (path, request) => {
      if (path.endsWith('/Txn')) return store.txn(request as TxnRequest)
      const answer = store.onUnary(path, request) as unknown as { kvs: object[] }
      return { ...answer, kvs: answer.kvs.map((each) => ({ ...each, value: '' })) }
    }
    expect(await read(kv, { keysOnly: true })).toBe(20)
  })
})

describe('a scan whose call-back never resolves', () => {
  const never = () => new Promise(() => undefined)
  const begin = (more: { timeoutMs?: number; signal?: AbortSignal }) => {
    const all = setUp()
    const store = storeOf(entries('old'), header(100))
    all.channel.onUnary = store.onUnary
    const scanned = all.kv.scan({ prefix: 'k', ...more }, never)
    scanned.catch(() => undefined)
    return { ...all, scanned }
  }

  test('ends at its deadline', async () => {
    const { clock, scanned } = begin({ timeoutMs: 500 })
    await settled()
    clock.advance(500)
    await expect(scanned).rejects.toMatchObject({ code: 'deadline_exceeded' })
    expect(clock.pending).toBe(0)
  })

  test('ends by its signal', async () => {
    const stop = new AbortController()
    const { scanned } = begin({ signal: stop.signal })
    await settled()
    stop.abort()
    await expect(scanned).rejects.toMatchObject({ code: 'cancelled' })
  })

  test('ends with the client', async () => {
    const { kv, scanned } = begin({})
    await settled()
    await kv.close()
    await expect(scanned).rejects.toMatchObject({ code: 'closed' })
  })

  test('onRestart is waited for no longer either', async () => {
    const { channel, kv, clock } = setUp()
    channel.onUnary = () => {
      throw new EtcdError('compacted')
    }
    const scanned = kv.scan({ prefix: 'k', timeoutMs: 500, onRestart: never }, () => undefined)
    scanned.catch(() => undefined)
    await settled()
    clock.advance(500)
    await expect(scanned).rejects.toMatchObject({ code: 'deadline_exceeded' })
  })
})

describe('bytes that their owner changes afterwards', () => {
  /** What was asked for, as text. */
  const asked = (channel: ScriptedChannel) =>
    channel.calls.map(({ request }) => JSON.stringify(request, (_, value: unknown) => textOf(value)))

  function textOf(value: unknown): unknown {
    const isBuffer = typeof value === 'object' && value !== null && 'data' in value
    if (isBuffer) return Buffer.from(value.data as number[]).toString()
    return typeof value === 'bigint' ? String(value) : value
  }

  it('change no reading in pages, before it begins and while it goes on', async () => {
    for (const read of ['iterate', 'pages', 'scan'] as const) {
      const { channel, kv } = setUp()
      channel.onUnary = storeOf(entries('old'), header(100)).onUnary
      const [from, to] = [Buffer.from('k'), Buffer.from('l')]
      let count = 0
      const query = { from, to, pageSize: 5 }
      if (read === 'scan')
        await kv.scan(query, (page) => {
          count += page.keys.length
          to.fill('a')
        })
      else {
        const pages = kv[read](query)
        from.fill('x')
        for await (const _ of pages) {
          count += read === 'pages' ? 5 : 1
          to.fill('a')
        }
      }
      expect([read, count]).toEqual([read, 20])
    }
  })

  it('change no transaction that is built, and nothing inside it', async () => {
    const { channel, kv } = setUp()
    channel.onUnary = () => {
      throw new EtcdError('unavailable')
    }
    const all = Array.from({ length: 12 }, (_, index) => Buffer.from(`own${index}`))
    const [a, b, c, d, e, f, g, h, i, j, k, l] = all as [Buffer, ...Buffer[]]
    const inner = kv.txn().then(op.put(k!, l!))
    const txn = kv
      .txn()
      .if(compare.exists(a), compare.value(b!, '=', c!), compare.version({ prefix: d! }, '>', 0))
      .then(op.put(e!, f!), op.get(g!), op.getRange({ prefix: h! }), op.txn(inner))
      .else(op.delete(i!), op.deleteRange({ prefix: j! }))
    for (const each of all) each.fill('x')
    await txn.commit().catch(() => undefined)
    expect(asked(channel)[0]).not.toContain('xxx')
    expect(asked(channel)[0]!.split('"own').length - 1).toBeGreaterThanOrEqual(12)
  })

  it('change no call that was made', async () => {
    const { channel, kv } = setUp()
    const key = Buffer.from('own')
    const calls = [
      kv.get(key),
      kv.put(key, 'v'),
      kv.delete(key),
      kv.getRange({ prefix: key }),
      kv.update(key, 'v'),
    ]
    key.fill('x')
    await Promise.allSettled(calls)
    expect(asked(channel).filter((each) => each.includes('xxx'))).toEqual([])
  })

  it('change nothing that is followed', async () => {
    const { channel } = setUp()
    const watch = createWatchService(channel, { clock: new ManualClock() })
    const [prefix, to] = [Buffer.from('own'), Buffer.from('owz')]
    watch.sync({ prefix }, { onSnapshot() {}, onEvents() {} })
    watch.subscribe({ from: prefix, to }, { onEvents() {} })
    watch.reflect({ ranges: [{ prefix }], keys: [to] }, { onPage() {}, onList() {}, onBatch() {} })
    prefix.fill('x')
    to.fill('x')
    channel.lastStream.answer({ header: header(5), watchId: -1 })
    await settled()
    const created = channel.streams.flatMap(({ creates }) =>
      creates.map(({ key, rangeEnd }) => `${key} ${rangeEnd}`),
    )
    expect(created).toEqual(['own owz'])
    expect(asked(channel).filter((each) => each.includes('xxx'))).toEqual([])
    expect(channel.calls.length).toBe(2)
    watch.close()
  })
})

describe('what became of a write', () => {
  test('an append whose first read was not answered sent nothing', async () => {
    const { channel, kv } = setUp()
    channel.onUnary = () => {
      throw new EtcdError('deadline_exceeded', { fate: 'unknown' })
    }
    await expect(kv.append('k', 'v')).rejects.toMatchObject({ code: 'deadline_exceeded', fate: 'not_sent' })
  })

  test('an answer that does not fit the transaction leaves it open', async () => {
    const { channel, kv } = setUp()
    channel.onUnary = () => ({ header: header(5), succeeded: true, responses: [] })
    const failed = kv.txn().then(op.put('k', 'v')).commit()
    await expect(failed).rejects.toMatchObject({ code: 'outcome_unknown', fate: 'unknown' })
    await expect(kv.txn().then(op.get('k')).commit()).rejects.toMatchObject({ code: 'malformed_message' })
  })

  test('a create of a unique value is read back where the answer does not fit', async () => {
    const { channel, kv } = setUp()
    channel.onUnary = (path) =>
      path.endsWith('/Txn')
        ? { header: header(5), succeeded: true, responses: [] }
        : { header: header(5), kvs: [put('k', 5, 'mine').kv], count: 1 }
    expect((await kv.create('k', 'mine', { isUnique: true })).header.revision).toBe(5)
  })
})

describe.each(READINGS.filter(([name]) => name !== 'scan'))('%s, serializable', (_, read) => {
  const MEMBERS = ['http://a:2379', 'http://b:2379', 'http://c:2379'] as const

  /** Reads of three members of one store go round; `isBehind` tells which lag behind revision 100. */
  function members(isBehind: (member: string, request: number) => boolean) {
    const { channel, kv } = setUp(MEMBERS)
    const store = storeOf(entries('old'), header(100))
    const asked: string[] = []
    channel.onCall = ({ avoidAll }) => {
      const able = MEMBERS.filter((each) => !avoidAll?.has(each))
      const from = able.length > 0 ? able : MEMBERS
      const member = from[asked.length % from.length]!
      asked.push(member)
      if (!isBehind(member, asked.length)) return
      throw new EtcdError('future_revision', { endpoint: member })
    }
    channel.onUnary = (path, request) => store.onUnary(path, request)
    return { kv, asked }
  }

  it.each([['one'], ['two']])('reads what is left where %s of three members lag behind', async (many) => {
    for (let from = 2; from < 8; from += 1) {
      const behind = many === 'one' ? ['http://b:2379'] : ['http://b:2379', 'http://c:2379']
      const { kv, asked } = members((member, request) => request >= from && behind.includes(member))
      expect(await read(kv, { serializable: true, revision: 100 })).toBe(20)
      expect(asked.length).toBeGreaterThan(4)
    }
  })

  it('fails with stale_read, never with another store, where all members lag behind', async () => {
    for (let from = 2; from < 6; from += 1) {
      const { kv, asked } = members((_, request) => request >= from)
      await expect(read(kv, { serializable: true, revision: 100 })).rejects.toMatchObject({
        code: 'stale_read',
        what: expect.stringContaining('revision 100'),
      })
      expect(asked.length).toBeLessThanOrEqual(from + MEMBERS.length)
    }
  })

  it('takes the answers of members at different revisions and terms for those of one store', async () => {
    // More keys than one transaction verifies.
    const many = entries('old', 300)
    const { channel, kv } = setUp(MEMBERS)
    channel.onUnary = (path, request) => {
      const count = channel.calls.length
      const store = storeOf(many, header(900 + (((count - 1) * 7) % 5), 7n, 99 - count))
      return store.onUnary(path, request)
    }
    expect(await read(kv, { serializable: true, pageSize: 200 })).toBe(300)
    const isTxn = ({ path }: { readonly path: string }) => path.endsWith('/Txn')
    expect(channel.calls.filter(isTxn).length).toBeGreaterThan(1)
  })

  it('begins at no revision that is older than what the client has seen', async () => {
    const { channel, kv } = setUp(MEMBERS)
    let asked = 0
    channel.onUnary = (path, request) =>
      storeOf(entries('old'), header(asked++ === 1 ? 90 : 100)).onUnary(path, request)
    await kv.get('k')
    expect(await read(kv, { serializable: true })).toBe(20)
    expect(asked).toBeGreaterThan(6)
    channel.onUnary = (path, request) => storeOf(entries('old'), header(90)).onUnary(path, request)
    await expect(read(kv, { serializable: true })).rejects.toMatchObject({ code: 'stale_read' })
  })

  it('passes on future_revision for a revision that no member has reached', async () => {
    const { kv } = members(() => true)
    await expect(read(kv, { serializable: true, revision: 100 })).rejects.toMatchObject({
      code: 'future_revision',
    })
  })
})
