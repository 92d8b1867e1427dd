import livetree from '@livetree/fastify'
import fastify from 'fastify'
import { createTestConfig, defineConfig, LivetreeError, secret } from 'livetree'
import assert from 'node:assert/strict'
import * as z from 'zod'
import * as mini from 'zod/mini'

const shop = defineConfig({
  name: 'shop',
  schema: z.object({
    greeting: z.string().min(1),
    limits: z.object({ max: z.number().int().positive() }),
    features: z.record(z.string(), z.boolean()).default({}),
    since: z.date().optional(),
    password: secret(z.string()).optional(),
  }),
})

declare module 'livetree' {
  interface Register {
    config: typeof shop
  }
}

const config = await createTestConfig(shop, { greeting: 'hello', limits: { max: 1 } })
const app = fastify()
await app.register(livetree, { config })
app.get('/', async (request) => {
  const before: string = request.config.greeting
  const attempt = () => {
    // @ts-expect-error what a request is given is readonly
    request.config.greeting = 'mine'
    // @ts-expect-error all the way down
    request.config.limits.max = 2
    // @ts-expect-error entries of records too
    request.config.features.beta = true
  }
  assert.throws(attempt, TypeError)
  config.set({ greeting: 'changed' })
  await Promise.resolve()
  return [before, request.config.limits.max.toFixed(), app.config.pinned().greeting]
})

assert.deepEqual((await app.inject('/')).json(), ['hello', '1', 'hello'])
assert.deepEqual((await app.inject('/')).json(), ['changed', '1', 'changed'])

// typed from text, refused with path, secrets kept
config.set({ features: { discounts: 'yes' as unknown as boolean }, password: 'hunter2' })
assert.equal(config.current.features.discounts, true)
assert.throws(
  () => config.set({ limits: { max: -1 } }),
  (error) => error instanceof LivetreeError && error.issues[0]?.pathText === 'limits.max',
)
assert.equal(config.current.limits.max, 1)
assert.ok(!JSON.stringify(config.explain('password')).includes('hunter2'))
await app.close()
assert.equal(config.health.state, 'closed')

const small = defineConfig({ name: 'small', schema: mini.object({ n: mini.number() }) })
const smallConfig = await createTestConfig(small, { n: 1 })
assert.equal(smallConfig.current.n.toFixed(), '1')
await smallConfig.close()
console.log('ok')
