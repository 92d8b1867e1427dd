import { type Admin, createAdmin, type ExportOptions, type ImportOptions } from '@livetree/admin'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { defineConfig, etcd as etcdSource, secret } from 'livetree'
import { beforeEach, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import * as z from 'zod'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'

withoutOpenHandles()

const part = z.object({
  maxSize: z.number().default(1),
  big: z.bigint().default(0n),
  isOn: z.boolean().default(false),
  at: z.date().optional(),
  note: z.string().nullable().default(''),
  either: z.union([z.number(), z.string()]).optional(),
  tags: z.array(z.string()).default([]),
  sizes: z.array(z.number()).default([]),
  any: z.json().optional(),
  names: z.record(z.string(), z.string()).default({}),
  // What the schema makes of a text is not what a file holds.
  nan: z.nan().optional(),
  when: z.coerce.date().optional(),
  flags: z.array(z.stringbool({ truthy: ['ja'], falsy: ['nein'] })).optional(),
  token: secret(z.string()).optional(),
  pin: secret(z.number()).optional(),
})
const schema = z.object({
  httpPool: part.prefault({}),
  other: part.prefault({}),
  list: z.array(z.number()).default([]),
  deep: z.object({ down: part.prefault({}) }).prefault({}),
  n: z.number().default(0),
})

/** What a part holds, by the names of `kebab-case`, in forms that people and other tools write. */
const TEXTS: Readonly<Record<string, string>> = {
  'max-size': '1.10',
  big: '123456789012345678901234567890',
  'is-on': 'yes',
  at: '2026-11-28',
  note: 'null',
  either: '"5"',
  'tags/0': 'a',
  'tags/1': '1',
  sizes: '[1.0, 2 ,3e2]',
  any: '{ "2": 12345678901234567890, "1": [ 1.50, "x", null ] }',
  nan: 'NaN',
  when: '1970-01-01T00:00:00.000Z',
  flags: '["nein","ja"]',
  'names/7': '007',
  'names/a': ' x ',
  'names/b': 'true',
  token: 'hunter2',
  pin: '0123',
}
const OTHER_WRITING: Readonly<Record<string, string>> = {
  'max-size': '+5',
  'is-on': 'OFF',
  either: '5',
  tags: '[ "a", "b" ]',
  'sizes/0': '1.0',
  any: '1E400',
  note: '',
}
const UNTYPED: Readonly<Record<string, string>> = {
  a: '1.10',
  b: '1E400',
  c: '123456789012345678901234567890',
  d: ' 5 ',
  e: '{ "x": 1.10, "1": 1, "0": "é" }',
  f: '"quoted"',
  g: '-0',
  '<<': '1',
  'm/<<': '{ "<<": { "a": 1 } }',
  h: '[ ]',
  i: '{}',
  'j/k': 'null',
  'j/10': 'true',
  'j/9': '1.7976931348623157e+309',
}

oneEtcd('admin, an import of what was exported', (etcd) => {
  let client: EtcdClient
  let endpoint: string

  beforeEach(async () => {
    const server = await etcd.emptied()
    endpoint = server.endpoint
    client = createEtcdClient({ endpoints: [endpoint] })
    return () => client.close()
  })

  async function putAll(directory: string, texts: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, text] of Object.entries(texts)) await client.kv.put(directory + name, text)
  }

  async function expectSame(admin: Admin<unknown>, given: ExportOptions & ImportOptions): Promise<void> {
    const { text } = await admin.export({ ...given, reveal: true })
    for (const prune of [false, true]) {
      const plan = await admin.import(text, { ...given, prune })
      const changes = plan.changes.map(({ key, before, after }) => [key, before?.text, after?.text])
      expect(changes, text).toEqual([])
    }
    const { overlay, layer, format } = given
    if (format !== 'dotenv' && format !== 'etcdctl')
      expect(await admin.diff({ overlay, layer }, { text })).toEqual([])
  }

  const mounts = {
    'at the top': { at: undefined, below: 'http-pool/' },
    'at one place': { at: 'httpPool', below: '' },
    'at two places': { at: ['httpPool', 'other'], below: '' },
    'deeper down': { at: 'deep.down', below: '' },
  } as const

  describe.each(Object.entries(mounts))('of a layer that is mounted %s', (_name, { at, below }) => {
    const typed = () =>
      createAdmin(
        defineConfig({
          name: 'x',
          schema,
          naming: 'kebab-case',
          guard: false,
          sources: () => [
            etcdSource({
              endpoints: [endpoint],
              layers: [{ prefix: '/sh/pool', ...(at !== undefined && { at }) }, { prefix: '/app/x' }],
            }),
          ],
        }),
      )

    test.each([
      ['yaml', TEXTS],
      ['yaml', OTHER_WRITING],
      ['json', TEXTS],
      ['json', OTHER_WRITING],
      ['dotenv', TEXTS],
      ['dotenv', OTHER_WRITING],
      ['etcdctl', TEXTS],
    ] as const)('as %s changes nothing', async (format, texts) => {
      await using admin = typed()
      await putAll(`/sh/pool/${below}`, texts)
      await putAll('/app/x/', { n: '1' })
      await expectSame(admin, { layer: '/sh/pool', format })
      await expectSame(admin, { layer: '/app/x', format })
    })

    test.each(['yaml', 'json', 'etcdctl'] as const)('that is one document, as %s', async (format) => {
      await using admin = typed()
      const document = '{ "max-size": 1.10, "tags": [ "a" ], "any": { "1": 1E400, "0": 0 } }'
      await client.kv.put('/sh/pool', below === '' ? document : `{"http-pool":${document}}`)
      await expectSame(admin, { layer: '/sh/pool', format })
    })
  })

  test.each(['yaml', 'json'] as const)('of a layer that is a list, as %s', async (format) => {
    const layers = [{ prefix: '/sh/list', at: 'list' }, { prefix: '/app/x' }]
    await using admin = createAdmin(defineConfig({ name: 'x', schema, guard: false }), {
      store: { endpoints: [endpoint], layers },
    })
    await putAll('/sh/list/', { 0: '1.50', 1: '2', 10: '3' })
    await client.kv.delete('/sh/list/10')
    await expectSame(admin, { layer: '/sh/list', format })
  })

  test.each(['yaml', 'json', 'dotenv', 'etcdctl'] as const)(
    'of lists with a key for each part, as %s',
    async (format) => {
      const lists = z.object({
        hosts: z.array(z.object({ name: z.string(), ports: z.array(z.number()) })),
        rows: z.array(z.array(z.nan())),
      })
      await using admin = createAdmin(defineConfig({ name: 'x', schema: lists, guard: false }), {
        store: { endpoints: [endpoint], root: '/config/lists' },
      })
      await putAll('/config/lists/', {
        'hosts/0/name': 'a',
        'hosts/0/ports/0': '1.0',
        'hosts/1/name': 'b',
        'hosts/1/ports': '[2]',
        'rows/0/0': 'NaN',
      })
      await expectSame(admin, { layer: '/config/lists', format })
      if (format !== 'yaml') return
      const { text } = await admin.export({ layer: '/config/lists' })
      expect(parse(text)).toMatchObject({ hosts: [{ name: 'a' }, { name: 'b' }], rows: [['NaN']] })
    },
  )

  test.each(['yaml', 'json', 'dotenv'] as const)(
    'as %s, is refused where a key and keys below it hold something, or the key of the layer a list',
    async (format) => {
      await using admin = createAdmin({
        store: { endpoints: [endpoint], root: '/config/other', overlays: ['base'] },
      })
      const refusal = (words: string) => ({
        code: 'unwritable_value',
        message: expect.stringContaining(words),
      })
      await putAll('/config/other/base/', { a: 'x', 'a/b': '1' })
      await expect(admin.export({ overlay: 'base', format })).rejects.toMatchObject(
        refusal('The key /config/other/base/a holds a value, and so does /config/other/base/a/b below it'),
      )
      await expectSame(admin, { overlay: 'base', format: 'etcdctl' })
      await client.kv.deleteRange({ prefix: '/config/other/' })
      await client.kv.put('/config/other/base', '[1]')
      if (format !== 'dotenv')
        await expect(admin.export({ overlay: 'base', format })).rejects.toMatchObject(
          refusal('holds a list in its own key'),
        )
      await expectSame(admin, { overlay: 'base', format: 'etcdctl' })
    },
  )

  test('names that are empty, and what the schema does not describe, go into a document, with what keys hold', async () => {
    const loose = z.object({
      packages: z.looseObject({ name: z.string() }),
      meta: z.record(z.string(), z.unknown()),
    })
    await using admin = createAdmin(defineConfig({ name: 'x', schema: loose, guard: false }), {
      store: { endpoints: [endpoint], root: '/config/loose' },
    })
    await putAll('/config/loose/', { 'packages/name': 'shop', 'meta/text': '{"a": 1}' })
    await expectSame(admin, { layer: '/config/loose', format: 'yaml' })
    const text = 'packages: { "": { version: 1 } }\nmeta: { count: 5, list: [1] }'
    await (await admin.import(text, { layer: '/config/loose' })).apply()
    expect((await admin.read()).value).toEqual({
      packages: { name: 'shop', '': { version: 1 } },
      meta: { text: '{"a": 1}', count: 5, list: [1] },
    })
    for (const format of ['yaml', 'json', 'dotenv', 'etcdctl'] as const)
      await expectSame(admin, { layer: '/config/loose', format })
    await expect(admin.import('"": 1', { layer: '/config/loose' })).rejects.toMatchObject({
      code: 'unwritable_value',
    })
  })

  test.each(['yaml', 'json'] as const)('without a schema, as %s: digit for digit', async (format) => {
    await using admin = createAdmin({ store: { endpoints: [endpoint], root: '/config/other' } })
    await putAll('/config/other/', UNTYPED)
    await expectSame(admin, { layer: '/config/other', format })
    const { text } = await admin.export({ format })
    for (const digits of ['1.10', '1E400', '123456789012345678901234567890', '1.7976931348623157e+309'])
      expect(text).toMatch(new RegExp(`[:\\s]${digits.replaceAll(/[.+]/g, '\\$&')}[,\\s]`))
  })

  test('what is no text, or no path, is left out of a file and named', async () => {
    const bytes = Buffer.of(0xff, 0xfe)
    await putAll('/config/other/', { a: '1', 'b/': '', 'c%zz': '2', '.livetree/allow-removal': 'yes' })
    await client.kv.put('/config/other/raw', bytes)
    await client.kv.put(Buffer.concat([Buffer.from('/config/other/d'), bytes]), '3')
    const left = ['/config/other/c%zz', '/config/other/d\\xFF\\xFE', '/config/other/raw']
    await using admin = createAdmin({ store: { endpoints: [endpoint], root: '/config/other' } })
    const loose = z.looseObject({ a: z.number() })
    const sources = () => [etcdSource({ endpoints: [endpoint], root: '/config/other' })]
    await using typed = createAdmin(defineConfig({ name: 'x', schema: loose, sources }))
    for (const exported of [
      await admin.export({ format: 'json' }),
      await admin.export({ format: 'json', layer: '/config/other' }),
      await typed.export({ format: 'json', layer: '/config/other', reveal: true }),
      await admin.export({ format: 'etcdctl', layer: '/config/other' }),
    ]) {
      expect(exported.unreadable.toSorted()).toEqual(left)
      expect(exported.text).not.toMatch(/raw|\ufffd|c%zz/)
    }
    expect((await typed.export({ format: 'json', layer: '/config/other' })).text).toBe('{\n  "a": 1\n}\n')
  })
})
