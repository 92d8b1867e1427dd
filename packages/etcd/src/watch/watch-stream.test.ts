import type { ReflectedList } from '../reflector/reflector-types.ts'
import type { WatchService } from './watch-contract.ts'
import { describe, expect, it } from 'vitest'
import { EtcdError } from '../errors.ts'
import { Namespace } from '../key-range.ts'
import { settled } from './scripted-channel.test.kit.ts'
import { del, header, put, setUp, storeOf } from './watch-recorder.test.kit.ts'

describe('one stream for many watches', () => {
  it('T1.25 sends creates one at a time, the next after `created`', () => {
    const { watch, created, channel } = setUp()
    for (const prefix of ['a', 'b', 'c']) watch({ prefix })
    const stream = channel.lastStream
    expect(channel.streams.length).toBe(1)
    expect(stream.creates.map(({ key }) => String(key))).toEqual(['a'])
    created(5, 0)
    expect(stream.creates.map(({ key }) => String(key))).toEqual(['a', 'b'])
    created(5, 1)
    created(5, 2)
    expect(stream.creates.map(({ key }) => String(key))).toEqual(['a', 'b', 'c'])
  })

  it('T1.9 hands out by id, 0 included', () => {
    const { watch, created, events } = setUp()
    const a = watch({ prefix: 'a' })
    const b = watch({ prefix: 'b' })
    created(5, 0)
    created(5, 1)
    events(6, [put('b', 6)], { watchId: 1 })
    events(7, [put('a', 7)], { watchId: 0 })
    expect([a.changes, b.changes]).toEqual([['7: +a'], ['6: +b']])
  })

  it('lets the client choose the ids, and believes the id in the answer', () => {
    const { watch, created, events, channel } = setUp({ idsFrom: 'client' })
    const a = watch({ prefix: 'a' })
    const b = watch({ prefix: 'b' })
    created(5, 1)
    created(5, 77)
    expect(channel.lastStream.creates.map(({ watchId }) => watchId)).toEqual([1, 2])
    events(6, [put('b', 6)], { watchId: 77 })
    expect([a.changes, b.changes]).toEqual([[], ['6: +b']])
  })

  it('asks for another id where its own is taken', () => {
    const { watch, created, channel } = setUp({ idsFrom: 'client' })
    const { told } = watch({ prefix: 'a' })
    created(5, -1, { canceled: true, cancelReason: 'mvcc: duplicate watch ID provided on the WatchStream' })
    expect(channel.lastStream.creates.map(({ watchId }) => watchId)).toEqual([1, 2])
    created(5, 2)
    expect(told).toEqual(['created at 6'])
  })

  it('T1.7 cancels a watch on the server and closes the stream after the last', async () => {
    const { watch, created, channel, service, clock } = setUp()
    const a = watch({ prefix: 'a' })
    const b = watch({ prefix: 'b' })
    created(5, 0)
    created(5, 1)
    a.watcher.cancel()
    expect(channel.lastStream.cancels).toEqual([0])
    expect(channel.lastStream.isCancelled).toBe(false)
    b.watcher.cancel()
    expect(channel.lastStream.isCancelled).toBe(true)
    await settled()
    expect([service.size, clock.pending]).toEqual([0, 0])
    expect([a.told, b.told]).toEqual([
      ['created at 6', 'end OK'],
      ['created at 6', 'end OK'],
    ])
  })

  it('T1.7 a watch cancelled before `created` is cancelled on the server once its id is known', () => {
    const { watch, created, events, channel } = setUp()
    const a = watch({ prefix: 'a' })
    const b = watch({ prefix: 'b' })
    a.watcher.cancel()
    created(5, 0)
    created(5, 1)
    expect(channel.lastStream.cancels).toEqual([0])
    events(6, [put('a', 6)], { watchId: 0 })
    events(6, [put('b', 6)], { watchId: 1 })
    expect([a.told, b.changes]).toEqual([['end OK'], ['6: +b']])
  })

  it('cancels ids nobody knows, once each', () => {
    const { watch, created, events, channel } = setUp()
    watch({ prefix: 'a' })
    created(5, 0)
    events(6, [put('x', 6)], { watchId: 9 })
    events(7, [put('x', 7)], { watchId: 9 })
    channel.lastStream.answer({ header: header(7), watchId: 9, canceled: true })
    expect(channel.lastStream.cancels).toEqual([9])
  })

  it('a stray `created` is cancelled', () => {
    const { watch, created, channel } = setUp()
    watch({ prefix: 'a' })
    created(5, 0)
    created(5, 4)
    expect(channel.lastStream.cancels).toEqual([4])
  })

  it.each<[string, (scripted: ReturnType<typeof setUp>) => void]>([
    ['a stray `created` for the id of a live watch', ({ created }) => created(5, 0)],
    ['a stray refusal for the id of a live watch', ({ created }) => created(5, 0, { canceled: true })],
    [
      'the id of a live watch for another one',
      ({ watch, created }) => {
        watch({ prefix: 'b' })
        created(5, 0)
      },
    ],
    [
      'the id of the whole stream for a watch',
      ({ watch, created }) => {
        watch({ prefix: 'b' })
        created(5, -1)
      },
    ],
    ['changes of the whole stream', ({ events }) => events(6, [put('a', 6)], { watchId: -1 })],
    [
      'the end of a live watch with a reason of its creation',
      ({ channel }) => {
        const cancelReason = 'mvcc: duplicate watch ID provided on the WatchStream'
        channel.lastStream.answer({ header: header(6), watchId: 0, canceled: true, cancelReason })
      },
    ],
  ])('ends no watch unnoticed by %s', async (_what, answer) => {
    const scripted = setUp()
    const { watch, created, channel, clock, recognized } = scripted
    const { told } = watch({ prefix: 'a' }, { startRevision: 5 })
    created(5, 0)
    answer(scripted)
    expect(told).toEqual([
      'created at 5',
      expect.stringMatching(/^disconnected (malformed_message|unavailable)$/),
    ])
    clock.advance(1_000)
    await recognized()
    const again = channel.streams.flatMap(({ creates }) => creates.filter(({ key }) => String(key) === 'a'))
    expect(again.map(({ startRevision }) => startRevision)).toEqual([5, 5])
  })

  it('I.45 goes on after one watch was cancelled by a compaction', () => {
    const { watch, created, events, channel } = setUp()
    const a = watch({ prefix: 'a' }, { startRevision: 2 })
    const b = watch({ prefix: 'b' }, { startRevision: 20 })
    created(20, 0)
    created(20, 1)
    channel.lastStream.answer({ header: header(0), watchId: 0, canceled: true, compactRevision: 10 })
    events(21, [put('b', 21)], { watchId: 1 })
    expect(a.told).toEqual(['created at 2', 'compacted 10 at 2', 'end compacted'])
    expect(b.changes).toEqual(['21: +b'])
    // or etcd would keep it as one that lags, and prove no progress of the other any more
    expect(channel.lastStream.cancels).toEqual([0])
    channel.lastStream.answer({ header: header(21), watchId: 0, canceled: true })
    expect(channel.lastStream.isCancelled).toBe(false)
  })

  it('T1.6 a compaction never lowers or moves the position', () => {
    const { watch, created, events, channel } = setUp()
    const { watcher } = watch({ prefix: 'a' }, { startRevision: 2 })
    created(20)
    events(20, [put('a', 7)])
    channel.lastStream.answer({ header: header(0), watchId: 0, canceled: true, compactRevision: 15 })
    expect([watcher.position, watcher.state]).toEqual([8, 'ended'])
  })

  it('T1.6 the error of a compaction carries its revision', () => {
    const { service, created, channel } = setUp()
    let error: EtcdError | undefined
    service.subscribe(
      { prefix: 'a' },
      {
        onEvents() {},
        onEnd(given) {
          error = given
        },
      },
      { startRevision: 2 },
    )
    created(20)
    channel.lastStream.answer({ header: header(0), watchId: 0, canceled: true, compactRevision: 15 })
    expect(error?.compactRevision).toBe(15)
    expect(error?.message).toContain('changes from revision 2 on may be gone')
  })

  it('puts keys under the namespace and takes it off again', () => {
    const { watch, created, events, lastCreate } = setUp({ namespace: new Namespace('/ns/') })
    const { changes } = watch({ prefix: 'a' })
    created(5)
    events(6, [put('/ns/ab', 6)])
    expect([String(lastCreate()?.key), String(lastCreate()?.rangeEnd), changes]).toEqual([
      '/ns/a',
      '/ns/b',
      ['6: +ab'],
    ])
  })

  it('asks for filters and previous values', () => {
    const { watch, lastCreate } = setUp()
    watch({ key: 'a' }, { only: 'deletes', prevKv: true })
    expect(lastCreate()).toMatchObject({ filters: [0], prevKv: true })
    expect(lastCreate()?.rangeEnd.length).toBe(0)
  })

  it('T1.53 a handler that throws or rejects hurts nobody', async () => {
    const { service, watch, created, events, errors } = setUp()
    service.subscribe(
      { prefix: 'a' },
      { onEvents: () => Promise.reject(new Error('late')) as unknown as undefined },
    )
    created(5, 0)
    const b = watch(
      { prefix: 'a' },
      {},
      {
        onEvents() {
          throw new Error('now')
        },
      },
    )
    created(5, 1)
    for (const revision of [6, 7]) {
      events(revision, [put('a', revision)], { watchId: 0 })
      events(revision, [put('a', revision)], { watchId: 1 })
    }
    await settled()
    expect(b.changes).toEqual(['6: +a', '7: +a'])
    expect(errors.length).toBe(4)
  })

  it('a handler may cancel its watch in the middle of an answer', () => {
    const { watch, created, events } = setUp()
    const a = watch({ prefix: 'a' }, {}, { onEvents: () => a.watcher.cancel() })
    created(5)
    events(9, [put('a', 6), put('a', 7)])
    expect(a.told).toEqual(['created at 6', '6: +a', 'end OK'])
  })

  it('T1.54 pause keeps the position; resume goes on from it', () => {
    const { watch, created, events, channel, lastCreate } = setUp()
    const a = watch({ prefix: 'a' }, {}, { onEvents: () => a.watcher.pause() })
    const b = watch({ prefix: 'b' })
    created(5, 0)
    created(5, 1)
    events(9, [put('a', 6), put('a', 7)])
    expect([a.watcher.state, a.watcher.position, a.changes]).toEqual(['paused', 7, ['6: +a']])
    expect(channel.lastStream.cancels).toEqual([0])
    events(9, [put('a', 8)])
    a.watcher.resume()
    expect(lastCreate()?.startRevision).toBe(6)
    created(9, 2)
    events(9, [put('a', 6), put('a', 7)], { watchId: 2 })
    expect(a.changes).toEqual(['6: +a', '7: +a'])
    expect(b.told).toEqual(['created at 6'])
  })

  it('refuses what cannot be watched', () => {
    const { service } = setUp()
    const none = { onEvents() {} }
    const cases: [() => unknown, RegExp][] = [
      [() => service.subscribe({ key: '' }, none), /invalid_argument.*key is empty/],
      [() => service.subscribe({ from: 'b', to: 'a' }, none), /invalid_argument.*the range is empty/],
      [() => service.subscribe({ from: 'b', to: 'b' }, none), /the range is empty/],
      [() => service.subscribe({ from: 'b', to: Buffer.of(0) }, none), /the range is empty/],
      [() => service.sync({ from: 'b', to: 'a' }, { ...none, onSnapshot() {} }), /the range is empty/],
      [() => service.watch({ from: 'b', to: 'a' }), /the range is empty/],
      [() => service.subscribe({ key: 'a' }, none, { startRevision: 0 }), /startRevision is 0/],
      [() => service.subscribe({ key: 'a' }, none, { afterRevision: -1 }), /afterRevision is -1/],
      [() => service.subscribe({ key: 'a' }, none, { startRevision: 1, afterRevision: 0 }), /both given/],
      [() => setUp({ progressIntervalMs: 0 }), /invalid_option.*progressIntervalMs is 0/],
    ]
    for (const [call, message] of cases) expect(call).toThrow(message)
    service.close()
    expect(() => service.subscribe({ key: 'a' }, none)).toThrow(/closed/)
  })

  it('T1.52 a signal that is shared keeps no listeners', () => {
    const { watch, service } = setUp()
    const { signal, abort } = countingSignal()
    for (let index = 0; index < 1_000; index += 1) watch({ prefix: 'a' }, { signal }).watcher.cancel()
    expect(signal.listeners).toBe(0)
    const { told } = watch({ prefix: 'a' }, { signal })
    expect(signal.listeners).toBe(1)
    abort()
    expect([told, signal.listeners, service.size]).toEqual([['end OK'], 0, 0])
    expect(watch({ prefix: 'a' }, { signal }).told).toEqual(['end OK'])
    expect([signal.listeners, service.size]).toEqual([0, 0])
  })

  it('close ends every watch without an error and leaves no timer', async () => {
    const { watch, created, service, channel, clock } = setUp()
    const a = watch({ prefix: 'a' })
    const b = watch({ prefix: 'b' })
    created(5)
    const waits = a.watcher.reached(99)
    service.close()
    service.close()
    await expect(waits).rejects.toMatchObject({ code: 'closed' })
    await settled()
    expect([a.told.at(-1), b.told, clock.pending, channel.lastStream.isCancelled]).toEqual([
      'end OK',
      ['end OK'],
      0,
      true,
    ])
  })
})

