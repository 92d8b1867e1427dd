import { describe, expect, it } from 'vitest'
import { EtcdError } from '../errors.ts'
import { RawPage } from '../kv/range-page.ts'
import { ScriptedChannel } from '../watch/scripted-channel.test.kit.ts'
import { header, storeOf } from '../watch/watch-recorder.test.kit.ts'
import { type KeyValue, type RangeRequest, RangeResponse, type TxnRequest } from '../wire/kv.ts'
import { EventType } from '../wire/watch.ts'
import type { KeyEvent } from '../watch/revision-assembler.ts'
import { StoreEvidence } from './store-evidence.ts'
import { StoreRecognizer } from './store-recognizer.ts'

const RANGES = [
  { key: Buffer.from('base/'), rangeEnd: Buffer.from('base0') },
  { key: Buffer.from('prod/'), rangeEnd: Buffer.from('prod0') },
]

function entry(key: string, modRevision: number, value = `v${modRevision}`): KeyValue {
  return {
    key: Buffer.from(key),
    value: Buffer.from(value),
    createRevision: modRevision,
    modRevision,
    version: 1,
    lease: 0n,
  }
}

function event(kv: KeyValue, isDelete = false): KeyEvent {
  return { type: isDelete ? EventType.delete : EventType.put, kv, prevKv: undefined }
}

/** A store whose entries can be changed, and what is remembered of two of its ranges. */
function remembered(keys: readonly string[]) {
  const held = new Map(keys.map((key, index) => [key, entry(key, index + 2)]))
  const sorted = () => [...held.values()].sort((a, b) => Buffer.compare(a.key, b.key))
  const evidence = new StoreEvidence({ ranges: RANGES })
  let revision = keys.length + 1
  for (const [index, range] of RANGES.entries()) {
    const answer = storeOf(sorted(), header(revision)).onUnary('/Range', { ...range, limit: 0 })
    evidence.listed(new RawPage(RangeResponse.encode(answer as never) as Buffer), index)
  }
  return {
    evidence,
    held,
    sorted,
    get revision() {
      return revision
    },
    /** One transaction: puts, and deletes where the key begins with a minus. */
    write(names: readonly string[]) {
      revision += 1
      const events = names.map((name) => {
        const isDelete = name.startsWith('-')
        return event(entry(isDelete ? name.slice(1) : name, revision), isDelete)
      })
      const wereThere = events.map(({ kv }) => held.has(kv!.key.toString()))
      evidence.changed(events, wereThere)
      for (const { type, kv } of events) {
        if (type === EventType.delete) held.delete(kv!.key.toString())
        else held.set(kv!.key.toString(), kv!)
      }
    },
  }
}

/** A server that plays a store and accepts a limited number of operations at a time. */
function server(kvs: readonly KeyValue[], revision: number, maxOps = 128) {
  const channel = new ScriptedChannel()
  const store = storeOf(kvs, header(revision))
  channel.onUnary = store.onUnary
  channel.onTxn = (request: TxnRequest) => {
    if (request.success.length > maxOps) throw new EtcdError('request_too_large')
    return store.txn(request)
  }
  return channel
}

async function recognize(channel: ScriptedChannel, { evidence, revision }: ReturnType<typeof remembered>) {
  const question = evidence.question(revision)!
  return new StoreRecognizer(channel).recognize({ question, known: header(revision), options: {} })
}

const hundred = Array.from({ length: 100 }, (_, index) => `base/${String(index).padStart(3, '0')}`)

describe('what is remembered of a store', () => {
  it('a change of many keys outside of the ranges leaves nothing stale of those inside', async () => {
    const store = remembered([...hundred, 'prod/x'])
    const siblings = Array.from({ length: 60 }, (_, index) => `dev/${index}`)
    store.write([...hundred.slice(95), ...siblings])
    expect(await recognize(server(store.sorted(), store.revision), store)).toEqual({ type: 'same' })
    expect(store.sorted().filter((kv) => store.evidence.contradicts(kv, store.revision))).toEqual([])
  })

  it('a store is never taken for another one, whatever was written to it', async () => {
    let seed = 7
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
      return seed % below
    }
    for (const size of [0, 3, 60, 64, 65, 100]) {
      const store = remembered(hundred.slice(0, size))
      for (let turn = 0; turn < 30; turn += 1) {
        const names = Array.from({ length: 1 + random(90) }, () => {
          const prefix = ['base', 'prod', 'dev', 'c'][random(4)]
          return `${random(4) === 0 ? '-' : ''}${prefix}/${String(random(150)).padStart(3, '0')}`
        })
        const last = new Map(names.map((name) => [name.replace('-', ''), name]))
        store.write([...last.values()])
        expect(await recognize(server(store.sorted(), store.revision), store)).toEqual({ type: 'same' })
        const inside = store.sorted().filter(({ key }) => /^(base|prod)/.test(key.toString()))
        expect(inside.filter((kv) => store.evidence.contradicts(kv, store.revision))).toEqual([])
      }
    }
  })
})

