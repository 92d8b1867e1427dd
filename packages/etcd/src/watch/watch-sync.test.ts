import { describe, expect, it } from 'vitest'
import { EtcdError } from '../errors.ts'
import { Namespace } from '../key-range.ts'
import type { KeyValue } from '../wire/kv.ts'
import { settled } from './scripted-channel.test.kit.ts'
import { diffLists, hold } from './resync.ts'
import { del, header, put, setUp, storeOf } from './watch-recorder.test.kit.ts'
import type { SyncBatch } from './sync-contract.ts'
import type { WatchEvent } from './watch-handlers.ts'

function kv(key: string, modRevision: number, value = `v${modRevision}`): KeyValue {
  return {
    key: Buffer.from(key),
    value: Buffer.from(value),
    createRevision: modRevision,
    modRevision,
    version: 1,
    lease: 0n,
  }
}

function word({ type, key, text, prevKv }: WatchEvent) {
  return `${type} ${key}${type === 'put' ? `=${text}` : ''} was ${prevKv?.value ?? 'nothing'}`
}

describe('what must have happened between two lists', () => {
  it('deletes first, then puts in the order of their revisions', () => {
    const before = hold([kv('same', 2), kv('gone', 3), kv('changed', 4)])
    const after = hold([kv('new', 9), kv('changed', 8), kv('same', 2)])
    const events = diffLists(before, after, 10, true)
    expect(events.map(word)).toEqual([
      'delete gone was v3',
      'put changed=v8 was v4',
      'put new=v9 was nothing',
    ])
    expect(events[0]?.kv.modRevision).toBe(10)
  })

  it('in another store equal revisions do not mean equal values', () => {
    const [before, after] = [hold([kv('a', 2, 'old'), kv('b', 3)]), hold([kv('a', 2, 'new'), kv('b', 3)])]
    expect(diffLists(before, after, 10, true)).toEqual([])
    expect(diffLists(before, after, 10, false).map(word)).toEqual(['put a=new was old'])
  })

  it('tells keys apart that are no text', async () => {
    const bytes = (...list: number[]): KeyValue => ({ ...kv('x', 2), key: Buffer.from(list) })
    const events = diffLists(hold([bytes(0xff)]), hold([bytes(0xfe)]), 9, true)
    expect(events.map(({ type, kv }) => [type, [...kv.key]])).toEqual([
      ['delete', [0xff]],
      ['put', [0xfe]],
    ])
  })
})

