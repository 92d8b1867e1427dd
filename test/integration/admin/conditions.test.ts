import { createAdmin } from '@livetree/admin'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { defineConfig } from 'livetree'
import { beforeEach, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'

const number = z.number().default(0)
const text = z.string().optional()
const definition = defineConfig({
  name: 'shop',
  schema: z
    .object({ low: number, high: z.number().default(100), a: text, b: text, ba: text, bb: text })
    .refine(({ low, high }) => low <= high, { path: ['low'], message: 'low is above high' })
    .refine(({ a, b }) => a !== undefined || b === undefined, { path: ['b'], message: 'b needs a' }),
})

withoutOpenHandles()

/** Each is a case that one of the transaction's conditions alone prevents. */
oneEtcd('the conditions of an apply', (etcd) => {
  let client: EtcdClient

  beforeEach(async () => {
    const { endpoint } = await etcd.emptied()
    client = createEtcdClient({ endpoints: [endpoint] })
    return () => client.close()
  })

  const openAdmin = (maxOperations = 128) =>
    createAdmin(definition, { author: 'ana', maxOperations, store: { client, root: '/config/shop' } })
  const put = (name: string, value: string) => client.kv.put(`/config/shop/${name}`, value)
  const textOf = async (name: string) => (await client.kv.get(`/config/shop/${name}`))?.text

  describe('another tool', () => {
    test('has changed a key beside it: the tree is judged again', async () => {
      await using admin = openAdmin()
      await put('low', '1')
      const plan = await admin.change().set('high', 5).plan()
      await put('low', '10')
      await expect(plan.apply()).rejects.toMatchObject({
        code: 'invalid_tree',
        issues: [{ pathText: 'low' }],
      })
      expect(await textOf('high')).toBeUndefined()
    })

    test('has made a key beside it: the tree is judged again', async () => {
      await using admin = openAdmin()
      const plan = await admin.change().set('high', 5).plan()
      await put('low', '10')
      await expect(plan.apply()).rejects.toMatchObject({ code: 'invalid_tree' })
    })

    test('has removed a key beside it: the tree is judged again', async () => {
      await using admin = openAdmin()
      await put('a', 'x')
      const plan = await admin.change().set('b', 'y').plan()
      await client.kv.delete('/config/shop/a')
      await expect(plan.apply()).rejects.toMatchObject({ code: 'invalid_tree' })
      expect(await textOf('b')).toBeUndefined()
    })

    test('has removed one of its keys: a conflict', async () => {
      await using admin = openAdmin()
      await put('low', '1')
      const plan = await admin.change().set('low', 2).plan()
      await client.kv.delete('/config/shop/low')
      await expect(plan.apply()).rejects.toMatchObject({
        code: 'conflict',
        conflicts: [{ planned: '1', now: undefined, wanted: '2', by: undefined }],
      })
      expect(await textOf('low')).toBeUndefined()
    })

    test('has removed and made one of its keys again, with the same text: a conflict', async () => {
      await using admin = openAdmin()
      await put('low', '1')
      const plan = await admin.change().set('low', 2).plan()
      await client.kv.delete('/config/shop/low')
      await put('low', '1')
      await expect(plan.apply()).rejects.toMatchObject({ code: 'conflict' })
    })
  })

  test('another admin has removed a key for which there is no room in the transaction: the tree is judged again', async () => {
    await using other = openAdmin()
    // The conditions that are needed, and one for the nearest key.
    await using admin = openAdmin(4)
    await other
      .change()
      .set('a', 'x')
      .set('ba', 'x')
      .set('bb', 'x')
      .plan()
      .then((plan) => plan.apply())
    const plan = await admin.change().set('b', 'y').plan()
    await other.unset('a')
    await expect(plan.apply()).rejects.toMatchObject({ code: 'invalid_tree' })
    expect(await textOf('b')).toBeUndefined()
  })

  test('an admin that removed a key is named in the conflict', async () => {
    await using other = openAdmin()
    await using admin = openAdmin()
    await put('low', '1')
    const plan = await admin.change().set('low', 2).plan()
    const { revision } = await other.unset('low', { message: 'gone' })
    await expect(plan.apply()).rejects.toMatchObject({
      code: 'conflict',
      conflicts: [{ now: undefined, revision, by: { author: 'ana', message: 'gone' } }],
    })
  })

  test('an id of the caller writes once, whichever layers its writes change', async () => {
    const store = { client, root: '/config/shop', overlays: ['base', 'prod'] }
    await using admin = createAdmin(definition, { author: 'ana', store })
    const id = '01930000-0000-7000-8000-00000000abcd'
    const low = await admin.change({ overlay: 'base' }).set('low', 1).plan()
    const a = await admin.change({ overlay: 'prod' }).set('a', 'x').plan()
    const { revision } = await low.apply({ id })
    await expect(a.apply({ id })).rejects.toMatchObject({ code: 'conflict' })
    expect(await admin.find(id)).toMatchObject({ revision, changes: [{ pathText: 'low' }] })
    expect(await textOf('prod/a')).toBeUndefined()
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('no disk')
      },
    ],
    ['rejects', () => Promise.reject(new Error('no disk'))],
  ])('a function for the id that %s ends the apply before it is sent', async (_name, onSend) => {
    await using admin = openAdmin()
    const plan = await admin.change().set('low', 2).plan()
    await expect(plan.apply({ onSend })).rejects.toMatchObject({
      code: 'aborted',
      cause: { message: 'no disk' },
    })
    expect(await textOf('low')).toBeUndefined()
  })

  test('a plan is applied once: its keys have moved when it is applied again', async () => {
    await using admin = openAdmin()
    const plan = await admin.change().set('low', 2).plan()
    await plan.apply()
    await expect(plan.apply()).rejects.toMatchObject({ code: 'conflict' })
    const both = await admin.change().set('low', 3).plan()
    const outcomes = await Promise.allSettled([both.apply(), both.apply()])
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  })
})
