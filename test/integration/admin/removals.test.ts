import { type Admin, createAdmin } from '@livetree/admin'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { defineConfig, etcd as etcdSource } from 'livetree'
import { beforeEach, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'

const flags = z.record(z.string(), z.number())
const schema = z.object({ flags: flags.default({}), n: z.number().default(1), name: z.string().optional() })
const all = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`k${index}`, index]))

withoutOpenHandles()

oneEtcd('what a plan removes', (etcd) => {
  let client: EtcdClient
  let admin: Admin<z.output<typeof schema>>
  const definition = defineConfig({
    name: 'shop',
    schema,
    sources: () => [etcdSource({ client, root: '/config/shop' })],
  })

  beforeEach(async () => {
    const { endpoint } = await etcd.emptied()
    client = createEtcdClient({ endpoints: [endpoint] })
    admin = createAdmin(definition, { author: 'ana' }) as typeof admin
    return async () => {
      await admin.close()
      await client.close()
    }
  })

  describe('while the tree is invalid', () => {
    beforeEach(async () => {
      await admin.set('flags', all)
    })

    test('a plan that mends it and removes much needs allowRemoval, and an instance then takes it', async () => {
      await using config = await definition.load({ logger: false })
      await client.kv.put('/config/shop/n', 'abc')
      const plan = await admin.change().unset('flags').set('n', 5).plan()
      expect(plan).toMatchObject({ needsAllowRemoval: true, issues: [] })
      await expect(plan.apply()).rejects.toMatchObject({ code: 'removal_refused' })
      await expect(plan.apply({ force: true })).rejects.toMatchObject({ code: 'removal_refused' })
      await plan.apply({ allowRemoval: true })
      await expect.poll(() => config.current).toEqual({ flags: {}, n: 5 })
    })

    test('a plan that mends it and removes little needs nothing', async () => {
      await client.kv.put('/config/shop/n', 'abc')
      const plan = await admin.change().unset('flags.k0').set('n', 5).plan()
      expect(plan).toMatchObject({ needsAllowRemoval: false, issues: [] })
      await plan.apply()
    })

    test('a plan that leaves it invalid and removes much needs allowRemoval beside force', async () => {
      await client.kv.put('/config/shop/n', 'abc')
      const plan = await admin.change().unset('flags').plan()
      expect(plan.needsAllowRemoval).toBe(true)
      expect(plan.issues).toMatchObject([{ pathText: 'n' }])
      await expect(plan.apply({ force: true })).rejects.toMatchObject({ code: 'removal_refused' })
      await expect(plan.apply({ allowRemoval: true })).rejects.toMatchObject({ code: 'invalid_tree' })
      const { id } = await plan.apply({ force: true, allowRemoval: true })
      expect(await admin.find(id ?? '')).toMatchObject({ isForced: true, allowsRemoval: true })
    })

    test('a plan that makes a valid tree invalid and removes much needs allowRemoval too', async () => {
      const plan = await admin.change().unset('flags').setText('n', 'abc').plan()
      expect(plan.needsAllowRemoval).toBe(true)
      expect(plan.issues).toMatchObject([{ pathText: 'n' }])
    })
  })

  describe('keys whose values are no text', () => {
    const bytes = Buffer.of(0xff, 0xfe)

    test('go by unset, by set above them, and by an import that prunes', async () => {
      await client.kv.put('/config/shop/flags/a', bytes)
      await admin.unset('flags.a')
      expect(await client.kv.get('/config/shop/flags/a')).toBeUndefined()
      await client.kv.put('/config/shop/flags/a', bytes)
      await admin.set('flags', { b: 1 })
      expect(await client.kv.get('/config/shop/flags/a')).toBeUndefined()
      await client.kv.put('/config/shop/flags/a', bytes)
      await client.kv.put('/config/shop/stray', bytes)
      const plan = await admin.import('flags: { b: 1 }', { prune: true })
      expect(plan.removes.map(({ key }) => key).toSorted()).toEqual([
        '/config/shop/flags/a',
        '/config/shop/stray',
      ])
      await plan.apply()
      const { entries } = await client.kv.getRange({ prefix: '/config/' })
      expect(entries.map(({ key }) => key)).toEqual(['/config/shop/flags/b'])
    })

    test('above a path go when something is set below them', async () => {
      await client.kv.put('/config/shop/flags', bytes)
      await admin.set('flags.a', 1)
      expect((await admin.read()).value.flags).toEqual({ a: 1 })
    })
  })
})