describe('sync', () => {
  const setUpSync = async (list: readonly KeyValue[], revision: number, namespace?: Namespace) => {
    const all = setUp(namespace === undefined ? {} : { namespace })
    const told: string[] = []
    const batches: SyncBatch[] = []
    const holds = (kvs: readonly KeyValue[], head = header(revision), compactRevision = 0) => {
      all.channel.onTxn = undefined
      all.channel.onUnary = storeOf(kvs, head, compactRevision).onUnary
    }
    holds(list)
    const sync = all.service.sync(
      { prefix: 'a' },
      {
        onSnapshot: ({ kvs, revision: at }) => told.push(`${at}: ${kvs.map(({ key }) => key).join(' ')}`),
        onEvents: (batch) => {
          batches.push(batch)
          const marks = `${batch.isResync ? ' resync' : ''}${batch.epoch > 0 ? ` epoch ${batch.epoch}` : ''}`
          told.push(`${batch.revision}${marks}: ${batch.events.map(word).join(', ')}`)
        },
        onProgress: (progress) => told.push(`progress ${progress.revision}`),
        onDisconnected: ({ error }) => told.push(`disconnected ${error?.code}`),
        onEnd: (error) => told.push(`end ${error?.code ?? 'OK'}`),
      },
    )
    await settled()
    await all.recognized()
    return { ...all, sync, told, batches, holds }
  }

  it('T1.4 lists, then watches from after the list', async () => {
    const { told, created, events, progress, lastCreate, sync } = await setUpSync(
      [kv('a', 3), kv('ab', 4)],
      9,
    )
    expect(told).toEqual(['9: a ab'])
    expect(lastCreate()?.startRevision).toBe(9)
    created(9)
    events(10, [put('a', 10), del('ab', 10)])
    expect(told.at(-1)).toBe('10: put a=v10 was v3, delete ab was v4')
    progress(12, 0)
    expect([told.at(-1), sync.revision]).toEqual(['progress 12', 12])
  })

  it('T1.5 lists again after a compaction and tells the difference, or nothing', async () => {
    const { told, created, progress, channel, holds, recognized, lastCreate } = await setUpSync(
      [kv('a', 3), kv('ab', 4)],
      9,
    )
    created(9)
    const compact = async (list: readonly KeyValue[], revision: number) => {
      progress(revision - 8, 0)
      holds(list, header(revision), revision)
      channel.lastStream.answer({ header: header(0), watchId: 0, canceled: true, compactRevision: revision })
      await settled()
      await recognized()
    }
    await compact([kv('a', 15)], 20)
    expect(told.at(-1)).toBe('20 resync: delete ab was v4, put a=v15 was v3')
    expect(lastCreate()?.startRevision).toBe(20)
    created(20)
    await compact([kv('a', 15)], 30)
    expect(told.filter((word) => !word.startsWith('progress')).length).toBe(2)
    expect(lastCreate()?.startRevision).toBe(30)
  })

  it('T1.21 another store is another epoch', async () => {
    const { told, created, holds } = await setUpSync([kv('a', 3, 'old')], 9)
    holds([kv('a', 3, 'new')], header(5, 8n))
    created(5, 0, { header: header(5, 8n) })
    await settled()
    expect(told.at(-1)).toBe('5 resync epoch 1: put a=new was old')
  })

  it('another history of the same cluster is another epoch, also at the very revision that is known', async () => {
    const { told, created, progress, channel, holds, recognized } = await setUpSync([kv('a', 3, 'old')], 9)
    created(9)
    const relist = async (value: string) => {
      progress(9, 0)
      holds([kv('a', 3, value)])
      channel.lastStream.answer({ header: header(0), watchId: 0, canceled: true, compactRevision: 9 })
      await settled()
      await recognized()
    }
    await relist('old')
    expect(told).toEqual(['9: a', 'progress 9'])
    created(9)
    await relist('new')
    expect(told.at(-1)).toBe('9 resync epoch 1: put a=new was old')
  })

  it('tries to list again until it can', async () => {
    const { told, channel, clock, service } = setUpFailing(new EtcdError('unavailable'))
    await settled()
    expect(told).toEqual(['disconnected unavailable'])
    channel.onUnary = () => ({ header: header(9), kvs: [], count: 0 })
    clock.advance(100)
    await settled()
    expect(told.at(-1)).toBe('snapshot')
    service.close()
    await settled()
    expect([told.at(-1), clock.pending]).toEqual(['end OK', 0])
  })

  it('ends with what trying again cannot mend', async () => {
    const { told, clock } = setUpFailing(new EtcdError('permission_denied'))
    await settled()
    expect([told, clock.pending]).toEqual([['end permission_denied'], 0])
  })

  it('closing the service or the signal ends it in every state', async () => {
    const waiting = setUpFailing(new EtcdError('unavailable'))
    await settled()
    waiting.service.close()
    const listing = setUpFailing(new EtcdError('unavailable'))
    listing.service.close()
    const aborted = setUpFailing(new EtcdError('unavailable'), AbortSignal.abort())
    await settled()
    expect([waiting.told.at(-1), listing.told, aborted.told]).toEqual(['end OK', ['end OK'], ['end OK']])
    expect([waiting.clock.pending, listing.clock.pending, aborted.clock.pending]).toEqual([0, 0, 0])
    expect(() => waiting.service.sync({ prefix: 'a' }, { onSnapshot() {}, onEvents() {} })).toThrow(/closed/)
  })

  it('a handler that throws hurts nobody', async () => {
    const { channel, service, created, events, recognized, errors } = setUp()
    channel.onTxn = undefined
    channel.onUnary = storeOf([], header(9)).onUnary
    const fail = () => {
      throw new Error('no')
    }
    const sync = service.sync({ prefix: 'a' }, { onSnapshot: fail, onEvents: fail })
    await settled()
    await recognized()
    created(9)
    events(10, [put('a', 10)])
    expect([errors.length, sync.revision]).toEqual([2, 10])
  })

  it('takes the namespace off', async () => {
    const { told, created, events } = await setUpSync([kv('/ns/a', 3)], 9, new Namespace('/ns/'))
    created(9)
    events(10, [put('/ns/a', 10)])
    expect(told).toEqual(['9: a', '10: put a=v10 was v3'])
  })

  const setUpFailing = (error: EtcdError, signal?: AbortSignal) => {
    const all = setUp()
    const told: string[] = []
    all.channel.onUnary = () => {
      throw error
    }
    all.service.sync(
      { prefix: 'a' },
      {
        onSnapshot: () => told.push('snapshot'),
        onEvents() {},
        onDisconnected: ({ error: given }) => told.push(`disconnected ${given?.code}`),
        onEnd: (given) => told.push(`end ${given?.code ?? 'OK'}`),
      },
      signal === undefined ? {} : { signal },
    )
    return { ...all, told }
  }
})