/** Lists and watches all keys that begin with `a`. */
function reflectA(service: WatchService, onList: (list: ReflectedList) => void = () => undefined) {
  const nothing = () => undefined
  service.reflect({ ranges: [{ prefix: 'a' }] }, { onPage: nothing, onBatch: nothing, onList })
}

function kv(key: string, modRevision: number, value?: string) {
  return put(key, modRevision, value).kv
}

describe('what a lost stream means', () => {
  it('T1.27 T1.50 resumes every watch on another endpoint', async () => {
    const { watch, created, events, recognized, channel, clock } = setUp()
    const a = watch({ prefix: 'a' })
    const b = watch({ prefix: 'b' }, { startRevision: 3 })
    created(5, 0)
    created(5, 1)
    events(5, [put('b', 4)], { watchId: 1 })
    channel.lastStream.end(new EtcdError('connection_lost'))
    expect(a.told.at(-1)).toBe('disconnected connection_lost')
    clock.advance(10)
    expect(channel.streams.length).toBe(2)
    expect(channel.lastStream.avoided).toBe('http://a:2379')
    // the one that knows something of the store is asked about first, and the other follows it
    expect(channel.lastStream.creates.map(({ filters }) => filters)).toEqual([[0, 1]])
    await recognized()
    created(9, 1)
    created(9, 0)
    expect(channel.lastStream.creates.slice(1).map(({ startRevision }) => startRevision)).toEqual([4, 5])
    expect([a.told.at(-1), b.told.at(-1)]).toEqual(['resumed at 6', 'resumed at 5'])
  })

  it('waits longer from attempt to attempt, and starts over after useful contact', () => {
    const { watch, created, events, channel, clock } = setUp()
    const { told } = watch({ prefix: 'a' })
    const waits: number[] = []
    const fail = () => {
      const before = channel.streams.length
      channel.lastStream.end(new EtcdError('connect_failed'))
      let waited = 0
      for (; channel.streams.length === before && waited < 10_000; waited += 1) clock.advance(1)
      waits.push(waited)
    }
    for (let attempt = 0; attempt < 4; attempt += 1) fail()
    created(5)
    events(6, [put('a', 6)])
    fail()
    expect(waits).toEqual([10, 20, 40, 80, 10])
    expect(told.filter((word) => word === 'disconnected connect_failed').length).toBe(5)
  })

  it('a watch begun while waiting joins the next stream; the last one cancelled stops the waiting', () => {
    const { watch, created, channel, clock } = setUp()
    const a = watch({ prefix: 'a' })
    channel.lastStream.end()
    const b = watch({ prefix: 'b' })
    clock.advance(10)
    created(5, 0)
    created(5, 1)
    expect([a.told.at(-1), b.told]).toEqual(['created at 6', ['created at 6']])
    channel.lastStream.end()
    a.watcher.cancel()
    b.watcher.cancel()
    expect(clock.pending).toBe(0)
  })

  it('what trying again cannot mend ends the watches', () => {
    for (const code of ['permission_denied', 'invalid_argument', 'closed'] as const) {
      const { watch, channel, clock } = setUp()
      const { told } = watch({ prefix: 'a' })
      channel.lastStream.end(new EtcdError(code))
      // one endpoint may be the only one that says so
      if (code !== 'closed') {
        expect(told).toEqual([`disconnected ${code}`])
        clock.advance(100)
        channel.lastStream.end(new EtcdError(code))
      }
      expect(told.at(-1)).toBe(`end ${code}`)
      expect(clock.pending).toBe(0)
    }
  })

  it('T1.21 another cluster is reported and never mixed in', () => {
    const { watch, created, events, channel, clock } = setUp()
    const a = watch({ prefix: 'a' })
    created(5)
    channel.lastStream.end()
    clock.advance(10)
    created(90, 0, { header: header(90, 8n) })
    events(91, [put('a', 91)])
    expect(a.told).toEqual([
      'created at 6',
      'disconnected OK',
      'cluster changed cluster_id',
      'end cluster_changed',
    ])
  })

  it('T1.4 a watch after a list on another cluster is refused', () => {
    const { watch, created } = setUp()
    const { told } = watch({ prefix: 'a' }, { afterRevision: 5, clusterId: 99n })
    created(90)
    expect(told).toEqual(['cluster changed cluster_id', 'end cluster_changed'])
  })

  it('T1.21 a store below the position: a linearizable read tells a lagging member from a restored store', async () => {
    const { watch, created, events, channel, reconnect } = setUp()
    const { told } = watch({ prefix: 'a' })
    created(50)
    events(60, [put('a', 60)])
    channel.onUnary = () => ({ header: header(61) })
    await reconnect()
    created(40)
    expect(channel.lastStream.cancels).toEqual([90, 0])
    await settled()
    created(41, 1)
    expect(told.at(-1)).toBe('resumed at 61')
    channel.onTxn = () => {
      throw new EtcdError('future_revision')
    }
    await reconnect()
    events(70, [put('a', 70)])
    await settled()
    expect(told.slice(-3)).toEqual([
      'disconnected OK',
      'cluster changed revision_went_back',
      'end cluster_changed',
    ])
    expect(channel.calls.map(({ path }) => path)).toEqual([
      // what the first stream's store holds
      '/etcdserverpb.KV/Range',
      '/etcdserverpb.KV/Txn',
      '/etcdserverpb.KV/Range',
      '/etcdserverpb.KV/Txn',
    ])
  })

  it.each([
    ['a key was written otherwise', [kv('a', 60, 'other')]],
    ['a key that was deleted is there', [kv('a', 60), kv('ab', 40)]],
    ['a key is gone', []],
  ])('T3.71 a store that has caught up and is another one is told by what it holds: %s', async (_, kvs) => {
    const { watch, created, events, channel, reconnect } = setUp()
    const { told } = watch({ prefix: 'a' })
    created(50)
    events(60, [put('a', 60), del('ab', 60)])
    channel.onTxn = storeOf([kv('a', 60)], header(100)).txn
    await reconnect()
    created(100)
    expect(told.at(-1)).toBe('resumed at 61')
    channel.onTxn = storeOf(kvs, header(200)).txn
    await reconnect()
    expect(told.slice(-2)).toEqual(['cluster changed history_differs', 'end cluster_changed'])
  })

  it('T3.71 a watch that knows nothing of the store goes by what the others of its stream know', async () => {
    const { watch, created, events, channel, reconnect } = setUp()
    const a = watch({ prefix: 'a' })
    const b = watch({ prefix: 'b' })
    created(50, 0)
    created(50, 1)
    events(60, [put('a', 60)])
    channel.onTxn = storeOf([kv('a', 60, 'other')], header(100)).txn
    await reconnect()
    expect(b.told.slice(1)).toEqual([
      'disconnected OK',
      'cluster changed history_differs',
      'end cluster_changed',
    ])
    expect(a.told.slice(-2)).toEqual(b.told.slice(-2))
    // begun after that, on the store that is there now
    const c = watch({ prefix: 'c' })
    created(100, 3)
    expect(c.told).toEqual(['created at 101'])
  })

  it('T3.71 a watch that knows nothing goes by what was listed, though it was not yet watched on its stream', async () => {
    const { watch, service, created, channel, reconnect } = setUp()
    const plain = watch({ prefix: 'b' })
    created(50, 0)
    channel.onUnary = storeOf([kv('a', 40)], header(50)).onUnary
    const neverAnswered = new Promise<never>(() => undefined)
    channel.onTxn = () => neverAnswered
    const told: number[] = []
    reflectA(service, ({ epoch }) => told.push(epoch))
    await settled()
    expect(told).toEqual([0])
    // The stream breaks before the list's watch is on it; behind the name is another store from here on.
    const other = storeOf([kv('a', 40, 'other')], header(100))
    channel.onTxn = other.txn
    channel.onUnary = other.onUnary
    await reconnect()
    await settled()
    expect(plain.told.slice(1)).toEqual([
      'disconnected OK',
      'cluster changed history_differs',
      'end cluster_changed',
    ])
    expect(told).toEqual([0, 1])
  })

  it('T3.71 a watch that follows the watches of its stream is not ended by what others find', async () => {
    const { watch, service, created, events, channel, reconnect, lastCreate } = setUp()
    const knowing = watch({ prefix: 'c' })
    const plain = watch({ prefix: 'b' })
    created(100, 0)
    created(100, 1)
    events(101, [put('c', 101)])
    // Listed at another store than the one of the stream.
    channel.onUnary = storeOf([kv('a', 40)], header(50)).onUnary
    const neverAnswered = new Promise<never>(() => undefined)
    channel.onTxn = () => neverAnswered
    reflectA(service)
    await settled()
    const real = storeOf([kv('a', 40, 'real'), kv('c', 101)], header(101))
    channel.onTxn = real.txn
    channel.onUnary = real.onUnary
    await reconnect()
    for (const id of [3, 4, 5]) if (lastCreate()) created(101, id)
    await settled()
    expect(knowing.told.at(-1)).toBe('resumed at 102')
    expect(plain.told.at(-1)).toBe('resumed at 101')
  })

  it('T3.71 a watch that was delivered nothing recognizes its store by what its range held', async () => {
    const { watch, created, channel, reconnect } = setUp()
    const first = storeOf([kv('a', 40), kv('ab', 45)], header(50))
    channel.onUnary = first.onUnary
    const a = watch({ prefix: 'a' })
    const b = watch({ prefix: 'b' })
    created(50, 0)
    await settled()
    expect(channel.calls).toMatchObject([{ request: { revision: 50, limit: 8 } }])
    created(50, 1)
    await settled()
    channel.onTxn = first.txn
    await reconnect()
    created(50, 3)
    created(50, 4)
    expect([a.told.at(-1), b.told.at(-1)]).toEqual(['resumed at 51', 'resumed at 51'])
    // one read for each watch, and on the next stream for the one whose range was empty
    expect(channel.calls.filter(({ path }) => path.endsWith('/Range'))).toHaveLength(3)
    channel.onTxn = storeOf([kv('a', 40), kv('ab', 45, 'other')], header(100)).txn
    await reconnect()
    const ending = ['cluster changed history_differs', 'end cluster_changed']
    expect([a.told.slice(-2), b.told.slice(-2)]).toEqual([ending, ending])
  })

  it.each(['at once', 'after progress'])(
    'T3.71 a watch that was delivered nothing goes by its own range, and by no other that is the same in both stores: read %s',
    async (when) => {
      const { watch, created, proven, channel, reconnect } = setUp()
      const first = storeOf([kv('a', 40), kv('b', 45)], header(90))
      const answers: (() => void)[] = []
      channel.onUnary = (path, request) =>
        new Promise((resolve) => answers.push(() => resolve(first.onUnary(path, request))))
      const [a, b] = ['a', 'b'].map((prefix) => watch({ prefix }))
      created(50, 0)
      created(50, 1)
      await settled()
      if (when === 'after progress') proven(60)
      while (answers.length > 0) {
        answers.shift()!()
        await settled()
      }
      channel.onTxn = storeOf([kv('a', 40), kv('b', 45, 'other')], header(100)).txn
      await reconnect()
      created(100, 3)
      expect(b!.told.slice(-2)).toEqual(['cluster changed history_differs', 'end cluster_changed'])
      expect(a!.told.at(-1)).toBe(`resumed at ${when === 'after progress' ? 61 : 51}`)
    },
  )

  it.each([
    ['a change that was delivered before the answer', [put('a', 51)]],
    ['a key that was deleted before the answer', [del('a', 51)]],
  ])('T3.71 what a range held is not remembered past %s', async (_, list) => {
    const { watch, created, events, channel, reconnect } = setUp()
    const { told } = watch({ prefix: 'a' })
    let answer: (() => void) | undefined
    channel.onUnary = (path, request) =>
      new Promise((resolve) => {
        answer = () => resolve(storeOf([kv('a', 40), kv('ab', 45)], header(50)).onUnary(path, request))
      })
    created(50, 0)
    await settled()
    events(51, list)
    answer!()
    await settled()
    await reconnect()
    created(51, 3)
    expect(told.at(-1)).toBe('resumed at 52')
  })

  it('T3.71 a watch whose range is empty goes by that of another one', async () => {
    const { watch, created, channel, reconnect } = setUp()
    const first = storeOf([kv('c', 40)], header(50))
    channel.onUnary = first.onUnary
    const told = ['a', 'b', 'c'].map((prefix) => watch({ prefix }).told)
    for (const id of [0, 1, 2]) created(50, id)
    await settled()
    expect(channel.calls).toHaveLength(3)
    channel.onTxn = storeOf([kv('c', 40, 'other')], header(100)).txn
    await reconnect()
    expect(told.map((each) => each.at(-1))).toEqual(Array(3).fill('end cluster_changed'))
  })

  it('T3.71 a watch follows on when those that it waits for are cancelled', async () => {
    const { watch, created, events, channel, reconnect, lastCreate } = setUp()
    const a = watch({ prefix: 'a' })
    const b = watch({ prefix: 'b' })
    created(50, 0)
    created(50, 1)
    events(60, [put('a', 60)])
    channel.onTxn = () => new Promise(() => undefined)
    await reconnect()
    a.watcher.cancel()
    expect(String(lastCreate()?.key)).toBe('b')
    created(60, 3)
    expect(b.told.at(-1)).toBe('resumed at 51')
  })

  it('T3.71 the same store is recognized before anything of its stream is delivered', async () => {
    const { watch, created, events, channel, reconnect, recognized, clock } = setUp()
    const { told } = watch({ prefix: 'a' })
    created(50)
    events(60, [put('a', 60)])
    let answer: ((store: unknown) => void) | undefined
    channel.onTxn = () =>
      new Promise((resolve) => {
        answer = resolve
      })
    await reconnect()
    expect(channel.lastStream.creates.map(({ filters }) => filters)).toEqual([[0, 1]])
    answer!(storeOf([kv('a', 60)], header(60)).txn({ success: channel.lastTxn!.success }))
    await settled()
    expect(channel.lastStream.creates.at(-1)).toMatchObject({ startRevision: 60, filters: [] })
    // where that cannot be asked, the next endpoint is
    channel.onTxn = () => {
      throw new EtcdError('unavailable')
    }
    created(60)
    await reconnect()
    expect(told.at(-1)).toBe('disconnected unavailable')
    channel.onTxn = storeOf([kv('a', 60)], header(60)).txn
    clock.advance(1_000)
    await recognized()
    created(60)
    expect(told.at(-1)).toBe('resumed at 61')
  })

  it('T1.21 a store past the position but in an earlier term was restored', async () => {
    const { watch, created, channel, reconnect } = setUp()
    const { told } = watch({ prefix: 'a' })
    created(50, 0, { header: header(50, 7n, 9) })
    channel.onUnary = () => ({ header: header(500, 7n, 3) })
    await reconnect()
    created(500, 0, { header: header(500, 7n, 3) })
    await settled()
    expect(told.slice(-2)).toEqual(['cluster changed term_went_back', 'end cluster_changed'])
  })

  it('T1.21 asks again when the cluster cannot answer', async () => {
    const { watch, created, reconnect, clock } = setUp()
    const { told } = watch({ prefix: 'a' })
    created(50)
    await reconnect()
    created(40)
    await settled()
    expect(told.at(-1)).toBe('disconnected unavailable')
    clock.advance(1_000)
    created(50)
    expect(told.at(-1)).toBe('resumed at 51')
  })
})

