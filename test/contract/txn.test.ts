import { type Compare, type CompareResult, type Init, KV, Lease, type TxnRequest } from '@livetree/etcd/wire'
import { expect, test } from 'vitest'
import { eachServerAndWay, fresh, prefixEnd, put, revisionOf, textOf } from './contract-server.ts'
import { compareLease, compareNumber, compareValue, op } from './operations.ts'
import { refusal } from './refusal.ts'

const results = ['equal', 'notEqual', 'greater', 'less'] as const

eachServerAndWay('Txn', (server) => {
  const current = server.use()
  const run = (request: Init<TxnRequest>) => current().client.call(KV.txn, request)
  const holds = async (...compare: Init<Compare>[]): Promise<boolean> => (await run({ compare })).succeeded

  /** The results under which a compare holds. */
  const holding = async (make: (result: keyof typeof CompareResult) => Init<Compare>): Promise<string[]> => {
    const held: string[] = []
    for (const result of results) if (await holds(make(result))) held.push(result)
    return held
  }

  test('18 runs success when all compares hold, else failure', async () => {
    const { client } = current()
    const key = fresh('t')
    const branches = { success: [op.put({ key, value: 'yes' })], failure: [op.put({ key, value: 'no' })] }
    const absent = compareNumber(key, 'version', 'equal', 0)
    expect(await run({ compare: [absent], ...branches })).toMatchObject({ succeeded: true })
    expect(await textOf(client, key)).toBe('yes')
    const present = compareNumber(key, 'version', 'greater', 0)
    expect(await run({ compare: [present, absent], ...branches })).toMatchObject({ succeeded: false })
    expect(await textOf(client, key)).toBe('no')
    expect((await run({ success: [], failure: [op.put({ key })] })).succeeded).toBe(true)
  })

  test('19 many writes are one revision, with the answers in order under the outer header', async () => {
    const { client } = current()
    const p = fresh('t')
    const before = await revisionOf(client)
    const { header, responses } = await run({
      success: [
        op.put({ key: `${p}a`, value: '1' }),
        op.put({ key: `${p}b`, value: '2' }),
        op.delete({ key: `${p}none` }),
        op.range({ key: p, rangeEnd: prefixEnd(p) }),
      ],
    })
    expect(header?.revision).toBe(before + 1)
    expect(responses.map(({ response }) => response?.type)).toEqual(['put', 'put', 'deleteRange', 'range'])
    const { kvs } = await client.call(KV.range, { key: p, rangeEnd: prefixEnd(p) })
    expect(kvs.map(({ modRevision }) => modRevision)).toEqual([before + 1, before + 1])
  })

  test('20 compares version, create and mod revision, value and lease in all four ways', async () => {
    const { client } = current()
    const key = fresh('t')
    const { id } = await client.call(Lease.grant, { ttl: 600 })
    const created = await put(client, key, 'm', id)
    const modified = await put(client, key, 'm', id)
    const numbers = [
      ['version', 2],
      ['createRevision', created],
      ['modRevision', modified],
    ] as const
    for (const [type, is] of numbers) {
      expect(await holding((result) => compareNumber(key, type, result, is))).toEqual(['equal'])
      expect(await holding((result) => compareNumber(key, type, result, is - 1))).toEqual([
        'notEqual',
        'greater',
      ])
      expect(await holding((result) => compareNumber(key, type, result, is + 1))).toEqual([
        'notEqual',
        'less',
      ])
    }
    expect(await holding((result) => compareLease(key, result, id))).toEqual(['equal'])
    expect(await holding((result) => compareLease(key, result, id - 1n))).toEqual(['notEqual', 'greater'])
    expect(await holding((result) => compareLease(key, result, id + 1n))).toEqual(['notEqual', 'less'])
    expect(await holding((result) => compareValue(key, result, 'm'))).toEqual(['equal'])
    expect(await holding((result) => compareValue(key, result, 'a'))).toEqual(['notEqual', 'greater'])
    expect(await holding((result) => compareValue(key, result, 'z'))).toEqual(['notEqual', 'less'])
  })

  test('20 a compare over a range holds when it holds for every key', async () => {
    const { client } = current()
    const p = fresh('t')
    await put(client, `${p}a`, 'x')
    await put(client, `${p}b`, 'x')
    const end = prefixEnd(p)
    expect(await holds(compareValue(p, 'equal', 'x', end))).toBe(true)
    expect(await holds(compareNumber(p, 'version', 'equal', 1, end))).toBe(true)
    await put(client, `${p}b`, 'y')
    expect(await holds(compareValue(p, 'equal', 'x', end))).toBe(false)
    expect(await holds(compareNumber(p, 'version', 'greater', 0, end))).toBe(true)
    expect(await holds(compareNumber(p, 'version', 'greater', 1, end))).toBe(false)
  })

  test('21 a missing key has numbers 0 and no value, not even an unequal one', async () => {
    const key = fresh('none')
    for (const type of ['version', 'createRevision', 'modRevision'] as const) {
      expect(await holding((result) => compareNumber(key, type, result, 0))).toEqual(['equal'])
      expect(await holding((result) => compareNumber(key, type, result, 1))).toEqual(['notEqual', 'less'])
    }
    expect(await holding((result) => compareLease(key, result, 0n))).toEqual(['equal'])
    expect(await holding((result) => compareValue(key, result, ''))).toEqual([])
    expect(await holding((result) => compareValue(key, result, 'x'))).toEqual([])
    expect(await holds(compareNumber(key, 'version', 'equal', 0, prefixEnd(key)))).toBe(true)
    expect(await holds(compareValue(key, 'notEqual', 'x', prefixEnd(key)))).toBe(false)
  })

  test('22 a key put twice, or put and deleted, is refused with 3, nested or not', async () => {
    const { client } = current()
    const key = fresh('t')
    const twice = { code: 3, message: 'etcdserver: duplicate key given in txn request' }
    const putKey = op.put({ key, value: '1' })
    const nested = (success: (typeof putKey)[], failure: (typeof putKey)[] = []) =>
      op.txn({ success, failure })
    const revision = await revisionOf(client)
    const refused = [
      [putKey, putKey],
      [putKey, op.delete({ key })],
      [op.delete({ key: 't', rangeEnd: 'u' }), putKey],
      [putKey, nested([putKey])],
      [nested([putKey]), nested([putKey])],
      [nested([putKey]), nested([], [putKey])],
      [nested([op.delete({ key })]), putKey],
      [op.delete({ key }), nested([], [putKey])],
      [nested([putKey, putKey])],
    ]
    for (const success of refused) expect(await refusal(run({ success }))).toEqual(twice)
    expect(await refusal(run({ failure: [putKey, putKey] }))).toEqual(twice)
    expect(await revisionOf(client)).toBe(revision)
    // The branches of one nested transaction exclude each other.
    expect((await run({ success: [nested([putKey], [putKey])] })).header?.revision).toBe(revision + 1)
    expect((await run({ success: [op.delete({ key }), op.delete({ key })] })).succeeded).toBe(true)
  })

  test('22 a put beside "delete everything from a key on" passes and is deleted', async () => {
    const { client } = current()
    const key = fresh('zz')
    const { responses } = await run({
      success: [op.put({ key, value: '1' }), op.delete({ key, rangeEnd: '\0' })],
    })
    expect(responses[1]?.response).toMatchObject({ type: 'deleteRange', value: { deleted: 1 } })
    expect(await textOf(client, key)).toBeUndefined()
  })

  test('22 more than 128 operations are refused with 3, 128 are run', async () => {
    const p = fresh('t')
    const tooMany = { code: 3, message: 'etcdserver: too many operations in txn request' }
    const puts = Array.from({ length: 129 }, (_, index) => op.put({ key: `${p}${index}`, value: '1' }))
    const compares = Array.from({ length: 129 }, () => compareNumber(p, 'version', 'equal', 0))
    expect(await refusal(run({ success: puts }))).toEqual(tooMany)
    expect(await refusal(run({ failure: puts }))).toEqual(tooMany)
    expect(await refusal(run({ compare: compares }))).toEqual(tooMany)
    const nested = op.txn({ success: puts.slice(0, 127) })
    expect(await refusal(run({ success: [nested, op.range({ key: p })] }))).toEqual(tooMany)
    expect((await run({ success: [nested] })).succeeded).toBe(true)
    expect((await run({ success: puts.slice(0, 128) })).responses.length).toBe(128)
  })

  test('22 empty keys, and an operation that is none, are refused with 3', async () => {
    const emptyKey = { code: 3, message: 'etcdserver: key is not provided' }
    expect(await refusal(run({ compare: [compareNumber('', 'version', 'equal', 0)] }))).toEqual(emptyKey)
    expect(await refusal(run({ success: [op.put({ value: '1' })] }))).toEqual(emptyKey)
    expect(await refusal(run({ failure: [op.range({})] }))).toEqual(emptyKey)
    expect(await refusal(run({ success: [op.txn({ success: [op.delete({})] })] }))).toEqual(emptyKey)
    expect(await refusal(run({ success: [{}] }))).toEqual({ code: 3, message: 'etcdserver: key not found' })
  })

  test('22 a put that cannot be done lets nothing be done', async () => {
    const { client } = current()
    const p = fresh('t')
    const revision = await revisionOf(client)
    const first = op.put({ key: `${p}a`, value: '1' })
    expect(await refusal(run({ success: [first, op.put({ key: `${p}b`, ignoreValue: true })] }))).toEqual({
      code: 3,
      message: 'etcdserver: key not found',
    })
    expect(await refusal(run({ success: [first, op.put({ key: `${p}b`, lease: 4242n })] }))).toEqual({
      code: 5,
      message: 'etcdserver: requested lease not found',
    })
    expect(await revisionOf(client)).toBe(revision)
    // What is not chosen is not checked against the store.
    expect((await run({ success: [first], failure: [op.put({ key: p, lease: 4242n })] })).succeeded).toBe(
      true,
    )
  })

  test('22 of operations that cannot be done, the first put is told before the first range', async () => {
    const key = fresh('none')
    const future = op.range({ key, revision: 1_000_000 })
    const success = [
      future,
      op.txn({ success: [op.put({ key, ignoreValue: true })] }),
      op.put({ key: `${key}b`, lease: 4242n }),
    ]
    expect((await refusal(run({ success }))).message).toBe('etcdserver: key not found')
  })

  test('23 nested transactions run in order, decided before anything is written, under headers without meaning', async () => {
    const { client } = current()
    const key = fresh('t')
    const { header, responses } = await run({
      success: [
        op.put({ key, value: 'outer' }),
        op.txn({
          // Decided on the state before: the put above has not happened yet.
          compare: [compareNumber(key, 'version', 'equal', 0)],
          success: [op.range({ key }), op.put({ key: `${key}in`, value: 'inner' })],
        }),
        op.range({ key: `${key}in` }),
      ],
    })
    const inner = responses[1]?.response
    if (inner?.type !== 'txn') throw new Error(`expected the inner transaction, got ${inner?.type}`)
    expect(inner.value.succeeded).toBe(true)
    expect(inner.value.header).toEqual({ clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 })
    expect(inner.value.responses[0]?.response).toMatchObject({ type: 'range', value: { count: 1 } })
    expect(responses[2]?.response).toMatchObject({ type: 'range', value: { count: 1 } })
    for (const name of [key, `${key}in`]) {
      const { kvs } = await client.call(KV.range, { key: name })
      expect(kvs[0]?.modRevision).toBe(header?.revision)
    }
  })

  test('23 the headers inside an answer hold a revision at most', async () => {
    const { client } = current()
    const key = fresh('t')
    const revision = await revisionOf(client)
    const { responses } = await run({
      success: [
        op.range({ key }),
        op.put({ key, value: '1' }),
        op.range({ key }),
        op.delete({ key: `${key}none` }),
      ],
    })
    expect(responses.map(({ response }) => response?.value.header)).toEqual(
      [revision, revision + 1, revision + 1, revision + 1].map((inner) => ({
        clusterId: 0n,
        memberId: 0n,
        revision: inner,
        raftTerm: 0,
      })),
    )
  })

  test('24 a transaction that only reads, or deletes nothing, leaves the revision', async () => {
    const { client } = current()
    const key = fresh('t')
    const revision = await put(client, key, '1')
    const read = await run({ success: [op.range({ key }), op.txn({ success: [op.range({ key })] })] })
    expect(read.header?.revision).toBe(revision)
    const deleted = await run({ success: [op.delete({ key: `${key}none` })] })
    expect(deleted.header?.revision).toBe(revision)
    expect((await run({})).header?.revision).toBe(revision)
    expect(await revisionOf(client)).toBe(revision)
  })

  test('25 a range sees what the same transaction wrote before it', async () => {
    const { client } = current()
    const key = fresh('t')
    const before = await put(client, key, 'old')
    const { responses } = await run({
      success: [
        op.range({ key }),
        op.put({ key, value: 'new', prevKv: true }),
        op.range({ key }),
        op.range({ key, revision: before }),
        op.put({ key: `${key}b`, value: 'x' }),
        op.range({ key, rangeEnd: prefixEnd(key), countOnly: true }),
      ],
    })
    const texts = responses.map(({ response }) =>
      response?.type === 'range'
        ? (response.value.kvs[0]?.value.toString() ?? response.value.count)
        : response?.type,
    )
    expect(texts).toEqual(['old', 'put', 'new', 'old', 'put', 2])
    expect(responses[1]?.response).toMatchObject({ value: { prevKv: { value: Buffer.from('old') } } })
  })
})
