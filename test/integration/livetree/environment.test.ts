import { createEtcdClient } from '@livetree/etcd'
import { defineConfig, env, etcd, LivetreeError } from 'livetree'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { eachEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'

withoutOpenHandles()

const shop = defineConfig({
  name: 'shop',
  schema: z.object({
    db: z.object({ url: z.url() }),
    ports: z.array(z.number()).default([]),
    features: z.record(z.string(), z.boolean()).default({}),
  }),
})

eachEtcd('env above a store', (etcdUnderTest) => {
  test('aliases, lists with commas, and the names of entries as the store has them, while these change', async () => {
    const server = await etcdUnderTest.start()
    const store = createEtcdClient({ endpoints: [server.endpoint] })
    onTestFinished(() => store.close())
    await store.kv.put('/config/shop/db/url', 'postgres://store')
    const environment = {
      DATABASE_URL: 'postgres://alias',
      SHOP_PORTS: '80, 81',
      SHOP_FEATURES__NEW_CHECKOUT: 'true',
      SHOP_DB_URL: 'postgres://wrong',
    }
    const options = { prefix: 'SHOP_', aliases: { 'db.url': 'DATABASE_URL' }, environment }
    const sources = [etcd({ endpoints: [server.endpoint], root: '/config/shop' }), env(options)]
    const config = await shop.load({ sources, logger: false })
    onTestFinished(() => config.close())
    expect(config.current).toEqual({
      db: { url: 'postgres://alias' },
      ports: [80, 81],
      features: { new_checkout: true },
    })
    expect(config.explain('db.url').layers.map(({ origin }) => origin.key)).toEqual([
      'DATABASE_URL',
      '/config/shop/db/url',
    ])
    expect(config.status.unused.map(({ didYouMean }) => didYouMean)).toEqual(['SHOP_DB__URL'])

    await store.kv.put('/config/shop/features/newCheckout', 'false')
    await waitFor(() => 'newCheckout' in config.current.features, { what: 'the name that the store has' })
    expect(config.current.features).toEqual({ newCheckout: true })
    await store.kv.delete('/config/shop/features/newCheckout')
    await waitFor(() => !('newCheckout' in config.current.features), { what: 'the name of the variable' })
    expect(config.current.features).toEqual({ new_checkout: true })
  })

  test('a value that is missing or no list names every variable that can set it', async () => {
    const server = await etcdUnderTest.start()
    const load = (aliases: Record<string, string>, environment: Record<string, string>) =>
      shop.load({
        sources: [
          etcd({ endpoints: [server.endpoint], root: '/config/shop' }),
          env({ prefix: 'SHOP_', aliases, environment }),
        ],
        logger: false,
      })
    const thrown = async (loading: Promise<unknown>) => {
      const error = await loading.then(
        () => undefined,
        (reason: unknown) => reason,
      )
      return error instanceof LivetreeError ? error : undefined
    }
    const invalid = await thrown(load({ 'db.url': 'DATABASE_URL' }, { SHOP_PORTS: '80;81' }))
    expect(invalid?.code).toBe('invalid_config')
    expect(invalid?.message).toContain('Set /config/shop/db/url or SHOP_DB__URL or DATABASE_URL')
    expect(invalid?.message).toContain('A list is written as JSON, ["a", "b"], or with commas, a,b')
    const misplaced = await thrown(load({ 'db.uri': 'DATABASE_URL' }, {}))
    expect(misplaced?.code).toBe('invalid_options')
    expect(misplaced?.message).toContain('mounted at "db.uri", which the schema does not have')
    expect(misplaced?.message).toContain('Did you mean "db.url"?')
  })
})
