import { type Admin, createAdmin } from '@livetree/admin'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { defineConfig } from 'livetree'
import { beforeEach, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'

const schema = z.object({ n: z.number().default(0), m: z.number().default(0), other: z.string().optional() })
const definition = defineConfig({ name: 'shop', schema })

type Shop = z.output<typeof schema>
type Saved = ReturnType<Awaited<ReturnType<ReturnType<Admin<Shop>['change']>['plan']>>['save']>

withoutOpenHandles()

oneEtcd('a plan that is applied later', (etcd) => {
  let client: EtcdClient

  beforeEach(async () => {
    const { endpoint } = await etcd.emptied()
    client = createEtcdClient({ endpoints: [endpoint] })
    return () => client.close()
  })

  const openAdmin = (of = client) =>
    createAdmin(definition, { author: 'ana', store: { client: of, root: '/config/shop' } }) as Admin<Shop>
  const put = (name: string, value: string) => client.kv.put(`/config/shop/${name}`, value)
  const remove = (name: string) => client.kv.delete(`/config/shop/${name}`)
  const textOf = async (name: string) => (await client.kv.get(`/config/shop/${name}`))?.text
  const throughJson = (saved: Saved) => JSON.parse(JSON.stringify(saved)) as Saved

  /** Three ways of holding a plan for a while: each has to see everything that happens to its keys meanwhile. */
  const WAYS = ['held', 'saved', 'ifRevision'] as const

  async function planned(admin: Admin<Shop>, way: (typeof WAYS)[number]) {
    const { revision } = await admin.read()
    if (way === 'ifRevision')
      return async () => (await admin.change({ ifRevision: revision }).set('n', 2).plan()).apply()
    const plan = await admin.change().set('n', 2).plan()
    const saved = throughJson(plan.save())
    return async () => (way === 'held' ? plan : await admin.openPlan(saved)).apply()
  }

  describe.each(WAYS)('%s', (way) => {
    test.each([1, 2])(
      'a key that was set and removed since (%s times) is a conflict, with when',
      async (times) => {
        await using admin = openAdmin()
        const apply = await planned(admin, way)
        let removedAt = 0
        for (let time = 0; time < times; time++) {
          await put('n', '5')
          removedAt = (await client.kv.delete('/config/shop/n', { prevKv: true })).header.revision
        }
        await put('m', '1')
        await expect(apply()).rejects.toMatchObject({
          code: 'conflict',
          message: expect.stringContaining('set, and removed again'),
          conflicts: [{ path: 'n', planned: undefined, now: undefined, wanted: '2', revision: removedAt }],
        })
        expect(await textOf('n')).toBeUndefined()
      },
    )

    test('an admin that set and removed the key is named', async () => {
      await using admin = openAdmin()
      const apply = await planned(admin, way)
      await admin.set('n', 5)
      const { revision } = await admin.unset('n', { message: 'gone' })
      await admin.set('m', 1)
      await expect(apply()).rejects.toMatchObject({
        code: 'conflict',
        conflicts: [{ path: 'n', revision, by: { author: 'ana', message: 'gone' } }],
      })
    })

    test('what happened before, and to other keys, is none', async () => {
      await using admin = openAdmin()
      await put('n', '5')
      await remove('n')
      const apply = await planned(admin, way)
      await put('other', 'x')
      await remove('other')
      expect((await apply()).changes).toHaveLength(1)
      expect(await textOf('n')).toBe('2')
    })

    test('where the store does not keep what happened since, nothing is written', async () => {
      await using admin = openAdmin()
      const apply = await planned(admin, way)
      await put('n', '5')
      await remove('n')
      const { header } = await put('m', '1')
      await client.kv.compact(header.revision)
      await expect(apply()).rejects.toMatchObject({
        code: 'compacted',
        message: expect.stringContaining('Plan it again'),
      })
      expect(await textOf('n')).toBeUndefined()
    })
  })

  test('a compaction does not matter to keys that are there', async () => {
    await using admin = openAdmin()
    await put('n', '1')
    const saved = throughJson((await admin.change().set('n', 2).plan()).save())
    const { header } = await put('m', '1')
    await client.kv.compact(header.revision)
    await (await admin.openPlan(saved)).apply()
    expect(await textOf('n')).toBe('2')
  })

  test('a key that the plan would write as it is must not move either', async () => {
    await using admin = openAdmin()
    await put('m', '7')
    const saved = throughJson((await admin.change().set('m', 7).set('n', 2).plan()).save())
    await put('m', '8')
    await expect((await admin.openPlan(saved)).apply()).rejects.toMatchObject({
      code: 'conflict',
      conflicts: [{ path: 'm', planned: '7', now: '8' }],
    })
  })

  test('a plan that was applied already says what it would write', async () => {
    await using admin = openAdmin()
    const saved = throughJson((await admin.change().set('n', 2).plan()).save())
    await (await admin.openPlan(saved)).apply()
    await expect((await admin.openPlan(saved)).apply()).rejects.toMatchObject({
      code: 'conflict',
      conflicts: [{ path: 'n', planned: undefined, now: '2', wanted: '2' }],
    })
  })

  test('a plan of another cluster is refused with both ids', async () => {
    const { endpoint } = await etcd.start()
    const elsewhere = createEtcdClient({ endpoints: [endpoint] })
    await using admin = openAdmin()
    await using other = openAdmin(elsewhere)
    const saved = throughJson((await admin.change().set('n', 2).plan()).save())
    await expect(other.openPlan(saved)).rejects.toMatchObject({
      code: 'store_changed',
      message: expect.stringMatching(
        new RegExp(`made on the cluster ${saved.cluster}, and the cluster [0-9a-f]+ answers`),
      ),
    })
    expect((await elsewhere.kv.getRange({ prefix: '/' })).entries).toEqual([])
    await elsewhere.close()
  })

  test('a plan of another namespace is refused with both', async () => {
    const { endpoint } = await etcd.start()
    const inNamespace = (namespace: string | undefined) =>
      createAdmin(definition, {
        store: { endpoints: [endpoint], root: '/config/shop', ...(namespace !== undefined && { namespace }) },
      })
    await using staging = inNamespace('/staging')
    await using live = inNamespace(undefined)
    await using twin = inNamespace('/staging')
    const saved = throughJson((await staging.change().set('n', 2).plan()).save())
    await expect(live.openPlan(saved)).rejects.toMatchObject({
      code: 'unreadable',
      message: expect.stringContaining('for the namespace "/staging", and this client has none'),
    })
    expect((await twin.openPlan(saved)).changes).toMatchObject([{ key: '/config/shop/n' }])
    await expect(live.openPlan({ ...saved, namespace: 'xyz' })).rejects.toMatchObject({ code: 'unreadable' })
  })

  test('what the store does not tell of a conflict is said to be unknown, not made up', async () => {
    await using admin = openAdmin()
    await admin.set('n', 1)
    const saved = throughJson((await admin.change().set('n', 2).plan()).save())
    const { header } = await client.kv.put('/config/shop/n', '5')
    await client.kv.compact(header.revision)
    const error = await (await admin.openPlan(saved)).apply().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      code: 'conflict',
      conflicts: [
        { path: 'n', planned: undefined, now: '5', revision: header.revision, unknown: ['planned'] },
      ],
    })
    expect((error as Error).message).toContain('n: "5" now, changed by another tool')
  })

  test('a plan of a revision to come is refused: the store was put back', async () => {
    await using admin = openAdmin()
    const saved = (await admin.change().set('n', 2).plan()).save()
    const late = await admin.openPlan({ ...saved, revision: saved.revision + 1_000 })
    await expect(late.apply()).rejects.toMatchObject({ code: 'store_changed' })
  })

  test.each<[string, (saved: Saved) => unknown]>([
    ['no cluster', ({ cluster: _, ...saved }) => saved],
    ['a cluster that is no id', (saved) => ({ ...saved, cluster: '0x1' })],
    ['no pins', ({ unchanged: _, ...saved }) => saved],
    ['a key twice', (saved) => ({ ...saved, changes: [...saved.changes, ...saved.changes] })],
    ['a key twice, once unchanged', (saved) => ({ ...saved, unchanged: saved.changes })],
    ['a key of another place', (saved) => ({ ...saved, unchanged: [{ key: '/config/x', revision: 0 }] })],
    [
      'a revision below zero',
      (saved) => ({ ...saved, changes: saved.changes.map((each) => ({ ...each, revision: -1 })) }),
    ],
    [
      'a huge revision',
      (saved) => ({ ...saved, changes: saved.changes.map((each) => ({ ...each, revision: 1e300 })) }),
    ],
    ['a target below zero', (saved) => ({ ...saved, kind: 'rollback', to: -5 })],
  ])('with %s it is unreadable', async (_name, altered) => {
    await using admin = openAdmin()
    const saved = throughJson((await admin.change().set('n', 2).plan()).save())
    await expect(admin.openPlan(altered(saved) as Saved)).rejects.toMatchObject({ code: 'unreadable' })
  })
})