describe('StoreRecognizer', () => {
  it.each([1, 16, 17, 64, 65, 200])(
    'recognizes another store by %i ranges that were empty',
    async (count) => {
      const ranges = Array.from({ length: count }, (_, index) => ({
        key: Buffer.from(`r${index}/`),
        rangeEnd: Buffer.from(`r${index}0`),
      }))
      const evidence = new StoreEvidence({ ranges })
      const ask = (kvs: readonly KeyValue[]) =>
        new StoreRecognizer(server(kvs, 50)).recognize({
          question: evidence.question(20)!,
          known: header(20),
          options: {},
        })
      expect(await ask([])).toEqual({ type: 'same' })
      expect(await ask([entry(`r${count - 1}/x`, 10)])).toMatchObject({ reason: 'history_differs' })
      // Every key was deleted since the list: no more are remembered than the newest.
      const keys = Array.from({ length: 100 }, (_, index) => entry(`r${index % count}/${index}`, 19))
      evidence.changed(
        keys.map((kv) => event(kv)),
        keys.map(() => false),
      )
      evidence.changed(
        keys.map((kv) => event({ ...kv, modRevision: 20 }, true)),
        keys.map(() => true),
      )
      expect(await ask([])).toEqual({ type: 'same' })
      expect(await ask([entry('r0/x', 10)])).toMatchObject({ reason: 'history_differs' })
    },
  )

  it.each([1, 2, 16, 63, 64, 128])('asks in pieces of at most %i operations', async (maxOps) => {
    const store = remembered([...hundred, 'prod/x'])
    const channel = server(store.sorted(), store.revision, maxOps)
    expect(await recognize(channel, store)).toEqual({ type: 'same' })
    const other = hundred.map((key, index) => entry(key, index + 2, 'another'))
    const replaced = server([...other, entry('prod/x', 102, 'another')], store.revision + 50, maxOps)
    expect(await recognize(replaced, store)).toMatchObject({ type: 'other', reason: 'history_differs' })
  })

  it('learns from a refusal how much the server takes', async () => {
    const store = remembered([...hundred, 'prod/x'])
    const channel = server(store.sorted(), store.revision, 20)
    const recognizer = new StoreRecognizer(channel)
    const request = { question: store.evidence.question(store.revision)!, known: undefined, options: {} }
    await recognizer.recognize(request)
    const before = channel.calls.length
    await recognizer.recognize(request)
    expect(channel.calls.length - before).toBe(Math.ceil(request.question.length / 16))
  })

  it('goes without transactions where a gateway lets none through', async () => {
    const store = remembered(hundred)
    const channel = server(store.sorted(), store.revision)
    channel.onTxn = () => {
      throw new EtcdError('unimplemented')
    }
    expect(await recognize(channel, store)).toEqual({ type: 'same' })
  })

  it('asks for revisions alone where a value is too large', async () => {
    const store = remembered(['base/a', 'base/b'])
    const channel = server(store.sorted(), store.revision)
    const { onUnary } = channel
    const refuse = () => {
      throw new EtcdError('response_too_large')
    }
    channel.onTxn = refuse
    channel.onUnary = (path, request) =>
      (request as RangeRequest).keysOnly ? onUnary(path, request) : refuse()
    expect(await recognize(channel, store)).toEqual({ type: 'same' })
  })

  it.each(['request_too_large', 'permission_denied', 'invalid_argument', 'unimplemented'] as const)(
    'what is refused with %s proves nothing',
    async (code) => {
      const store = remembered([...hundred, 'prod/x'])
      const channel = new ScriptedChannel()
      channel.onUnary = () => {
        throw new EtcdError(code)
      }
      expect(await recognize(channel, store)).toMatchObject({ type: 'unproven', error: { code } })
    },
  )

  it.each([
    ['an earlier term', header(500, 7n, 1), 'term_went_back'],
    ['a lower revision', header(3), 'revision_went_back'],
    ['another cluster', header(500, 8n), 'cluster_id'],
  ])('an answer of %s is from another store', async (_, head, reason) => {
    const store = remembered(hundred)
    const channel = new ScriptedChannel()
    channel.onTxn = storeOf(store.sorted(), head).txn
    expect(await recognize(channel, store)).toMatchObject({ type: 'other', reason })
  })

  it('a piece of another store than the piece before is from another store', async () => {
    const store = remembered(hundred)
    const channel = new ScriptedChannel()
    let pieces = 0
    channel.onTxn = (request) => {
      if (request.success.length > 20) throw new EtcdError('request_too_large')
      pieces += 1
      return storeOf(store.sorted(), header(500 - pieces)).txn(request)
    }
    expect(await recognize(channel, store)).toMatchObject({ type: 'other', reason: 'revision_went_back' })
  })

  it('a store in which a known revision has not happened is another one', async () => {
    const channel = new ScriptedChannel()
    channel.onUnary = () => {
      throw new EtcdError('future_revision')
    }
    expect(await recognize(channel, remembered(hundred))).toMatchObject({ type: 'other' })
  })
})
