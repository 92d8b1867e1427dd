import { compare, createEtcdClient, type EtcdClient, EtcdError, op, type ScanPage } from '@livetree/etcd'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { clientEtcds } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { isLongRun } from '../../support/run-length.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return error instanceof EtcdError ? error.code : String(error)
}

clientEtcds('client.kv', (etcd) => {
  withoutOpenHandles()
  let server: EtcdServer
  let client: EtcdClient
  /** Each test has its own keys; the client outside any namespace sees them all. */
  let root = ''
  let number = 0

  beforeAll(async () => {
    server = await etcd.start()
    client = createEtcdClient({ endpoints: server.endpoint })
  })

  afterAll(async () => {
    await client.close()
    await server.close()
  })

  beforeEach(() => {
    number += 1
    root = `/t${number}/`
  })

  const kv = () => client.kv
  const fill = async (
    count: number,
    value: (index: number) => string = (index) => `v${index}`,
  ): Promise<void> => {
    for (let from = 0; from < count; from += 100) {
      const indexes = Array.from({ length: Math.min(100, count - from) }, (_, index) => from + index)
      const puts = indexes.map((index) => op.put(`${root}${String(index).padStart(6, '0')}`, value(index)))
      await kv()
        .txn()
        .then(...puts)
        .commit()
    }
  }
  const keys = (entries: readonly { key: string }[]): string[] =>
    entries.map((each) => each.key.slice(root.length))

  describe('one key', () => {
    test('put, get and delete tell revisions, version and what was there before', async () => {
      expect(await kv().get(`${root}a`)).toBeUndefined()
      const first = await kv().put(`${root}a`, 'one', { prevKv: true })
      expect(first.previous).toBeUndefined()
      const second = await kv().put(`${root}a`, Buffer.from('two'), { prevKv: true })
      expect(second.header.revision).toBe(first.header.revision + 1)
      expect(second.previous?.text).toBe('one')
      expect(await kv().get(`${root}a`)).toMatchObject({
        key: `${root}a`,
        text: 'two',
        version: 2,
        createRevision: first.header.revision,
        modRevision: second.header.revision,
        lease: 0n,
      })
      expect((await kv().get(`${root}a`, { revision: first.header.revision }))?.text).toBe('one')
      expect(await kv().delete(`${root}a`, { prevKv: true })).toMatchObject({
        deleted: 1,
        previous: [{ text: 'two' }],
      })
      expect(await kv().delete(`${root}a`)).toMatchObject({ deleted: 0, previous: [] })
    })

    test('bytes come back as they went in; the empty value is a value', async () => {
      const key = Buffer.from([0x2f, 0xff, 0x00, 0x80])
      const value = Buffer.from([0x00, 0xff, 0xfe])
      await kv().put(key, value)
      const found = await kv().get(key)
      expect(found?.keyBytes.equals(key)).toBe(true)
      expect(found?.value.equals(value)).toBe(true)
      await kv().put(`${root}empty`, '')
      expect((await kv().get(`${root}empty`))?.value).toHaveLength(0)
      await kv().delete(key)
    })

    test('ignoreValue and ignoreLease keep what is there, and refuse what is not', async () => {
      const { lease } = await kv().putWithTtl(`${root}a`, 'v', { ttlSeconds: 60 })
      await kv().put(`${root}a`, 'w', { ignoreLease: true })
      expect(await kv().get(`${root}a`)).toMatchObject({ text: 'w', lease })
      await kv().put(`${root}a`, '', { ignoreValue: true })
      expect(await kv().get(`${root}a`)).toMatchObject({ text: 'w', lease: 0n })
      expect(await codeOf(kv().put(`${root}none`, '', { ignoreValue: true }))).toBe('key_not_found')
      expect(await codeOf(kv().put(`${root}a`, 'x', { ignoreValue: true }))).toBe('invalid_argument')
      expect(await codeOf(kv().put(`${root}a`, 'x', { ignoreLease: true, lease }))).toBe('invalid_argument')
      expect(await codeOf(kv().put(`${root}a`, 'x', { lease: 42n }))).toBe('lease_not_found')
    })

    test('many large writes at once all come through', async () => {
      const text = 'x'.repeat(1024 * 1024)
      const keys = Array.from({ length: 40 }, (_, index) => `${root}large-${index}`)
      // What the connection holds is tested, and not how fast the disk is that 40 MB are written to.
      const put = (key: string) => codeOf(kv().put(key, text, { timeoutMs: 45_000 }))
      const results = await Promise.all(keys.map(put))
      expect(results).toEqual(keys.map(() => 'undefined'))
      expect(await kv().count({ prefix: `${root}large-` })).toBe(40)
    })

    test('an empty key is refused before it is sent; 1.6 MB too, and 1.4 MB is not', async () => {
      expect(await codeOf(kv().put('', 'v'))).toBe('invalid_argument')
      expect(await codeOf(kv().get(''))).toBe('invalid_argument')
      expect(await codeOf(kv().put(`${root}big`, Buffer.alloc(1_600_000)))).toBe('request_too_large')
      await kv().put(`${root}big`, Buffer.alloc(1_400_000, 1))
      expect((await kv().get(`${root}big`))?.value).toHaveLength(1_400_000)
      await using bold = createEtcdClient({ endpoints: server.endpoint, limits: { requestBytes: 1e8 } })
      expect(await codeOf(bold.kv.put(`${root}big`, Buffer.alloc(1_600_000)))).toBe('request_too_large')
    })
  })

  describe('a range', () => {
    test('by prefix, from a key on, up to another, in every order', async () => {
      for (const key of ['a', 'b/1', 'b/2', 'b/\xff', 'c']) await kv().put(root + key, `value of ${key}`)
      const range = async (query: Parameters<EtcdClient['kv']['getRange']>[0]) =>
        keys((await kv().getRange(query)).entries)
      expect(await range({ prefix: root })).toEqual(['a', 'b/1', 'b/2', 'b/\xff', 'c'])
      expect(await range({ prefix: `${root}b/` })).toEqual(['b/1', 'b/2', 'b/\xff'])
      expect(await range({ from: `${root}b/2`, to: `${root}c` })).toEqual(['b/2', 'b/\xff'])
      expect((await range({ from: `${root}b/2` })).slice(0, 3)).toEqual(['b/2', 'b/\xff', 'c'])
      expect(await range({ key: `${root}a` })).toEqual(['a'])
      expect(await range({ prefix: root, sort: { by: 'key', order: 'descend' } })).toEqual([
        'c',
        'b/\xff',
        'b/2',
        'b/1',
        'a',
      ])
      await kv().put(`${root}a`, 'zzz')
      await kv().put(`${root}a`, 'zzz')
      expect((await range({ prefix: root, sort: { by: 'mod' } })).at(-1)).toBe('a')
      expect((await range({ prefix: root, sort: { by: 'create' } })).at(-1)).toBe('c')
      expect((await range({ prefix: root, sort: { by: 'version', order: 'descend' } }))[0]).toBe('a')
      expect((await range({ prefix: root, sort: { by: 'value', order: 'descend' } }))[0]).toBe('a')
    })

    test('limit, counts, keys only, revision bounds', async () => {
      await fill(10)
      const all = await kv().getRange({ prefix: root })
      expect(all).toMatchObject({ count: 10, hasMore: false })
      expect(await kv().getRange({ prefix: root, limit: 3 })).toMatchObject({ count: 10, hasMore: true })
      expect(await kv().getRange({ prefix: root, countOnly: true })).toMatchObject({ count: 10, entries: [] })
      expect(await kv().count({ prefix: root })).toBe(10)
      const [only] = (await kv().getRange({ prefix: root, keysOnly: true })).entries
      expect(only?.value).toHaveLength(0)
      const { header } = await kv().put(`${root}000003`, 'again')
      const bounds = { minModRevision: header.revision }
      expect(keys((await kv().getRange({ prefix: root, ...bounds })).entries)).toEqual(['000003'])
      expect(
        (await kv().getRange({ prefix: root, maxModRevision: header.revision - 1 })).entries,
      ).toHaveLength(9)
      expect(
        (await kv().getRange({ prefix: root, minCreateRevision: header.revision })).entries,
      ).toHaveLength(0)
      expect(
        (await kv().getRange({ prefix: root, maxCreateRevision: header.revision })).entries,
      ).toHaveLength(10)
      expect(await codeOf(kv().getRange({ prefix: root, limit: -1 }))).toBe('invalid_argument')
      expect(await codeOf(kv().getRange({ prefix: root, revision: header.revision + 1000 }))).toBe(
        'future_revision',
      )
    })

    test('deleteRange deletes it and gives it back', async () => {
      await fill(5)
      const { deleted, previous } = await kv().deleteRange({
        from: `${root}000001`,
        to: `${root}000004`,
        prevKv: true,
      })
      expect(deleted).toBe(3)
      expect(keys(previous)).toEqual(['000001', '000002', '000003'])
      expect(await kv().count({ prefix: root })).toBe(2)
    })
  })

  describe('pages', () => {
    test('are read at one revision, whatever is written between them', async () => {
      await fill(25)
      const seen: string[] = []
      for await (const page of kv().pages({ prefix: root, pageSize: 10 })) {
        seen.push(...page.entries.map((each) => `${each.key.slice(root.length)}=${each.text}`))
        await kv().put(`${root}000020`, 'changed')
        await kv().delete(`${root}000024`)
        await kv().put(`${root}000099`, 'new')
      }
      expect(seen).toEqual(
        Array.from({ length: 25 }, (_, index) => `${String(index).padStart(6, '0')}=v${index}`),
      )
    })

    test('iterate gives entries one by one and may be left at any time', async () => {
      await fill(25)
      const seen: string[] = []
      for await (const entry of kv().iterate({ prefix: root, pageSize: 10 })) {
        seen.push(entry.key.slice(root.length))
        if (seen.length === 12) break
      }
      expect(seen.at(-1)).toBe('000011')
      const none: string[] = []
      for await (const entry of kv().iterate({ prefix: `${root}none/` })) none.push(entry.key)
      expect(none).toEqual([])
    })

    test('fail with compacted when their revision is compacted', async () => {
      await fill(30)
      const pages = kv().pages({ prefix: root, pageSize: 5 })[Symbol.asyncIterator]()
      await pages.next()
      await pages.next()
      const { header } = await kv().put(`${root}x`, '')
      await kv().compact(header.revision)
      const rest = async (): Promise<void> => {
        while (!(await pages.next()).done);
      }
      expect(await codeOf(rest())).toBe('compacted')
      await kv()
        .compact(header.revision)
        .catch(() => undefined)
    })
  })

  describe('scan', () => {
    const scan = async (query: Parameters<EtcdClient['kv']['scan']>[0]) => {
      const pages: ScanPage[] = []
      const result = await kv().scan(query, (page) => pages.push(page))
      return {
        pages,
        result,
        keys: pages.flatMap((page) => page.keys),
        values: pages.flatMap((page) => page.values),
      }
    }

    test('gives the same as getRange, in any page size', async () => {
      await fill(1234)
      const { entries, header } = await kv().getRange({ prefix: root })
      for (const pageSize of [undefined, 50, 100, 1234, 5000]) {
        const scanned = await scan({ prefix: root, ...(pageSize === undefined ? {} : { pageSize }) })
        expect(scanned.keys).toEqual(entries.map((each) => each.key))
        expect(scanned.values).toEqual(entries.map((each) => each.text))
        expect(scanned.pages.flatMap((page) => page.modRevisions)).toEqual(
          entries.map((each) => each.modRevision),
        )
        expect(scanned.result).toEqual({
          revision: header.revision,
          count: 1234,
          clusterId: header.clusterId,
        })
      }
    })

    test('reads at one revision, also several ranges at a given one', async () => {
      await fill(20)
      const { header } = await kv().put(`${root}000000`, 'now')
      const written: Promise<unknown>[] = []
      const pages: ScanPage[] = []
      const { revision } = await kv().scan({ prefix: root, pageSize: 5 }, (page) => {
        pages.push(page)
        written.push(kv().put(`${root}000019`, 'later'))
      })
      await Promise.all(written)
      expect(revision).toBe(header.revision)
      expect(pages.flatMap((page) => page.values).at(-1)).toBe('v19')
      expect((await scan({ prefix: `${root}00001`, revision })).values.at(-1)).toBe('v19')
      expect((await scan({ prefix: `${root}00001` })).values.at(-1)).toBe('later')
    })

    test('marks what is not UTF-8, and nothing else', async () => {
      const bad = Buffer.from([0x61, 0xff])
      await kv().put(`${root}a`, 'ü € 😀')
      await kv().put(`${root}b`, bad)
      await kv().put(`${root}c`, 'a real \ufffd')
      await kv().put(Buffer.concat([Buffer.from(root), bad]), 'fine')
      const { pages } = await scan({ prefix: root })
      expect(pages[0]?.notText.map(({ index }) => index)).toEqual([1, 2])
    })

    test('ends when the callback throws, and with the signal', async () => {
      await fill(20)
      const scanned = kv().scan({ prefix: root, pageSize: 5 }, () => {
        throw new Error('enough')
      })
      await expect(scanned).rejects.toThrow('enough')
      const stop = new AbortController()
      const stopped = kv().scan({ prefix: root, pageSize: 5, signal: stop.signal }, () => stop.abort())
      expect(await codeOf(stopped)).toBe('cancelled')
    })

    test('of nothing is one empty page', async () => {
      const { pages, result } = await scan({ prefix: root })
      expect(pages).toHaveLength(1)
      expect(result.count).toBe(0)
    })

    test('fails with compacted, or starts over when asked to', async () => {
      await fill(40)
      const compactOnce = () => {
        let isCompacting = false
        return () => {
          if (isCompacting) return
          isCompacting = true
          void kv()
            .put(`${root}zzz`, '')
            .then(({ header }) => kv().compact(header.revision))
        }
      }
      const compact = compactOnce()
      expect(await codeOf(kv().scan({ prefix: root, pageSize: 1 }, compact))).toBe('compacted')
      const again = compactOnce()
      let seen: string[] = []
      let restarts = 0
      const onRestart = (): void => {
        restarts += 1
        seen = []
      }
      await kv().scan({ prefix: root, pageSize: 1, onRestart }, (page) => {
        seen.push(...page.keys)
        again()
      })
      expect(restarts).toBe(1)
      expect(seen).toHaveLength(41)
    })

    const count = isLongRun ? 100_000 : 20_000
    test(`reads ${count} keys`, { timeout: 120_000 }, async () => {
      await fill(count, (index) => 'x'.repeat(40) + index)
      const started = performance.now()
      const { keys: found, result, values } = await scan({ prefix: root })
      expect(result.count).toBe(count)
      expect(new Set(found).size).toBe(count)
      expect(values[count - 1]).toBe(`${'x'.repeat(40)}${count - 1}`)
      expect(performance.now() - started).toBeLessThan(10_000)
      await kv().deleteRange({ prefix: root })
    })
  })

  describe('a namespace', () => {
    test('holds all that the client does, and hides the rest', async () => {
      await using inside = createEtcdClient({ endpoints: server.endpoint, namespace: `${root}ns/` })
      await kv().put(`${root}nr`, 'before')
      await kv().put(`${root}nt`, 'after')
      await inside.kv.put('a', '1')
      await inside.kv.put('b', '2')
      expect((await kv().get(`${root}ns/a`))?.text).toBe('1')
      expect((await inside.kv.get('a'))?.key).toBe('a')
      for (const range of [{ prefix: '' }, { from: '' }, { from: 'a', to: 'c' }]) {
        expect((await inside.kv.getRange(range)).entries.map((each) => each.key)).toEqual(['a', 'b'])
      }
      const scanned: string[] = []
      await inside.kv.scan({ prefix: '', pageSize: 1 }, (page) => scanned.push(...page.keys))
      expect(scanned).toEqual(['a', 'b'])
      const txn = inside.kv.txn().if(compare.exists('a'), compare.value({ prefix: '' }, '!=', 'x'))
      const result = await txn.then(op.getRange({ prefix: '' }), op.put('c', '3', { prevKv: true })).commit()
      expect(result.succeeded && result.results[0].entries.map((each) => each.key)).toEqual(['a', 'b'])
      expect(
        (await inside.kv.deleteRange({ prefix: '', prevKv: true })).previous.map((each) => each.key),
      ).toEqual(['a', 'b', 'c'])
      expect(await kv().count({ prefix: root })).toBe(2)
    })
  })

  describe('compact', () => {
    test('drops history; doing it twice is fine, doing it too early is an error', async () => {
      const { header } = await kv().put(`${root}a`, '1')
      await kv().put(`${root}a`, '2')
      await kv().compact(header.revision + 1, { physical: true })
      expect(await codeOf(kv().get(`${root}a`, { revision: header.revision }))).toBe('compacted')
      expect((await kv().get(`${root}a`, { revision: header.revision + 1 }))?.text).toBe('2')
      await kv().compact(header.revision + 1)
      expect(await codeOf(kv().compact(header.revision + 1000))).toBe('future_revision')
    })
  })

  describe('serializable reads', () => {
    test('answer like any other on an up-to-date member', async () => {
      await kv().put(`${root}a`, '1')
      expect((await kv().get(`${root}a`, { serializable: true }))?.text).toBe('1')
    })
  })
})
