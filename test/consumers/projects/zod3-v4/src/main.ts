import { createTestConfig, defineConfig, LivetreeError, secret } from 'livetree'
import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import * as otherZod from 'other-zod'
import { z as z3 } from 'zod'
import * as z from 'zod/v4'
import * as mini from 'zod/v4-mini'

// zod 3.25 brings zod 4 as zod/v4
const shop = defineConfig({
  name: 'shop',
  schema: z.object({
    http: z.object({ port: z.number().int().default(3000) }),
    tags: z.array(z.string()).default(['a']),
    features: z.record(z.string(), z.boolean()),
    since: z.date().optional(),
    mode: z.discriminatedUnion('type', [
      z.object({ type: z.literal('fast') }),
      z.object({ type: z.literal('safe'), retries: z.number() }),
    ]),
    password: secret(z.string()),
    token: z.string().meta({ secret: true }).optional(),
  }),
})
const config = await createTestConfig(shop, {
  mode: { type: 'safe', retries: '3' as unknown as number },
  password: 'hunter2',
  token: 'hunter3',
})
assert.equal(config.current.http.port.toFixed(), '3000')
assert.equal(config.current.mode.type === 'safe' && config.current.mode.retries, 3)
assert.throws(
  () => config.set({ http: { port: 1.5 } }),
  (error) => error instanceof LivetreeError && error.issues[0]?.pathText === 'http.port',
)
assert.doesNotMatch(inspect(config) + JSON.stringify(config.current), /hunter/)
// @ts-expect-error read-only
assert.throws(() => (config.current.http.port = 1), TypeError)
await config.close()

const small = defineConfig({
  name: 'small',
  schema: mini.object({ n: mini.number(), s: secret(mini.string()) }),
})
const smallConfig = await createTestConfig(small, { n: 1, s: 'hunter2' })
assert.equal(smallConfig.current.n.toFixed(), '1')
assert.doesNotMatch(inspect(smallConfig), /hunter/)
await smallConfig.close()

// a schema made by another copy of zod than livetree's own; zod's types tell minor versions apart, so that a cast is needed
const other = otherZod as unknown as typeof z
const foreign = defineConfig({
  name: 'foreign',
  schema: other.object({
    n: other.number(),
    list: other.array(other.number().int()),
    inner: other.object({ s: other.string().min(2) }).refine(({ s }) => s !== 'bad', 'never bad'),
    token: other.string().meta({ secret: true }),
    password: secret(other.string()),
  }),
})
const foreignConfig = await createTestConfig(foreign, {
  n: '5' as unknown as number,
  list: [1],
  inner: { s: 'ok' },
  token: 'hunter2',
  password: 'hunter3',
})
assert.equal(foreignConfig.current.n, 5)
assert.doesNotMatch(inspect(foreignConfig) + JSON.stringify(foreignConfig.current), /hunter/)
assert.throws(
  () => foreignConfig.set({ inner: { s: 'bad' } }),
  (error) => error instanceof LivetreeError && error.issues[0]?.message === 'never bad',
)
await foreignConfig.close()
const later = other.object({
  s: other
    .string()
    .default('x')
    .refine(async () => true),
})
await assert.rejects(
  async () => createTestConfig(defineConfig({ name: 'later', schema: later })),
  (error) => error instanceof LivetreeError && /async/i.test(error.message),
)

// zod 3 itself is refused, by its name, wherever it stands
const old = z3.object({ port: z3.number() })
for (const schema of [
  old,
  z3.string(),
  z.object({ old: old as never }),
  z.array(old as never),
  z.record(z.string(), old as never),
]) {
  assert.throws(
    () => defineConfig({ name: 'old', schema: schema as never }),
    (error) =>
      error instanceof LivetreeError && /zod 3/.test(error.message) && /'zod\/v4'/.test(error.message),
  )
}
// as are other things that are no schema
for (const schema of [
  {},
  { port: z.number() },
  z,
  'string',
  null,
  () => z.string(),
  Promise.resolve(z.string()),
]) {
  assert.throws(
    () => defineConfig({ name: 'none', schema: schema as never }),
    (error) => error instanceof LivetreeError && error.code === 'invalid_definition',
  )
}
console.log('ok')
