import { KV, SortOrder, SortTarget } from '@livetree/etcd/wire'
import { describe, expect, test } from 'vitest'
import { eachServerAndWay, fresh, prefixEnd, put, revisionOf } from './contract-server.ts'
import { refusal } from './refusal.ts'

const names = (kvs: readonly { key: Buffer }[]): string[] => kvs.map(({ key }) => key.toString())

eachServerAndWay('KV', (server) => {
  const current = server.use()

  test('1 put returns the next revision', async () => {
    const { client } = current()
    const before = await revisionOf(client)
    expect(await put(client, fresh('k'), '1')).toBe(before + 1)
    expect(await revisionOf(client)).toBe(before + 1)
  })

  test('2 get returns create and mod revision and the version, 1 on create', async () => {
    const { client } = current()
    const key = fresh('k')
    const created = await put(client, key, '1')
    const modified = await put(client, key, '2')
    const { kvs, count, more } = await client.call(KV.range, { key })
    expect({ kvs, count, more }).toEqual({
      kvs: [
        {
          key: Buffer.from(key),
          value: Buffer.from('2'),
          createRevision: created,
          modRevision: modified,
          version: 2,
          lease: 0n,
        },
      ],
      count: 1,
      more: false,
    })
    const first = await client.call(KV.range, { key, revision: created })
    expect(first.kvs[0]).toMatchObject({ version: 1, createRevision: created, modRevision: created })
  })

  test('3 delete resets the version, and a key made again has a new create revision', async () => {
    const { client } = current()
    const key = fresh('k')
    const created = await put(client, key, '1')
    await put(client, key, '2')
    const { deleted, header } = await client.call(KV.deleteRange, { key })
    expect(deleted).toBe(1)
    expect(header?.revision).toBe(created + 2)
    const again = await put(client, key, '3')
    const { kvs } = await client.call(KV.range, { key })
    expect(kvs[0]).toMatchObject({ version: 1, createRevision: again, modRevision: again })
  })

  test('4 an empty key is refused with 3', async () => {
    const { client } = current()
    const expected = { code: 3, message: 'etcdserver: key is not provided' }
    expect(await refusal(client.call(KV.put, { value: '1' }))).toEqual(expected)
    expect(await refusal(client.call(KV.range, {}))).toEqual(expected)
    expect(await refusal(client.call(KV.deleteRange, {}))).toEqual(expected)
  })

  test('5 ranges: half-open, by prefix also over 0xff, everything, and from a key on', async () => {
    const { client } = current()
    const p = fresh('r')
    for (const name of ['a', 'b', 'c']) await put(client, p + name, name)
    const open = await client.call(KV.range, { key: `${p}a`, rangeEnd: `${p}c` })
    expect(names(open.kvs)).toEqual([`${p}a`, `${p}b`])
    const prefix = await client.call(KV.range, { key: p, rangeEnd: prefixEnd(p) })
    expect(names(prefix.kvs)).toEqual([`${p}a`, `${p}b`, `${p}c`])
    // The prefix 'ÿ' in bytes is 0xff: its end rolls over to the byte before, or to `\0` when there is none.
    const high = Buffer.concat([Buffer.from(p), Buffer.from([0xff])])
    await client.call(KV.put, { key: Buffer.concat([high, Buffer.from('x')]), value: '1' })
    const rolled = await client.call(KV.range, { key: high, rangeEnd: prefixEnd(p) })
    expect(rolled.kvs.map(({ key }) => key)).toEqual([Buffer.concat([high, Buffer.from('x')])])
    const all = await client.call(KV.range, { key: '\0', rangeEnd: '\0' })
    const fromKey = await client.call(KV.range, { key: p, rangeEnd: '\0' })
    expect(all.count).toBeGreaterThanOrEqual(fromKey.count)
    expect(names(fromKey.kvs.slice(0, 3))).toEqual([`${p}a`, `${p}b`, `${p}c`])
    expect(fromKey.kvs.every(({ key }) => Buffer.compare(key, Buffer.from(p)) >= 0)).toBe(true)
    const backwards = await client.call(KV.range, { key: `${p}c`, rangeEnd: `${p}a` })
    expect(backwards).toMatchObject({ kvs: [], count: 0, more: false })
  })

  describe('on five keys', () => {
    const p = fresh('s')
    const range = { key: p, rangeEnd: prefixEnd(p) }
    const letters = (kvs: readonly { key: Buffer }[]) =>
      names(kvs)
        .map((name) => name.slice(p.length))
        .join('')

    // Five keys whose orders by create, mod, version and value all differ.
    test('5 the keys are there', async () => {
      const { client } = current()
      const values: Record<string, string> = { a: '5', b: '1', c: '4', d: '2', e: '3' }
      for (const name of 'ecabd') await put(client, p + name, values[name]!)
      for (const name of 'bbbeeda') await put(client, p + name, values[name]!)
      const { kvs } = await client.call(KV.range, range)
      expect(letters(kvs)).toBe('abcde')
    })

    test('6 limit sets more, and count is the total', async () => {
      const { client } = current()
      const two = await client.call(KV.range, { ...range, limit: 2 })
      expect([letters(two.kvs), two.count, two.more]).toEqual(['ab', 5, true])
      const five = await client.call(KV.range, { ...range, limit: 5 })
      expect([letters(five.kvs), five.count, five.more]).toEqual(['abcde', 5, false])
    })

    test('7 count_only gives no keys, keys_only no values', async () => {
      const { client } = current()
      const counted = await client.call(KV.range, { ...range, countOnly: true })
      expect([counted.kvs.length, counted.count, counted.more]).toEqual([0, 5, false])
      const limited = await client.call(KV.range, { ...range, countOnly: true, limit: 2 })
      expect([limited.kvs.length, limited.count, limited.more]).toEqual([0, 5, false])
      const keys = await client.call(KV.range, { ...range, keysOnly: true })
      expect(letters(keys.kvs)).toBe('abcde')
      expect(keys.kvs.every(({ value, version }) => value.length === 0 && version > 0)).toBe(true)
    })

    test('8 sorts by each target, both ways', async () => {
      const { client } = current()
      const sorted = async (sortTarget: number, sortOrder: number): Promise<string> =>
        letters((await client.call(KV.range, { ...range, sortTarget, sortOrder })).kvs)
      const expected: [number, string][] = [
        [SortTarget.key, 'abcde'],
        [SortTarget.create, 'ecabd'],
        [SortTarget.mod, 'cbeda'],
        [SortTarget.value, 'bdeca'],
      ]
      for (const [target, order] of expected) {
        expect(await sorted(target, SortOrder.ascend)).toBe(order)
        expect(await sorted(target, SortOrder.descend)).toBe([...order].reverse().join(''))
      }
      const versions = async (sortOrder: number): Promise<number[]> => {
        const { kvs } = await client.call(KV.range, { ...range, sortTarget: SortTarget.version, sortOrder })
        return kvs.map(({ version }) => version)
      }
      expect(await versions(SortOrder.ascend)).toEqual([1, 2, 2, 3, 4])
      expect(await versions(SortOrder.descend)).toEqual([4, 3, 2, 2, 1])
      // Without an order a target other than the key sorts upwards.
      expect(await sorted(SortTarget.value, SortOrder.none)).toBe('bdeca')
    })

    test('8 a limit with an order is taken of the sorted whole, without one of the first keys', async () => {
      const { client } = current()
      const sortTarget = SortTarget.value
      const ordered = await client.call(KV.range, {
        ...range,
        sortTarget,
        sortOrder: SortOrder.ascend,
        limit: 2,
      })
      expect([letters(ordered.kvs), ordered.more, ordered.count]).toEqual(['bd', true, 5])
      const unordered = await client.call(KV.range, { ...range, sortTarget, limit: 2 })
      expect([letters(unordered.kvs), unordered.more, unordered.count]).toEqual(['bc', true, 5])
    })

    test('8 an order that does not exist sorts by key', async () => {
      const { client } = current()
      const { kvs } = await client.call(KV.range, { ...range, sortOrder: 7, sortTarget: SortTarget.value })
      expect(letters(kvs)).toBe('abcde')
    })

    test('9 filters by lowest and highest mod and create revision; count stays the total', async () => {
      const { client } = current()
      const { kvs } = await client.call(KV.range, range)
      const of = (name: string) => kvs.find(({ key }) => key.toString() === p + name)!
      const filtered = async (filter: object) => {
        const result = await client.call(KV.range, { ...range, ...filter })
        return [letters(result.kvs), result.count]
      }
      expect(await filtered({ minModRevision: of('e').modRevision })).toEqual(['ade', 5])
      expect(await filtered({ maxModRevision: of('e').modRevision })).toEqual(['bce', 5])
      expect(await filtered({ minCreateRevision: of('a').createRevision })).toEqual(['abd', 5])
      expect(await filtered({ maxCreateRevision: of('a').createRevision })).toEqual(['ace', 5])
      const limited = await client.call(KV.range, { ...range, minModRevision: of('e').modRevision, limit: 1 })
      expect([letters(limited.kvs), limited.count, limited.more]).toEqual(['a', 5, true])
    })
  })

  test('10 reads at an old revision', async () => {
    const { client } = current()
    const key = fresh('k')
    const revision = await put(client, key, 'old')
    await put(client, key, 'new')
    await client.call(KV.deleteRange, { key })
    const { kvs, header } = await client.call(KV.range, { key, revision })
    expect(kvs[0]?.value.toString()).toBe('old')
    expect(header?.revision).toBe(revision + 2)
    expect((await client.call(KV.range, { key, revision: revision + 2 })).count).toBe(0)
    expect((await client.call(KV.range, { key, revision: revision - 1 })).count).toBe(0)
  })

  test('11 a future revision is refused with 11', async () => {
    const { client } = current()
    const revision = (await revisionOf(client)) + 1
    const expected = { code: 11, message: 'etcdserver: mvcc: required revision is a future revision' }
    expect(await refusal(client.call(KV.range, { key: 'a', revision }))).toEqual(expected)
    const operation = { request: { type: 'range', value: { key: 'a', revision } } } as const
    expect(await refusal(client.call(KV.txn, { success: [operation] }))).toEqual(expected)
  })

  test('12 a compacted revision is refused with 11, the compact revision itself is read', async () => {
    const { client } = current()
    const key = fresh('k')
    const first = await put(client, key, '1')
    await put(client, key, '2')
    await put(client, key, '3')
    await client.call(KV.compact, { revision: first + 1 })
    const expected = { code: 11, message: 'etcdserver: mvcc: required revision has been compacted' }
    expect(await refusal(client.call(KV.range, { key, revision: first }))).toEqual(expected)
    const operation = { request: { type: 'range', value: { key, revision: first } } } as const
    expect(await refusal(client.call(KV.txn, { success: [operation] }))).toEqual(expected)
    const { kvs } = await client.call(KV.range, { key, revision: first + 1 })
    expect(kvs[0]?.value.toString()).toBe('2')
  })

  test('12 a deleted key stays deleted after its deletion was compacted away', async () => {
    const { client } = current()
    const key = fresh('k')
    await put(client, key, '1')
    await client.call(KV.deleteRange, { key })
    const last = await put(client, fresh('k'), '1')
    await client.call(KV.compact, { revision: last, physical: true })
    expect((await client.call(KV.range, { key })).count).toBe(0)
    expect((await client.call(KV.range, { key, revision: last })).count).toBe(0)
  })

  test('13 to compact twice or in the future is refused with 11', async () => {
    const { client } = current()
    const revision = await put(client, fresh('k'), '1')
    await client.call(KV.compact, { revision })
    expect(await refusal(client.call(KV.compact, { revision }))).toEqual({
      code: 11,
      message: 'etcdserver: mvcc: required revision has been compacted',
    })
    expect(await refusal(client.call(KV.compact, { revision: revision + 1 }))).toEqual({
      code: 11,
      message: 'etcdserver: mvcc: required revision is a future revision',
    })
  })

  test('14 prev_kv on put and delete', async () => {
    const { client } = current()
    const key = fresh('k')
    expect((await client.call(KV.put, { key, value: '1', prevKv: true })).prevKv).toBeUndefined()
    const second = await client.call(KV.put, { key, value: '2', prevKv: true })
    expect(second.prevKv).toMatchObject({ value: Buffer.from('1'), version: 1 })
    await put(client, `${key}b`, 'x')
    const { prevKvs } = await client.call(KV.deleteRange, { key, rangeEnd: prefixEnd(key), prevKv: true })
    expect(prevKvs.map(({ value }) => value.toString())).toEqual(['2', 'x'])
    expect((await client.call(KV.deleteRange, { key, prevKv: true })).prevKvs).toEqual([])
  })

  test('15 ignore_value and ignore_lease keep what was there, and take nothing beside them', async () => {
    const { client } = current()
    const key = fresh('k')
    const missing = { code: 3, message: 'etcdserver: key not found' }
    expect(await refusal(client.call(KV.put, { key, ignoreValue: true }))).toEqual(missing)
    expect(await refusal(client.call(KV.put, { key, value: '1', ignoreLease: true }))).toEqual(missing)
    await put(client, key, 'kept')
    await client.call(KV.put, { key, ignoreValue: true })
    const { kvs } = await client.call(KV.range, { key })
    expect(kvs[0]).toMatchObject({ value: Buffer.from('kept'), version: 2 })
    expect(await refusal(client.call(KV.put, { key, value: 'x', ignoreValue: true }))).toEqual({
      code: 3,
      message: 'etcdserver: value is provided',
    })
    expect(await refusal(client.call(KV.put, { key, value: 'x', lease: 7n, ignoreLease: true }))).toEqual({
      code: 3,
      message: 'etcdserver: lease is provided',
    })
  })

  test('16 to delete nothing deletes 0 and leaves the revision', async () => {
    const { client } = current()
    const revision = await revisionOf(client)
    const { deleted, header } = await client.call(KV.deleteRange, { key: fresh('none') })
    expect([deleted, header?.revision]).toEqual([0, revision])
    expect(await revisionOf(client)).toBe(revision)
  })

  test('17 an empty value is stored and returned', async () => {
    const { client } = current()
    const key = fresh('k')
    await put(client, key, '')
    const { kvs } = await client.call(KV.range, { key })
    expect(kvs[0]).toMatchObject({ value: Buffer.alloc(0), version: 1 })
  })
})
