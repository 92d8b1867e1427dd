import { defineConfig, file } from '@livetree/core'
import { etcd } from 'livetree'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { createAdmin } from './admin.ts'
import { AdminError } from './errors.ts'

const definition = defineConfig({ name: 'shop', schema: z.object({ a: z.number() }) })
const store = { endpoints: 'http://127.0.0.1:1', root: '/config/shop', overlays: ['base', 'prod'] }

test.each<[string, () => unknown, RegExp]>([
  ['nothing', () => createAdmin(undefined as never), /needs a definition/],
  ['no store', () => createAdmin(definition), /has none.*store: \{ endpoints, root \}/],
  ['sources without etcd', () => createAdmin(definition, { sources: [file('a.yaml')] }), /there is none/],
  [
    'two stores',
    () => createAdmin(definition, { sources: [etcd(store), etcd({ ...store, name: 'b' })] }),
    /found 2/,
  ],
  ['store and sources', () => createAdmin(definition, { store, sources: [etcd(store)] }), /both/],
  [
    'a misspelt option',
    () => createAdmin(definition, { store, autor: 'ana' } as never),
    /Did you mean "author"/,
  ],
  ['an empty author', () => createAdmin(definition, { store, author: '' }), /author/],
  ['a limit of 0', () => createAdmin(definition, { store, historyLimit: 0 }), /historyLimit = 0/],
  ['no JSON Schema', () => createAdmin({ store, jsonSchema: { type: 'nonsense' } }), /JSON Schema/],
  ['a JSON Schema as text', () => createAdmin({ store, jsonSchema: '{}' as never }), /jsonSchema/],
  ['a list for a JSON Schema', () => createAdmin({ store, jsonSchema: [] as never }), /jsonSchema/],
  ['a number for a name', () => createAdmin({ store, name: 5 as never }), /name/],
  ...['/config/shop/base', '/config/shop/base/ops/', '/config/shop', '/config'].map(
    (operationsPrefix): [string, () => unknown, RegExp] => [
      `records that share keys with a layer, in ${operationsPrefix}`,
      () => createAdmin(definition, { store, operationsPrefix }),
      /operationsPrefix = .*shares keys with the layer \/config\/shop\/(?:base|prod).*beside all layers/,
    ],
  ),
  [
    'options in two places',
    () => createAdmin({ store } as never, { author: 'ana' }),
    /all options in its first argument/,
  ],
])('createAdmin: refuses %s, and says what to do', (_what, make, message) => {
  expect(make).toThrow(AdminError)
  expect(make).toThrow(message)
  expect(make).toThrow(/^\[invalid_options\]/)
})

test('createAdmin: takes a directory for records beside the layers', () => {
  for (const operationsPrefix of ['/config/shop/bas', '/config/shop/base-ops', '/ops/'])
    expect(() => createAdmin(definition, { store, operationsPrefix })).not.toThrow()
})

test('change: refuses a layer that is not there, or that is not named, with those there are', async () => {
  await using admin = createAdmin(definition, { store })
  expect(() => admin.change()).toThrow(/names no layer.*\/config\/shop\/base, \/config\/shop\/prod/)
  expect(() => admin.change({ overlay: 'pro' })).toThrow(/no layer pro.*\/config\/shop\/prod/)
  expect(() => admin.change({ overlay: 'prod', layer: '/config/shop/prod' })).toThrow(/Both/)
  expect(() => admin.change({ overlay: 5 } as never)).toThrow(/overlay/)
  expect(() => admin.change({ layer: '/config/shop/prod/' })).not.toThrow()
  await expect(admin.set('a', 1, null as never)).rejects.toThrow(/invalid_options/)
  await expect(admin.rollback(undefined as never)).rejects.toThrow(/invalid_options/)
  await expect(admin.diff(undefined as never, 'now')).rejects.toThrow(/invalid_options/)
  await expect(admin.openPlan(null as never)).rejects.toThrow(/unreadable/)
  await expect(admin.find('../x')).rejects.toThrow(/invalid_options/)
})

test('close: later calls say so, and a second one does nothing', async () => {
  const admin = createAdmin(definition, { store })
  await admin.close()
  await admin.close()
  await expect(admin.read()).rejects.toMatchObject({ code: 'closed' })
})

test('a store that cannot be reached is said with its endpoint, within the time', async () => {
  await using admin = createAdmin(definition, { store, timeoutMs: 2_000 })
  await expect(admin.read()).rejects.toMatchObject({
    code: expect.stringMatching(/store_unavailable|timeout/),
    message: expect.stringContaining('127.0.0.1:1'),
  })
})

test('change: refuses to plan nothing where the result of each step was dropped', async () => {
  await using admin = createAdmin(definition, { store })
  const change = admin.change({ overlay: 'prod' })
  change.set('a', 1)
  await expect(change.plan()).rejects.toThrow(/^\[invalid_options\].*without a step.*Chain the calls/s)
})
