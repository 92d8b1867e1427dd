import { type Admin, createAdmin } from '@livetree/admin'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { defineConfig } from 'livetree'
import { beforeEach, expect, test } from 'vitest'
import * as z from 'zod'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'

const texts = z.record(z.string(), z.string()).default({})
const definition = defineConfig({
  name: 'sizes',
  schema: z.object({ big: texts, small: texts }),
  guard: false,
})

const LIMIT = 1.5 * 1024 * 1024

withoutOpenHandles()

oneEtcd('what fits into one transaction', (etcd) => {
  let client: EtcdClient
  let admin: Admin<{ big: Record<string, string>; small: Record<string, string> }>

  beforeEach(async () => {
    const { endpoint } = await etcd.emptied()
    client = createEtcdClient({ endpoints: [endpoint] })
    admin = createAdmin(definition, {
      author: 'ana',
      store: { client, root: '/config/sizes' },
    }) as typeof admin
    return async () => {
      await admin.close()
      await client.close()
    }
  })

  const named = (count: number, name: (index: number) => string) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [name(index), '1']))

  test('keys beside a large one, however long their names, do not make it too large', async () => {
    await admin.set(
      'small',
      named(110, (index) => 'y'.repeat(900) + index),
    )
    await admin.set('big.x', 'z'.repeat(LIMIT - 10_000))
    await admin.set('big.x', 'q'.repeat(LIMIT - 10_000))
    expect((await client.kv.get('/config/sizes/big/x'))?.text[0]).toBe('q')
  })

  test('a text is refused at the size at which the store refuses it, with the bytes of the request', async () => {
    await admin.set('big.x', 'a')
    const refused = await admin.set('big.x', 'z'.repeat(LIMIT)).catch((error: unknown) => error)
    expect(refused).toMatchObject({
      code: 'too_large',
      message: expect.stringMatching(/takes 1\d{6} bytes.*takes 1572864/),
    })
    const bytes = Number(/takes (\d+) bytes/.exec(String(refused))?.[1])
    // What the change takes beside the text of the key, to the byte.
    const rest = bytes - LIMIT
    expect(rest).toBeGreaterThan(0)
    await admin.set('big.x', 'z'.repeat(LIMIT - rest - 600))
    await expect(admin.set('big.x', 'z'.repeat(LIMIT - rest + 600))).rejects.toMatchObject({
      code: 'too_large',
    })
  })

  test('as many keys go at once as the store takes operations', async () => {
    await admin.set(
      'small',
      named(127, (index) => `k${index}`),
    )
    const plan = await admin.change().unset('small').plan()
    await plan.apply()
    expect((await client.kv.getRange({ prefix: '/config/' })).entries).toEqual([])
  })

  test('too many are refused with the number of operations and of conditions', async () => {
    await expect(
      admin.set(
        'small',
        named(128, (index) => `k${index}`),
      ),
    ).rejects.toMatchObject({
      code: 'too_large',
      message: expect.stringMatching(/128 keys change.*129 operations and \d+ conditions.*128 of each/),
    })
  })
})
