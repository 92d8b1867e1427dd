import { createAdmin } from '@livetree/admin'
import { toJsonSchema } from '@livetree/core/tools'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { defineConfig, etcd as etcdSource, restart, secret } from 'livetree'
import { beforeEach, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'

const schema = z.object({
  http: z.object({ timeoutMs: z.number().positive().default(100), hosts: z.array(z.string()).default([]) }),
  db: z.object({ url: secret(z.string()), pool: z.object({ max: z.number().int().min(1).max(200) }) }),
  features: z.record(z.string(), z.boolean()).default({}),
})

withoutOpenHandles()

oneEtcd('admin writes', (etcd) => {
  let client: EtcdClient
  let endpoint: string

  function openAdmin(author = 'ana') {
    const definition = defineConfig({
      name: 'checkout',
      schema,
      sources: () => [
        etcdSource({ endpoints: [endpoint], root: '/config/checkout', overlays: ['base', 'prod'] }),
      ],
    })
    return createAdmin(definition, { author })
  }

  beforeEach(async () => {
    const server = await etcd.emptied()
    endpoint = server.endpoint
    client = createEtcdClient({ endpoints: [endpoint] })
    await client.kv.put('/config/checkout/base/db/url', 'postgres://ana:hunter2@db')
    await client.kv.put('/config/checkout/base/db/pool/max', '10')
    return () => client.close()
  })

  const textOf = async (key: string) => (await client.kv.get(key))?.text

  describe('revisions', () => {
    test('gives the newest one, then those of writes to the layers alone, as one where they came meanwhile', async () => {
      await using admin = openAdmin()
      const stop = new AbortController()
      const revisions = admin.revisions({ signal: stop.signal })[Symbol.asyncIterator]()
      const first = await revisions.next()
      expect(first.value).toBe((await admin.read()).revision)
      await client.kv.put('/config/other/base/a', '1')
      const own = await client.kv.put('/config/checkout/prod/db/pool/max', '11')
      expect((await revisions.next()).value).toBe(own.header.revision)
      const document = await client.kv.put('/config/checkout/base', '{"http":{"timeoutMs":5}}')
      expect((await revisions.next()).value).toBe(document.header.revision)
      const next = revisions.next()
      stop.abort()
      await expect(next).rejects.toMatchObject({ code: 'aborted' })
    })

    test('end with the admin, and with the one who asks', async () => {
      const admin = openAdmin()
      for await (const revision of admin.revisions()) {
        expect(revision).toBeGreaterThan(0)
        break
      }
      const revisions = admin.revisions()[Symbol.asyncIterator]()
      await revisions.next()
      const next = revisions.next()
      next.catch(() => {})
      await admin.close()
      await expect(next).rejects.toMatchObject({ code: 'closed' })
    })
  })

  describe('set', () => {
    test('records the author of one write', async () => {
      await using admin = openAdmin()
      const applied = await admin.set((c) => c.db.pool.max, 20, { overlay: 'prod', author: 'bob' })
      expect(await admin.find(applied.id ?? '')).toMatchObject({ author: 'bob' })
      await expect(admin.set((c) => c.db.pool.max, 30, { overlay: 'prod', author: '' })).rejects.toThrow(
        /author/,
      )
    })

    test('of all calls with one id, one writes, and the id tells which', async () => {
      await using admin = openAdmin()
      await using other = openAdmin()
      const id = '01a22b10-6a65-7467-b708-24bcf523e015'
      const applying = [admin, other].map(async (each, index) => {
        const plan = await each
          .change({ overlay: 'prod' })
          .set('db.pool.max', 20 + index)
          .plan()
        return plan.apply({ id, author: `author ${index}` })
      })
      const outcomes = await Promise.allSettled(applying)
      const [applied] = outcomes.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
      const [refused] = outcomes.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))
      expect(applied).toMatchObject({ id })
      expect(refused).toMatchObject({ code: 'conflict' })
      expect(await admin.find(id)).toMatchObject({ id, revision: applied?.revision })
      // Another change, of keys that nobody has moved.
      const later = await admin.change({ overlay: 'prod' }).set('http.timeoutMs', 5).plan()
      await expect(later.apply({ id })).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringContaining(`a record with the id ${id}`),
      })
      for (const wrong of ['', 'x', id.toUpperCase(), id.replace('-7', '-4'), `1${id.slice(1)}`])
        await expect(later.apply({ id: wrong })).rejects.toMatchObject({ code: 'invalid_options' })
      expect(await later.apply()).toMatchObject({ revision: expect.any(Number) })
    })

    test('writes the text that the schema reads, and its record in the same revision', async () => {
      await using admin = openAdmin()
      const applied = await admin.set((c) => c.db.pool.max, 20, { overlay: 'prod', message: 'sale' })
      const entry = await client.kv.get('/config/checkout/prod/db/pool/max')
      expect(entry?.text).toBe('20')
      expect(entry?.modRevision).toBe(applied.revision)
      const record = await client.kv.get(`/.livetree/history/config/checkout/prod/${applied.id}`)
      expect(record?.createRevision).toBe(applied.revision)
      expect(JSON.parse(record?.text ?? '')).toMatchObject({
        version: 1,
        kind: 'change',
        author: 'ana',
        message: 'sale',
        changes: [{ key: '/config/checkout/prod/db/pool/max', path: 'db.pool.max', after: { text: '20' } }],
      })
      const tree = await admin.read()
      expect(tree.value.db.pool.max).toBe(20)
      expect(tree.explain('db.pool.max').layers.map(({ value }) => value)).toEqual(['20', '10'])
    })

    test('a value that the schema refuses is refused with path and expectation, and nothing is written', async () => {
      await using admin = openAdmin()
      const before = (await client.kv.getRange({ prefix: '/' })).header.revision
      await expect(admin.set('db.pool.max', 'ten', { overlay: 'prod' })).rejects.toMatchObject({
        code: 'invalid_value',
        issues: [{ pathText: 'db.pool.max' }],
      })
      await expect(admin.set('db.pol.max', 1, { overlay: 'prod' })).rejects.toMatchObject({
        code: 'invalid_path',
        message: expect.stringContaining('db.pool'),
      })
      expect((await client.kv.getRange({ prefix: '/' })).header.revision).toBe(before)
    })

    test('no record holds the text of a secret', async () => {
      await using admin = openAdmin()
      await admin.set((c) => c.db.url, 'postgres://bob:swordfish@db', { overlay: 'base' })
      expect(await textOf('/config/checkout/base/db/url')).toBe('postgres://bob:swordfish@db')
      const { entries } = await client.kv.getRange({ prefix: '/.livetree/' })
      expect(entries).toHaveLength(1)
      expect(entries[0]?.text).not.toMatch(/swordfish|hunter2/)
    })
  })

  test('unset: removes what the layer has, and says when there is nothing', async () => {
    await using admin = openAdmin()
    await admin.set('features', { a: true, b: false }, { overlay: 'prod' })
    await admin.unset((c) => c.features['a'], { overlay: 'prod' })
    expect((await admin.read()).value.features).toEqual({ b: false })
    await expect(admin.unset('features.a', { overlay: 'prod' })).rejects.toMatchObject({ code: 'not_found' })
  })

  test('a plan is refused where one of its keys moved, with both texts and who was first', async () => {
    await using ana = openAdmin('ana')
    await using bob = openAdmin('bob')
    const plan = await ana
      .change({ overlay: 'prod' })
      .set((c) => c.db.pool.max, 20)
      .plan()
    await bob.set((c) => c.db.pool.max, 30, { overlay: 'prod', message: 'mine' })
    await expect(plan.apply()).rejects.toMatchObject({
      code: 'conflict',
      conflicts: [
        {
          path: 'db.pool.max',
          planned: undefined,
          now: '30',
          wanted: '20',
          by: { author: 'bob', message: 'mine' },
        },
      ],
    })
    expect(await textOf('/config/checkout/prod/db/pool/max')).toBe('30')
  })

  test('a plan is judged again where something else moved, and applied', async () => {
    await using admin = openAdmin()
    const plan = await admin
      .change({ overlay: 'prod' })
      .set((c) => c.db.pool.max, 20)
      .plan()
    await client.kv.put('/config/checkout/base/http/timeoutMs', '5')
    const applied = await plan.apply()
    expect(applied.changes).toHaveLength(1)
    const other = await admin
      .change({ overlay: 'prod' })
      .set((c) => c.http.timeoutMs, 7)
      .plan()
    await client.kv.put('/config/checkout/base/db/pool/max', '-1')
    await client.kv.delete('/config/checkout/prod/db/pool/max')
    await expect(other.apply()).rejects.toMatchObject({ code: 'invalid_tree' })
  })

  test('ifRevision: refuses also where somebody else has already written the same value', async () => {
    await using admin = openAdmin()
    const { revision } = await admin.read()
    const applied = await admin.set('db.pool.max', 11, { overlay: 'base' })
    const plan = await admin.change({ overlay: 'base', ifRevision: revision }).set('db.pool.max', 11).plan()
    expect(plan.isEmpty).toBe(true)
    await expect(plan.apply()).rejects.toMatchObject({
      code: 'conflict',
      // What the caller had seen, at its revision.
      conflicts: [{ now: '11', planned: '10' }],
    })
    const fresh = admin.change({ overlay: 'base', ifRevision: applied.revision })
    expect(await (await fresh.set('db.pool.max', 11).plan()).apply()).toMatchObject({ id: undefined })
  })

  test('ifRevision: refuses a key that was removed since, and a revision to come', async () => {
    await using admin = openAdmin()
    await admin.set((c) => c.http.timeoutMs, 5, { overlay: 'base' })
    const between = await admin.set((c) => c.http.timeoutMs, 6, { overlay: 'base' })
    await admin.unset((c) => c.http.timeoutMs, { overlay: 'base' })
    const late = { overlay: 'base', ifRevision: between.revision }
    await expect(admin.set((c) => c.http.timeoutMs, 7, late)).rejects.toMatchObject({
      code: 'conflict',
      conflicts: [{ planned: '6', now: undefined, wanted: '7', by: { author: 'ana' } }],
    })
    expect(await textOf('/config/checkout/base/http/timeoutMs')).toBeUndefined()
    await expect(
      admin.set((c) => c.http.timeoutMs, 7, { overlay: 'base', ifRevision: 1_000_000_000 }),
    ).rejects.toMatchObject({ code: 'not_found' })
    const { revision } = await admin.read()
    await admin.set((c) => c.http.timeoutMs, 7, { overlay: 'base', ifRevision: revision })
    expect(await textOf('/config/checkout/base/http/timeoutMs')).toBe('7')
  })

  test('what a change was given and is altered after its plan is not written', async () => {
    await using admin = openAdmin()
    const value: Record<string, boolean> = { a: true }
    const plan = await admin.change({ overlay: 'prod' }).set('features', value).plan()
    value['a'] = false
    value['evil'] = true
    // Something else moves, so that the change is worked out again.
    await client.kv.put('/config/checkout/prod/http/timeoutMs', '7')
    await expect(plan.apply()).rejects.toMatchObject({ code: 'conflict' })
    expect(await textOf('/config/checkout/prod/features/a')).toBeUndefined()
    expect(await textOf('/config/checkout/prod/features/evil')).toBeUndefined()
  })

  test('a saved plan is applied later, and refused once one of its keys has moved', async () => {
    await using admin = openAdmin()
    const plan = await admin.change({ overlay: 'prod' }).set('http.timeoutMs', 5).plan()
    const saved = JSON.parse(JSON.stringify(plan.save())) as ReturnType<typeof plan.save>
    await admin.set('db.pool.max', 11, { overlay: 'base' })
    await (await admin.openPlan(saved)).apply()
    expect(await textOf('/config/checkout/prod/http/timeoutMs')).toBe('5')
    await expect((await admin.openPlan(saved)).apply()).rejects.toMatchObject({ code: 'conflict' })
    const secret = await admin.change({ overlay: 'prod' }).set('db.url', 'x').plan()
    expect(() => secret.save()).toThrow(/secret_text/)
    await expect(admin.openPlan({ ...saved, version: 2 as 1 })).rejects.toMatchObject({ code: 'unreadable' })
  })

  test('a document is edited in place, and a list keeps the form that it has', async () => {
    await using admin = openAdmin()
    await client.kv.put('/config/checkout/prod/db', '{ "pool": {"max": 5},  "url":"x" }')
    await admin.set('db.pool.max', 6, { overlay: 'prod' })
    expect(await textOf('/config/checkout/prod/db')).toBe('{ "pool": {"max": 6},  "url":"x" }')
    await admin.unset('db.url', { overlay: 'prod' })
    expect(await textOf('/config/checkout/prod/db')).toBe('{ "pool": {"max": 6} }')
    await admin.set('http.hosts', ['a', 'b'], { overlay: 'base' })
    expect(await textOf('/config/checkout/base/http/hosts')).toBe('["a","b"]')
    await client.kv.put('/config/checkout/prod/http/hosts/0', 'c')
    await admin.set('http.hosts', ['d', 'e'], { overlay: 'prod' })
    expect(await textOf('/config/checkout/prod/http/hosts/1')).toBe('e')
    expect((await admin.read()).value.http.hosts).toEqual(['d', 'e'])
  })

  test('a tuple keeps its keys when it is set as a whole, and an item alone is refused with what to do', async () => {
    const pair = z.object({ pair: z.tuple([z.string(), z.number()]) })
    const sources = () => [etcdSource({ endpoints: [endpoint], root: '/config/pair' })]
    await using admin = createAdmin(defineConfig({ name: 'pair', schema: pair, sources }))
    await client.kv.put('/config/pair/pair/0', 'a')
    await client.kv.put('/config/pair/pair/1', '1')
    await expect(admin.set('pair.1', 7)).rejects.toMatchObject({
      code: 'unwritable_value',
      message: expect.stringContaining('pair.1: '),
    })
    expect(await textOf('/config/pair/pair/1')).toBe('1')
    await admin.set('pair', ['b', 7])
    expect([await textOf('/config/pair/pair/0'), await textOf('/config/pair/pair/1')]).toEqual(['b', '7'])
    expect((await admin.read()).value.pair).toEqual(['b', 7])
  })

  test('a change that removes much needs allowRemoval, which puts the key that instances ask for', async () => {
    await using admin = openAdmin()
    await admin.set('features', Object.fromEntries([...'abcdefgh'].map((name) => [name, true])), {
      overlay: 'prod',
    })
    const plan = await admin.change({ overlay: 'prod' }).unset('features').plan()
    expect(plan.removes).toHaveLength(8)
    expect(plan.needsAllowRemoval).toBe(true)
    await expect(plan.apply()).rejects.toMatchObject({ code: 'removal_refused' })
    const { revision } = await plan.apply({ allowRemoval: true })
    expect(await client.kv.get('/config/checkout/.livetree/allow-removal')).toMatchObject({
      modRevision: revision,
    })
  })

  test('a change that does not fit into one transaction is refused with the numbers, and nothing is written', async () => {
    await using admin = openAdmin()
    const many = Object.fromEntries(Array.from({ length: 130 }, (_, index) => [`f${index}`, true]))
    await expect(admin.set('features', many, { overlay: 'prod' })).rejects.toMatchObject({
      code: 'too_large',
      message: expect.stringMatching(/130 keys change.*131 operations.*128/),
    })
    await expect(admin.set('http.hosts', ['x'.repeat(1_600_000)], { overlay: 'prod' })).rejects.toMatchObject(
      {
        code: 'too_large',
      },
    )
    await admin.set('http.hosts', ['x'.repeat(400_000)], { overlay: 'prod' })
  })

  test('a key that another tool removed while the change was judged is noticed', async () => {
    const pair = z.object({ a: z.string().optional(), b: z.string().optional() })
    const definition = defineConfig({
      name: 'pair',
      schema: pair.refine(({ a, b }) => a !== undefined || b === undefined, {
        path: ['b'],
        message: 'b needs a',
      }),
    })
    await using admin = createAdmin(definition, { store: { endpoints: [endpoint], root: '/config/pair' } })
    await client.kv.put('/config/pair/a', 'x')
    const plan = await admin.change().set('b', 'y').plan()
    await client.kv.delete('/config/pair/a')
    await expect(plan.apply()).rejects.toMatchObject({
      code: 'invalid_tree',
      issues: [{ message: 'b needs a' }],
    })
    expect(await textOf('/config/pair/b')).toBeUndefined()
  })

  test('a plan says which changes running processes take only when they start again', async () => {
    const listening = defineConfig({
      name: 'listening',
      schema: z.object({ port: restart(z.number()).default(80), timeoutMs: z.number().default(5) }),
    })
    const store = { endpoints: [endpoint], root: '/config/listening' }
    const jsonSchema = toJsonSchema(listening)
    for (const admin of [
      createAdmin(listening, { store }),
      createAdmin({ store, jsonSchema, name: 'listening' }),
    ]) {
      await using open = admin
      const plan = await open.change().set('port', 81).set('timeoutMs', 6).plan()
      expect(plan.changes.map(({ pathText, needsRestart }) => [pathText, needsRestart])).toEqual([
        ['port', true],
        ['timeoutMs', false],
      ])
    }
  })

  test('without a definition a published JSON Schema judges, and says what is secret', async () => {
    const definition = defineConfig({ name: 'checkout', schema })
    const jsonSchema = JSON.parse(JSON.stringify(toJsonSchema(definition))) as ReturnType<typeof toJsonSchema>
    const store = { endpoints: [endpoint], root: '/config/checkout', overlays: ['base', 'prod'] }
    await using admin = createAdmin({ store, jsonSchema, name: 'checkout' })
    await using typed = openAdmin()
    expect((await admin.read()).redacted()).toEqual((await typed.read()).redacted())
    await admin.set('db.pool.max', 20, { overlay: 'prod' })
    await admin.set('db.url', 'postgres://swordfish', { overlay: 'prod' })
    expect((await typed.read()).value.db).toEqual({ url: 'postgres://swordfish', pool: { max: 20 } })
    await expect(admin.set('db.pool.max', 201, { overlay: 'prod' })).rejects.toMatchObject({
      code: 'invalid_value',
    })
    await expect(admin.set('db.pol', 1, { overlay: 'prod' })).rejects.toMatchObject({ code: 'invalid_path' })
    const { entries } = await client.kv.getRange({ prefix: '/.livetree/' })
    expect(entries.map(({ text }) => text).join()).not.toContain('swordfish')
  })
})