describe('refusals within the stream', () => {
  const refuse = (reason: string) => ({ canceled: true, cancelReason: reason })

  it.each([
    'rpc error: code = Unauthenticated desc = etcdserver: invalid auth token',
    'rpc error: code = InvalidArgument desc = etcdserver: user name is empty',
    'rpc error: code = InvalidArgument desc = etcdserver: revision of auth store is old',
  ])('T1.8 T1.47 a new token and a new stream for: %s', async (reason) => {
    const { watch, created, channel, clock } = setUp()
    const { told } = watch({ prefix: 'a' })
    created(5, -1, refuse(reason))
    expect(channel.streams[0]?.isCancelled).toBe(true)
    await settled()
    expect(channel.tokenRefreshes).toBe(1)
    clock.advance(10)
    created(5)
    expect(told).toEqual(['created at 6'])
  })

  it('T1.8 gives up on a token that is refused again and again', async () => {
    const { watch, created, channel, clock } = setUp()
    const { told } = watch({ prefix: 'a' })
    for (let attempt = 0; attempt < 9 && !told.some((word) => word.startsWith('end')); attempt += 1) {
      created(5, -1, refuse('etcdserver: user name is empty'))
      await settled()
      clock.advance(1_000)
    }
    expect(told.at(-1)).toBe('end unauthenticated')
    expect(channel.streams.length).toBe(4)
  })

  it.each([
    ['etcdserver: revision of auth store is old', ['disconnected unauthenticated', 'created at 6']],
    ['etcdserver: invalid auth token', ['disconnected unauthenticated', 'created at 6']],
    // etcd before 3.5, of a token that is outdated: a read is answered.
    ['etcdserver: permission denied', ['disconnected permission_denied', 'created at 6']],
  ])('T1.8 goes on, less and less often, while each new token is outdated: %s', async (reason, ends) => {
    const { watch, created, channel, clock } = setUp()
    channel.onUnary = () => ({ header: header(5) })
    const { told } = watch({ prefix: 'a' })
    for (let attempt = 0; attempt < 12; attempt += 1) {
      const before = channel.streams.length
      created(5, -1, refuse(reason))
      await settled()
      if (attempt > 8) clock.advance(600)
      if (attempt > 8) expect(channel.streams.length).toBe(before)
      clock.advance(700)
      expect(channel.streams.length).toBe(before + 1)
    }
    created(5)
    expect([told[0], told.at(-1)]).toEqual(ends)
  })

  it('T1.8 ends with the error of the token itself', async () => {
    const { watch, created, channel } = setUp()
    channel.onRefresh = () => Promise.reject(new EtcdError('unauthenticated', { what: 'wrong password' }))
    const { told } = watch({ prefix: 'a' })
    created(5, -1, refuse('etcdserver: invalid auth token'))
    await settled()
    expect(told).toEqual(['end unauthenticated'])
  })

  it('T1.8 goes on trying when the token cannot be fetched for now', async () => {
    const { watch, created, channel, clock } = setUp()
    channel.onRefresh = () => Promise.reject(new EtcdError('unavailable'))
    const { told } = watch({ prefix: 'a' })
    created(5, -1, refuse('etcdserver: invalid auth token'))
    await settled()
    clock.advance(100)
    created(5)
    expect(told).toEqual(['disconnected unavailable', 'created at 6'])
  })

  it('T1.8 permission denied is final for that watch only, once a read says the same', async () => {
    const { watch, created, channel, events } = setUp()
    channel.onUnary = () => {
      throw new EtcdError('permission_denied')
    }
    const a = watch({ prefix: 'a' })
    const b = watch({ prefix: 'secret' })
    created(5, 0)
    // etcd before 3.5.5 echoes the id of the request, 0, which is that of a watch that is alive.
    created(5, 0, refuse('rpc error: code = PermissionDenied desc = etcdserver: permission denied'))
    await settled()
    events(6, [put('a', 6)])
    expect(b.told).toEqual(['end permission_denied'])
    expect(a.told).toEqual(['created at 6', '6: +a'])
    expect(channel.streams.length).toBe(1)
  })

  it('T1.8 permission denied for an expired token (3.4) gets a new token and a new stream', async () => {
    const { watch, created, channel, clock } = setUp()
    channel.onUnary = () => ({ header: header(5) })
    const { told } = watch({ prefix: 'a' })
    created(5, -1, refuse('rpc error: code = PermissionDenied desc = etcdserver: permission denied'))
    await settled()
    expect(channel.tokenRefreshes).toBe(1)
    clock.advance(10)
    expect(channel.streams.length).toBe(2)
    created(5)
    expect(told.at(-1)).toBe('created at 6')
  })

  it('other refusals are tried again later, alone and less and less often', () => {
    const { watch, created, channel, clock } = setUp()
    const { told } = watch({ prefix: 'a' })
    for (const waitMs of [10, 20, 40, 80]) {
      created(5, -1, refuse('etcdserver: too many watchers'))
      const { creates } = channel.lastStream
      clock.advance(waitMs - 1)
      expect(channel.lastStream.creates.length).toBe(creates.length)
      clock.advance(1)
      expect(channel.lastStream.creates.length).toBe(creates.length + 1)
    }
    created(5)
    expect(channel.streams.length).toBe(1)
    expect(told.slice(-2)).toEqual(['disconnected unavailable', 'created at 6'])
  })

  it.each([
    ['etcdserver: too many watchers', ['disconnected unavailable']],
    ['mvcc: watcher range is empty', ['end invalid_argument']],
    ['etcdserver: invalid auth token', ['disconnected unauthenticated']],
    ['etcdserver: permission denied', ['disconnected permission_denied']],
    ['something new', ['disconnected unavailable']],
    ['', ['disconnected unavailable']],
  ])('T3.73 a refusal of one watch touches no other: %s', async (reason, expected) => {
    const { watch, created, channel, clock } = setUp()
    channel.onUnary = () => ({ header: header(5) })
    const a = watch({ prefix: 'a' })
    created(5, 0)
    const [first] = channel.streams
    const b = watch({ prefix: 'b' })
    for (let attempt = 0; attempt < 12; attempt += 1) {
      created(5, -1, refuse(reason))
      await settled()
      clock.advance(100)
    }
    first!.answer({ header: header(6), watchId: 0, events: [put('a', 6)] })
    expect(b.told.slice(0, 1)).toEqual(expected)
    expect(a.told).toEqual(['created at 6', '6: +a'])
    expect(first!.isCancelled).toBe(false)
    expect(channel.streams.filter(({ isCancelled }) => !isCancelled).length).toBeLessThanOrEqual(2)
    // the next watch comes all the same, and when the old stream ends its watches go on
    const c = watch({ prefix: 'c' })
    clock.advance(700)
    for (const id of [7, 8]) created(6, id)
    expect(c.told).toEqual(['created at 7'])
  })

  it('T1.47 the watches of a stream whose token is old go on, on the new one once theirs has ended', async () => {
    const { watch, created, channel, clock, recognized } = setUp()
    const a = watch({ prefix: 'a' })
    created(5, 0)
    const b = watch({ prefix: 'b' })
    created(5, -1, refuse('etcdserver: invalid auth token'))
    await settled()
    clock.advance(100)
    expect([channel.tokenRefreshes, channel.streams.length]).toEqual([1, 2])
    created(5, 0)
    expect([a.told, b.told]).toEqual([['created at 6'], ['created at 6']])
    channel.streams[0]!.end(new EtcdError('connection_lost'))
    await recognized()
    created(5, 1)
    expect(a.told.slice(1)).toEqual(['disconnected connection_lost', 'resumed at 6'])
    expect(channel.streams.length).toBe(2)
  })

  it('a live watch that the server cancels is resumed', async () => {
    const { watch, created, events, recognized, channel, clock, lastCreate } = setUp()
    const { told } = watch({ prefix: 'a' })
    created(5)
    events(6, [put('a', 6)])
    channel.lastStream.answer({
      header: header(6),
      watchId: 0,
      canceled: true,
      cancelReason: 'etcdserver: no leader',
    })
    clock.advance(10)
    await recognized()
    expect(lastCreate()?.startRevision).toBe(6)
    created(6)
    expect(told.slice(-2)).toEqual(['disconnected unavailable', 'resumed at 7'])
  })
})

/** A signal that tells how many listeners it has. */
function countingSignal() {
  const controller = new AbortController()
  const signal = controller.signal as AbortSignal & { listeners: number }
  const { addEventListener, removeEventListener } = signal
  const known = new Set<unknown>()
  Object.defineProperty(signal, 'listeners', { get: () => known.size })
  signal.addEventListener = ((type: string, listener: () => void, options?: object) => {
    known.add(listener)
    addEventListener.call(signal, type, listener, options)
  }) as typeof signal.addEventListener
  signal.removeEventListener = ((type: string, listener: () => void) => {
    known.delete(listener)
    removeEventListener.call(signal, type, listener)
  }) as typeof signal.removeEventListener
  return { signal, abort: () => controller.abort() }
}
