import { inspect } from 'node:util'
import { createAdmin } from '@livetree/admin'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { defineConfig, secret } from 'livetree'
import { beforeEach, describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import * as z from 'zod'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { appsettings, redisCommander, spring, traefik } from './settings-of-others.ts'

withoutOpenHandles()

oneEtcd('admin import and export', (etcd) => {
  let client: EtcdClient
  let endpoint: string

  beforeEach(async () => {
    const server = await etcd.emptied()
    endpoint = server.endpoint
    client = createEtcdClient({ endpoints: [endpoint] })
    return () => client.close()
  })

  const untyped = (overlays: readonly string[]) =>
    createAdmin({ author: 'ana', store: { endpoints: [endpoint], root: '/config/other', overlays } })

  describe('without a definition, a settings file of another program goes in and comes back equal, and does not differ', () => {
    test.each([
      ['a dynamic configuration of Traefik', traefik],
      ['an appsettings.json with sections', appsettings],
      ['a default.json of redis-commander', redisCommander],
    ])('%s', async (_name, text) => {
      await using admin = untyped(['base'])
      const plan = await admin.import(text, { overlay: 'base' })
      expect(plan.issues).toEqual([])
      await plan.apply({ message: 'seed' })
      const { text: yaml, omitted } = await admin.export({ overlay: 'base' })
      expect(omitted).toEqual([])
      expect(parse(yaml)).toEqual(parse(text))
      const { text: json } = await admin.export({ format: 'json' })
      expect(JSON.parse(json)).toEqual(parse(text))
      expect(await admin.diff({ overlay: 'base' }, { text })).toEqual([])
      expect((await admin.import(yaml, { overlay: 'base', prune: true })).isEmpty).toBe(true)
    })

    test.each([
      ['in the key of the layer', 'base', { db: { pool: { max: 5, min: 1 }, url: 'x' }, n: 1 }],
      ['in a key', 'base/db', { pool: { max: 5, min: 1 }, url: 'x' }],
    ])(
      'objects inside a document %s are joined with those of the text; prune removes what it has not',
      async (_place, name, stored) => {
        await using admin = untyped(['base'])
        const key = `/config/other/${name}`
        await client.kv.put(key, JSON.stringify(stored, undefined, 2))
        const text = 'db: { pool: { max: 7, step: 2 }, empty: {} }'
        await (await admin.import(text, { overlay: 'base' })).apply()
        const joined = { pool: { max: 7, min: 1, step: 2 }, url: 'x', empty: {} }
        const isTop = name === 'base'
        expect(JSON.parse((await client.kv.get(key))?.text ?? '')).toEqual(
          isTop ? { db: joined, n: 1 } : joined,
        )
        await (await admin.import('db: { pool: {} }', { overlay: 'base' })).apply()
        expect(JSON.parse((await client.kv.get(key))?.text ?? '')).toEqual(
          isTop ? { db: joined, n: 1 } : joined,
        )
        const plan = await admin.import(text, { overlay: 'base', prune: true })
        await plan.apply({ allowRemoval: true })
        const pruned = { pool: { max: 7, step: 2 }, empty: {} }
        expect(JSON.parse((await client.kv.get(key))?.text ?? '')).toEqual(isTop ? { db: pruned } : pruned)
        expect((await client.kv.getRange({ prefix: '/config/' })).entries.map((entry) => entry.key)).toEqual([
          key,
        ])
        expect((await admin.import(text, { overlay: 'base', prune: true })).isEmpty).toBe(true)
      },
    )

    test('merge keys of YAML are merged, as a file source merges them; in quotes they are a name', async () => {
      await using admin = untyped(['base'])
      const merged = [
        'first: &first { a: 1, b: { c: 2 } }',
        'second: &second { a: 9, d: 3 }',
        'one: { <<: *first, a: 5 }',
        'both: { x: 0, <<: [*first, *second] }',
        'own: { a: 7, <<: *first }',
        'name: { "<<": 8 }',
      ].join('\n')
      const expected = {
        first: { a: 1, b: { c: 2 } },
        second: { a: 9, d: 3 },
        one: { a: 5, b: { c: 2 } },
        both: { x: 0, a: 1, b: { c: 2 }, d: 3 },
        own: { a: 7, b: { c: 2 } },
        name: { '<<': 8 },
      }
      await (await admin.import(merged, { overlay: 'base' })).apply()
      for (const format of ['yaml', 'json'] as const) {
        const { text } = await admin.export({ overlay: 'base', format })
        expect(parse(text)).toEqual(expected)
        expect((await admin.import(text, { overlay: 'base', prune: true })).isEmpty).toBe(true)
      }
      await expect(admin.import('a: { <<: 5 }', { overlay: 'base' })).rejects.toMatchObject({
        code: 'unreadable',
        message: expect.stringContaining('merge key'),
      })
    })

    test('an application.yml of Spring with a profile in each document', async () => {
      await using admin = untyped(['base', 'prod'])
      await expect(admin.import(spring, { overlay: 'base' })).rejects.toMatchObject({
        code: 'unreadable',
        message: expect.stringContaining('2 documents: choose one by its number, `document`, from 1 to 2'),
      })
      for (const [document, overlay] of ['base', 'prod'].entries()) {
        const plan = await admin.import(spring, { overlay, document: document + 1 })
        await plan.apply()
      }
      for (const [document, overlay] of ['base', 'prod'].entries()) {
        const { text } = await admin.export({ overlay })
        expect(parse(text)).toEqual(parseAllDocuments(spring)[document]?.toJS())
      }
    })
  })

  describe('with a definition', () => {
    const schema = z.object({
      startAt: z.date(),
      size: z.number(),
      big: z.bigint(),
      isOn: z.boolean(),
      note: z.string().nullable(),
      token: secret(z.string()).optional(),
      hosts: z.array(z.object({ hostName: z.string(), port: z.number() })),
      limits: z.record(z.string(), z.number()),
      any: z.json().optional(),
      zip: z.string(),
    })
    const definition = defineConfig({ name: 'shop', schema, naming: 'kebab-case' })
    const typed = () =>
      createAdmin(definition, { store: { endpoints: [endpoint], root: '/config/shop', overlays: ['base'] } })
    const text = [
      'start-at: 2026-11-28T10:00:00.000Z',
      'size: 0.5',
      'big: 123456789012345678901',
      'is-on: true',
      'note: null',
      'hosts: [{ host-name: a, port: 1 }, { host-name: b, port: 2 }]',
      'limits: { a/b: 1, "%": 2 }',
      'any: { deep: [1, "2", null] }',
      'zip: "01234"',
    ].join('\n')
    const value = {
      startAt: new Date('2026-11-28T10:00:00.000Z'),
      size: 0.5,
      big: 123456789012345678901n,
      isOn: true,
      note: null,
      hosts: [
        { hostName: 'a', port: 1 },
        { hostName: 'b', port: 2 },
      ],
      limits: { 'a/b': 1, '%': 2 },
      any: { deep: [1, '2', null] },
      zip: '01234',
    }

    test.each(['yaml', 'json', 'dotenv', 'etcdctl'] as const)(
      'a text is read as the schema says, and what is exported as %s is the same tree again',
      async (format) => {
        await using admin = typed()
        // No variable has such a name.
        const given =
          format === 'dotenv' ? text.replace(/a\/b|"%"/g, (name) => (name === 'a/b' ? 'ab' : 'c')) : text
        const plan = await admin.import(given, { overlay: 'base' })
        await plan.apply()
        const written = (await admin.read()).value
        expect(written).toEqual(format === 'dotenv' ? { ...value, limits: { ab: 1, c: 2 } } : value)
        const before = await client.kv.getRange({ prefix: '/config/shop/' })
        const { text: exported } = await admin.export({ format, overlay: 'base' })
        await client.kv.deleteRange({ prefix: '/config/shop/' })
        const again = await admin.import(exported, { format, overlay: 'base' })
        await again.apply()
        expect((await admin.read()).value).toEqual(written)
        const after = await client.kv.getRange({ prefix: '/config/shop/' })
        expect(after.entries.map(({ key }) => key)).toEqual(before.entries.map(({ key }) => key))
      },
    )

    test('diff: names differences as the schema does, whatever the naming, and hides secrets', async () => {
      await using admin = typed()
      const plan = await admin.import(`${text}\ntoken: hunter2`, { overlay: 'base' })
      await plan.apply()
      const other = `${text.replace('is-on: true', 'is-on: false').replace('host-name: b', 'host-name: c')}\ntoken: other`
      expect(await admin.diff({ overlay: 'base' }, { text: other })).toMatchObject([
        { pathText: 'hosts.1.hostName', previous: 'b', next: 'c' },
        { pathText: 'isOn', previous: true, next: false },
        { pathText: 'token', previous: '[secret]', next: '[secret]' },
      ])
    })

    test('promote: a layer gets place by place what another environment has, digit for digit, and loses what that lacks', async () => {
      await using staging = createAdmin(definition, {
        store: { endpoints: [endpoint], root: '/config/staging', overlays: ['base'] },
      })
      await (await staging.import(`${text}\ntoken: hunter2`, { overlay: 'base' })).apply()
      const { text: from } = await staging.export({ format: 'json', overlay: 'base', reveal: true })
      await using admin = typed()
      await client.kv.put('/config/shop/base/limits/gone', '5')
      await client.kv.put('/config/shop/base/hosts', '[{"host-name":"old","port":9,"more":1}]')
      const places = ['startAt', 'size', 'big', 'isOn', 'note', 'token', 'hosts', 'any', 'zip']
      const records = ['a/b', '%', 'gone'].map((name) => ['limits', name])
      const options = { from: { text: from }, overlay: 'base', only: [...places, ...records] }
      const plan = await admin.promote(options)
      expect(plan.issues).toEqual([])
      expect(plan.removes.map(({ pathText }) => pathText)).toEqual(['limits.gone'])
      expect(JSON.stringify(plan)).not.toContain('hunter2')
      await plan.apply()
      expect((await admin.read()).value).toEqual({ ...value, token: 'hunter2' })
      expect(await admin.diff({ overlay: 'base' }, { text: from })).toEqual([])
      expect((await admin.promote({ ...options, only: ['hosts', 'big'] })).isEmpty).toBe(true)
      await expect(admin.promote({ ...options, only: ['limits.gone'] })).rejects.toThrow('[not_found]')
      await expect(admin.promote({ ...options, only: [[]] })).rejects.toThrow('[invalid_path]')
      // Items that go are those that were named, in whatever order, and not those that take their places.
      const items = [9, 8, 7, 6].map((port) => ({ 'host-name': `h${port}`, port }))
      for (const only of [
        ['hosts.1', 'hosts.2'],
        ['hosts.3', 'hosts.0', 'hosts.1'],
      ]) {
        await client.kv.put('/config/shop/base/hosts', JSON.stringify(items))
        const kept = items.filter((_, index) => !only.includes(`hosts.${index}`))
        const fewer = await admin.promote({ from: { text: '{"hosts":[]}' }, overlay: 'base', only })
        expect(fewer.changes.map(({ after }) => after?.text)).toEqual([JSON.stringify(kept)])
      }
    })

    test('leaves secrets out unless they are asked for, and names them', async () => {
      await using admin = typed()
      const plan = await admin.import(`${text}\ntoken: hunter2`, { overlay: 'base' })
      expect(JSON.stringify(plan)).not.toContain('hunter2')
      await plan.apply()
      expect(await admin.export()).toMatchObject({
        omitted: ['token'],
        text: expect.not.stringContaining('hunter2'),
      })
      const revealed = await admin.export({ reveal: true, format: 'json' })
      expect(JSON.parse(revealed.text)).toMatchObject({ token: 'hunter2' })
      const pruned = await admin.import(text, { overlay: 'base', prune: true })
      expect(pruned.removes.map(({ pathText }) => pathText)).toEqual(['token'])
    })

    test.each<[format: 'yaml' | 'json' | 'dotenv' | 'etcdctl', text: string, variablePrefix?: string]>([
      ['yaml', '# nothing\n'],
      ['dotenv', '# nothing\n'],
      ['dotenv', 'APP_TOKEN=hunter2\n', 'APL_'],
      ['etcdctl', '\n'],
    ])(
      'a %s text that gives nothing, %j, does not empty the layer',
      async (format, nothing, variablePrefix) => {
        await using admin = typed()
        await (await admin.import(text, { overlay: 'base' })).apply()
        const options = { overlay: 'base', format, ...(variablePrefix !== undefined && { variablePrefix }) }
        await expect(admin.import(nothing, { ...options, prune: true })).rejects.toMatchObject({
          code: 'unreadable',
        })
        const emptied = await admin.import('{}', { overlay: 'base', prune: true })
        expect(emptied.removes.length).toBeGreaterThan(0)
      },
    )

    test.each([
      ['no YAML', ': [', 'unreadable'],
      ['a scalar', '5', 'unreadable'],
      ['a list', '[1]', 'unreadable'],
      ['another type', 'note: null\nsize: null', 'invalid_value'],
      [
        'an alias bomb',
        `a: &a [1,1,1,1,1,1,1,1,1,1]\n${[...'bcdefghi'].map((n, i) => `${n}: &${n} [${Array(10).fill(`*${'abcdefghi'[i]}`).join(',')}]`).join('\n')}`,
        'unreadable',
      ],
      ['a name that is not written by naming', 'startAt: 2026-11-28', 'invalid_path'],
    ])('refuses %s and writes nothing', async (_name, bad, code) => {
      await using admin = typed()
      await expect(admin.import(bad, { overlay: 'base' })).rejects.toMatchObject({ code })
    })

    test.each<[format: 'yaml' | 'json' | 'dotenv' | 'etcdctl', text: string]>([
      ['yaml', 'token: !!binary aHVudGVyMg=='],
      ['yaml', 'token: !hunter2 x'],
      ['yaml', 'token: !<tag:hunter2> x'],
      ['yaml', 'token: *hunter2'],
      ['yaml', 'token: "hunter2'],
      ['yaml', 'token: hunter2: x'],
      ['yaml', "token: 'hunter2' hunter2"],
      ['yaml', '{token: hunter2'],
      ['yaml', 'token: [hunter2\n}'],
      ['yaml', 'token: |hunter2\n  x'],
      ['yaml', '%hunter2 1\n---\ntoken: x'],
      ['yaml', '%YAML hunter2\n---\ntoken: x'],
      ['yaml', '%TAG !hunter2! tag:hunter2,2000:\n---\ntoken: !hunter2!x y'],
      ['yaml', '&hunter2 &hunter2 token: x'],
      ['yaml', 'hunter2: 1\nhunter2: 2'],
      ['yaml', 'token: .inf # hunter2'],
      ['yaml', '\thunter2: @hunter2'],
      ['yaml', 'token: "\\hunter2"'],
      ['yaml', 'a: &a {x: 1}\nb: {<<: hunter2}'],
      ['yaml', 'hunter2'],
      ['yaml', '[hunter2]'],
      ['yaml', '? [hunter2]\n: x'],
      ['json', '{"token":"hunter2",}'],
      ['json', '{"token": hunter2 hunter2}'],
      ['etcdctl', '{"kvs": hunter2}'],
      ['etcdctl', 'hunter2'],
      ['etcdctl', '{"kvs":[{"key":"hunter2!","value":"hunter2!"}]}'],
    ])('no error of a %s text quotes it: %j', async (format, bad) => {
      await using admin = typed()
      const planned = await admin.import(bad, { format, overlay: 'base' }).catch((error: unknown) => error)
      expect(inspect(planned, { depth: 9, showHidden: true })).not.toContain('hunter2')
    })

    test('a tree that is not whole is refused with every path, and applied with force, which is recorded', async () => {
      await using admin = typed()
      const plan = await admin.import('size: 1', { overlay: 'base' })
      expect(plan.issues.map(({ pathText }) => pathText)).toContain('zip')
      await expect(plan.apply()).rejects.toMatchObject({ code: 'invalid_tree' })
      const { id } = await plan.apply({ force: true })
      expect(await admin.find(id ?? '')).toMatchObject({ isForced: true, kind: 'import' })
    })
  })
})
