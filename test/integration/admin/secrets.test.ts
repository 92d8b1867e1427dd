import { createAdmin } from '@livetree/admin'
import { toJsonSchema } from '@livetree/core/tools'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { defineConfig, etcd as etcdSource, keyring, secret } from 'livetree'
import { joinFleet } from 'livetree/fleet'
import { beforeEach, expect, test } from 'vitest'
import * as z from 'zod'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { listOf } from './list-of.ts'

const encrypted = <S extends z.ZodType>(of: S) => secret(of, { encrypted: true })
const schema = z.object({
  mode: z.string().default('on'),
  db: z.object({ password: encrypted(z.string()), port: encrypted(z.number()).optional() }),
  list: encrypted(z.array(z.string())).default([]),
  hosts: z.array(z.object({ name: z.string(), token: encrypted(z.string()) })).default([]),
  users: z.record(z.string(), encrypted(z.string())).default({}),
})
const key = (id: string, byte: number) => ({ id, key: Buffer.alloc(32, byte) })
const OLD = key('k0', 1)
const NEW = key('k1', 2)

withoutOpenHandles()

oneEtcd('admin secrets', (etcd) => {
  let client: EtcdClient
  let endpoint: string

  beforeEach(async () => {
    endpoint = (await etcd.start()).endpoint
    client = createEtcdClient({ endpoints: [endpoint] })
    return () => client.close()
  })

  const definitionOf = (current?: typeof OLD, previous: readonly (typeof OLD)[] = []) =>
    defineConfig({
      name: 'shop',
      schema,
      sources: () => [
        etcdSource({ endpoints: [endpoint], root: '/config/shop', overlays: ['base', 'prod'] }),
      ],
      ...(current !== undefined && { keys: () => keyring({ current, previous }) }),
    })
  const adminOf = (...keys: Parameters<typeof definitionOf>) =>
    createAdmin(definitionOf(...keys), { author: 'ana', maxOperations: 24 })
  const stored = async () => {
    const { entries } = await client.kv.getRange({ prefix: '/' })
    return entries.map((entry) => `${entry.key}=${entry.text}`)
  }
  const noPlainText = async (...texts: string[]) => {
    const all = (await stored()).join('\n')
    for (const text of texts) expect(all).not.toContain(text)
  }

  test('what set writes is encrypted, and load reads it back; the store, records and plans have no plain text', async () => {
    await using admin = adminOf(OLD)
    const plan = await admin
      .change({ overlay: 'base' })
      .set((c) => c.db.password, 'hunter2')
      .set((c) => c.db.port, 5432)
      .set((c) => c.list, ['first-item', 'second-item'])
      .set((c) => c.hosts, [{ name: 'a', token: 'token-a' }])
      .set((c) => c.users, { ana: 'pass-ana' })
      .plan()
    expect(plan.issues).toEqual([])
    expect(JSON.stringify(plan)).not.toMatch(/hunter2|5432|item|token-a|pass-ana/)
    const saved = plan.save.bind(plan)
    const isWhole = plan.changes.every(({ isSecret, encryptedWith }) => !isSecret || encryptedWith === 'k0')
    if (isWhole) expect(JSON.stringify(saved())).not.toMatch(/hunter2|item|token-a|pass-ana/)
    await plan.apply({ message: 'first' })
    await noPlainText('hunter2', '5432', 'first-item', 'token-a', 'pass-ana')
    await using config = await definitionOf(OLD).load({ logger: false })
    expect(config.current).toMatchObject({
      db: { password: 'hunter2', port: 5432 },
      list: ['first-item', 'second-item'],
      hosts: [{ name: 'a', token: 'token-a' }],
      users: { ana: 'pass-ana' },
    })
    // the same again is no change, also inside a document
    expect(
      (
        await admin
          .change({ overlay: 'base' })
          .set((c) => c.db.password, 'hunter2')
          .plan()
      ).isEmpty,
    ).toBe(true)
    expect(
      (
        await admin
          .change({ overlay: 'base' })
          .set((c) => c.hosts, [{ name: 'a', token: 'token-a' }])
          .plan()
      ).isEmpty,
    ).toBe(true)
    // what is not changed in a document keeps its envelope
    const before = (await stored()).find((line) => line.includes('/hosts='))
    await admin.set((c) => c.hosts, [{ name: 'b', token: 'token-a' }], { overlay: 'base' })
    const after = (await stored()).find((line) => line.includes('/hosts='))
    expect(after).toBe(before?.replace('"a"', '"b"'))
    const tree = await admin.read()
    expect(tree.explain('db.password').layers).toMatchObject([{ value: '[secret]', encryptedWith: 'k0' }])
    const texts = (reveal: boolean) => JSON.stringify(tree.entries({ reveal }))
    expect(texts(false)).not.toMatch(/hunter2|token-a/)
    expect(texts(true)).toMatch(/hunter2.*/)
    expect(JSON.stringify(await listOf(admin.history()))).not.toMatch(/hunter2|token-a/)
  })

  test('exports have envelopes, plain text only where it is asked for; both come back the same', async () => {
    await using admin = adminOf(OLD)
    await admin.set((c) => c.db, { password: 'hunter2', port: 1 }, { overlay: 'base' })
    const masked = await admin.export({ overlay: 'base' })
    expect(masked.text).toMatch(/livetree:encrypted:[12]:k0:/)
    expect(masked.text).not.toContain('hunter2')
    const revealed = await admin.export({ overlay: 'base', reveal: true })
    expect(revealed.text).toContain('hunter2')
    for (const { text } of [masked, revealed]) {
      expect((await admin.import(text, { overlay: 'base' })).changes).toEqual([])
      await admin.unset('db', { overlay: 'base', force: true })
      await (await admin.import(text, { overlay: 'base' })).apply()
      expect((await admin.read()).value.db).toEqual({ password: 'hunter2', port: 1 })
      await noPlainText('hunter2')
    }
    const { revision } = await admin.read()
    await admin.set((c) => c.db.password, 'other', { overlay: 'base' })
    expect(await admin.diff({ revision }, 'now')).toMatchObject([
      { pathText: 'db.password', next: '[secret]' },
    ])
    await (await admin.rollback({ to: revision })).apply()
    expect(await admin.diff({ revision }, 'now')).toEqual([])
    expect((await admin.read()).value.db.password).toBe('hunter2')
    // the same text under a fresh nonce, in another layer, is no difference
    await admin.set((c) => c.db, { password: 'hunter2', port: 1 }, { overlay: 'prod' })
    expect(await admin.diff({ overlay: 'base' }, { overlay: 'prod' })).toEqual([])
  })

  test('without keys everything else can be written, and nothing encrypted', async () => {
    await using admin = adminOf(OLD)
    await admin.set((c) => c.db, { password: 'hunter2' }, { overlay: 'base' })
    await using other = adminOf()
    await other.set((c) => c.mode, 'off', { overlay: 'base' })
    await expect(other.set((c) => c.db.password, 'x', { overlay: 'base' })).rejects.toMatchObject({
      code: 'keys_unavailable',
    })
    await expect(other.set('mode', 5, { overlay: 'base' })).rejects.toMatchObject({ code: 'invalid_value' })
    const tree = await other.read()
    expect(tree.isValid).toBe(false)
    expect(tree.issues).toMatchObject([{ code: 'key_missing', pathText: 'db.password' }])
    // a key that is not the one is a problem of the tree
    await using wrong = adminOf(NEW)
    await expect(wrong.set((c) => c.mode, 'on', { overlay: 'base' })).rejects.toMatchObject({
      code: 'invalid_tree',
    })
    expect((await admin.read()).value.mode).toBe('off')
  })

  test('a rotation encrypts everything of earlier keys again, in as many changes as it takes, and goes on where it was cut off', async () => {
    await using before = adminOf(OLD)
    await before.set((c) => c.db.password, 'hunter2', { overlay: 'base' })
    for (let part = 0; part < 4; part++) {
      let change = before.change({ overlay: 'base' })
      for (let index = 0; index < 8; index++)
        change = change.set(`users.u${part}${index}`, `pass-${part}${index}`)
      await (await change.plan()).apply()
    }
    await before.set((c) => c.hosts, [{ name: 'a', token: 'token-a' }], { overlay: 'prod' })
    const value = (await before.read()).value
    await using admin = adminOf(NEW, [OLD])
    expect((await admin.read()).value).toEqual(value)
    const first = await admin.rotateSecrets()
    expect(first.done).toBe(0)
    expect(first.renewed + first.left).toBe(34)
    expect(first.left).toBeGreaterThan(0)
    await first.plan.apply({ message: 'rotate' })
    // another process goes on
    await using again = adminOf(NEW, [OLD])
    let rounds = 0
    for (let part = await again.rotateSecrets(); part.renewed > 0; part = await again.rotateSecrets()) {
      await part.plan.apply()
      rounds++
    }
    expect(rounds).toBeGreaterThan(0)
    const { values, current } = await again.encrypted()
    expect(current).toBe('k1')
    expect(values).toHaveLength(34)
    expect(values.every(({ keyId, isOpen }) => keyId === 'k1' && isOpen)).toBe(true)
    await using fresh = adminOf(NEW)
    expect((await fresh.read()).value).toEqual(value)
    await noPlainText('hunter2', 'pass-', 'token-a')
  })

  test('a value that changes while a rotation is under way is not overwritten; one that no key opens is named and left', async () => {
    await using before = adminOf(OLD)
    await before.set((c) => c.db.password, 'hunter2', { overlay: 'base' })
    await using admin = adminOf(NEW, [OLD])
    const { plan } = await admin.rotateSecrets()
    await before.set((c) => c.db.password, 'newer', { overlay: 'base' })
    await expect(plan.apply()).rejects.toMatchObject({ code: 'conflict' })
    expect((await admin.read()).value.db.password).toBe('newer')
    await using lost = adminOf(NEW)
    expect(await lost.rotateSecrets()).toMatchObject({
      renewed: 0,
      left: 0,
      unopened: [{ pathText: 'db.password', keyId: 'k0' }],
    })
    // One that only names the current key is no better.
    await using namesake = adminOf({ ...OLD, key: Buffer.alloc(32, 77) })
    expect(await namesake.rotateSecrets()).toMatchObject({
      done: 0,
      renewed: 0,
      unopened: [{ pathText: 'db.password', keyId: 'k0' }],
    })
    await using none = adminOf()
    await expect(none.rotateSecrets()).rejects.toMatchObject({ code: 'keys_unavailable' })
  })

  test('plain text that stands where an envelope is asked for is named, and encrypted only when that is said', async () => {
    await using admin = adminOf(OLD)
    const at = (path: string) => `/config/shop/base/${path}`
    await client.kv.put(at('db/password'), 'hunter2')
    await client.kv.put(at('db/port'), '5432')
    await client.kv.put(at('list'), '["first-item"]')
    await client.kv.put(at('hosts'), '[{"name":"a","token":"token-a"},{"name":"b","token":""}]')
    await client.kv.put(at('users/ana'), 'pass-ana')
    await client.kv.put(at('users/bob'), 'livetree:remove')
    const isPlain = [...['db.password', 'db.port', 'hosts.0.token', 'hosts.1.token', 'list', 'users.ana']]
    const pathsOf = (values: readonly { pathText: string }[]) => values.map(({ pathText }) => pathText)
    const { values, plaintext } = await admin.encrypted()
    expect(values).toEqual([])
    expect(pathsOf(plaintext)).toEqual(isPlain)
    const kept = await admin.rotateSecrets()
    expect(kept).toMatchObject({ done: 0, renewed: 0, left: 0 })
    expect(pathsOf(kept.plaintext)).toEqual(isPlain)
    expect(kept.plan.isEmpty).toBe(true)
    const rotation = await admin.rotateSecrets({ plaintext: 'encrypt' })
    expect(rotation).toMatchObject({ done: 0, renewed: 6, left: 0 })
    expect(JSON.stringify(rotation)).not.toMatch(/hunter2|5432|first-item|token-a|pass-ana/)
    await rotation.plan.apply()
    const current = await client.kv.getRange({ prefix: '/config/' })
    expect(current.entries.map(({ text }) => text).join('\n')).not.toMatch(
      /hunter2|5432|first-item|token-a|pass-ana/,
    )
    await using config = await definitionOf(OLD).load({ logger: false })
    expect(config.current).toEqual({
      mode: 'on',
      db: { password: 'hunter2', port: 5432 },
      list: ['first-item'],
      hosts: [
        { name: 'a', token: 'token-a' },
        { name: 'b', token: '' },
      ],
      users: { ana: 'pass-ana' },
    })
    expect(await admin.rotateSecrets({ plaintext: 'encrypt' })).toMatchObject({ done: 6, renewed: 0 })
    await expect(admin.rotateSecrets({ plaintext: 'yes' as 'encrypt' })).rejects.toMatchObject({
      code: 'invalid_options',
    })
  })

  test('who edits something beside it makes no envelope of plain text; who writes it does', async () => {
    await using admin = adminOf(OLD)
    const at = (path: string) => `/config/shop/base/${path}`
    const textOf = async (path: string) => (await client.kv.get(at(path)))?.text
    const documents = [
      '{ "password": "planted", "port": 5432 }',
      '[{"name":"a","token":"planted"}]',
      '["planted"]',
    ]
    await admin.set((c) => c.mode, 'off', { overlay: 'prod', force: true })
    for (const [index, name] of ['db', 'hosts', 'list'].entries())
      await client.kv.put(at(name), documents[index]!)
    const write = (path: string, value: unknown) =>
      admin.set(path, value, { overlay: 'base', force: true, message: 'as a test' })
    await write('db.port', 5433)
    expect(await textOf('db')).toMatch(
      /^\{ "password": "planted", "port": "livetree:encrypted:[12]:k0:[^"]*" \}$/,
    )
    await write('hosts.0.name', 'b')
    expect(await textOf('hosts')).toBe('[{"name":"b","token":"planted"}]')
    await admin.import('mode: on\n', { overlay: 'base' })
    expect(await textOf('list')).toBe('["planted"]')
    await expect(admin.set('mode', 'on', { overlay: 'prod' })).rejects.toMatchObject({
      code: 'invalid_tree',
      issues: expect.arrayContaining([expect.objectContaining({ code: 'not_encrypted' })]),
    })
    // the same text again, on purpose
    await write('db', { password: 'planted', port: 5433 })
    await write('hosts.0.token', 'planted')
    await write('list', ['planted'])
    await noPlainText('livetree:plaintext')
    const { entries } = await client.kv.getRange({ prefix: '/config/' })
    expect(entries.map(({ text }) => text).join()).not.toContain('planted')
    await using config = await definitionOf(OLD).load({ logger: false })
    expect(config.current).toMatchObject({
      db: { password: 'planted', port: 5433 },
      list: ['planted'],
      hosts: [{ name: 'b', token: 'planted' }],
    })
  })

  test('a rotation goes on beside what it cannot mend, and is judged by what it changes', async () => {
    await using before = adminOf(OLD)
    await before.set((c) => c.db.password, 'hunter2', { overlay: 'base' })
    await before.set('users.ana', 'pass-ana', { overlay: 'base' })
    await using other = adminOf(key('k9', 9))
    await other.set('users.lost', 'pass-lost', { overlay: 'base', force: true })
    await client.kv.put('/config/shop/base/users/plain', 'pass-plain')
    for (let index = 0; index < 30; index++)
      await client.kv.put(`/config/shop/prod/users/p${index}`, `pass-${index}`)
    await using admin = adminOf(NEW, [OLD])
    const rotation = await admin.rotateSecrets()
    expect(rotation).toMatchObject({ renewed: 2, left: 0, unopened: [{ pathText: 'users.lost' }] })
    expect(rotation.plan.issues).toEqual([])
    await rotation.plan.apply()
    let rounds = 0
    const next = () => admin.rotateSecrets({ plaintext: 'encrypt' })
    for (let part = await next(); part.renewed > 0; part = await next()) {
      await part.plan.apply()
      rounds++
    }
    expect(rounds).toBeGreaterThan(1)
    expect((await admin.encrypted()).plaintext).toEqual([])
    expect((await admin.read()).issues).toMatchObject([{ code: 'key_missing', pathText: 'users.lost' }])
    await expect(admin.set('mode', 'x', { overlay: 'base' })).rejects.toMatchObject({ code: 'invalid_tree' })
  })

  test.each<[string, Parameters<typeof keyring>[0]]>([
    ['there are previous keys alone', { previous: OLD }],
    ['whoever has the current one gives none', { current: async () => [], previous: OLD }],
  ])('nothing is encrypted with a previous key where %s', async (_name, options) => {
    const keys = () => keyring(options)
    await using writer = adminOf(OLD)
    await writer.set((c) => c.db.password, 'hunter2', { overlay: 'base' })
    const { name, sources } = definitionOf(OLD)
    await using admin = createAdmin(defineConfig({ name, schema, sources, keys }), { author: 'ana' })
    await admin.set('mode', 'off', { overlay: 'base' })
    expect(await admin.encrypted()).toMatchObject({ current: undefined, values: [{ isOpen: true }] })
    const refused = { code: 'keys_unavailable' }
    await expect(admin.set((c) => c.db.password, 'x', { overlay: 'base' })).rejects.toMatchObject(refused)
    await expect(admin.rotateSecrets()).rejects.toMatchObject(refused)
  })

  test('a document whose secrets are encrypted is shown, saved, recorded and proposed as it is', async () => {
    await using admin = adminOf(OLD)
    await admin.set((c) => c.db.password, 'hunter2', { overlay: 'base' })
    const plan = await admin
      .change({ overlay: 'base' })
      .set((c) => c.hosts, [{ name: 'a', token: 'token-a' }])
      .plan()
    expect(plan.changes).toMatchObject([{ pathText: 'hosts', encryptedWith: 'k0' }])
    const saved = plan.save()
    expect(JSON.stringify(saved)).toMatch(/livetree:encrypted:[12]:k0:/)
    await (await admin.openPlan(saved)).apply()
    const { text, omitted } = await admin.export({ overlay: 'base' })
    expect(omitted).toEqual([])
    expect(text).toMatch(/livetree:encrypted:[12]:k0:/)
    const again = await admin.import(text, { overlay: 'base', prune: true })
    expect(again.changes).toEqual([])
    const [newest] = await listOf(admin.history())
    expect(newest?.changes).toMatchObject([{ after: { text: expect.stringContaining('"name"') } }])
    await client.kv.put('/config/shop/base/hosts', '[{"name":"a","token":"planted"}]')
    expect((await admin.export({ overlay: 'base' })).omitted).toEqual(['hosts'])
    expect(
      JSON.stringify([await admin.export({ overlay: 'base' }), await listOf(admin.history())]),
    ).not.toContain('planted')
  })

  test('calls share a reading of the keys, each within its own limits; a failure is not kept', async () => {
    await using writer = adminOf(OLD)
    await writer.set((c) => c.db.password, 'hunter2', { overlay: 'base' })
    let asked = 0
    let answer = async () => [OLD]
    const port = async () => {
      asked++
      return answer()
    }
    const { name, sources } = definitionOf(OLD)
    const keys = () => keyring({ current: port })
    await using admin = createAdmin(defineConfig({ name, schema, sources, keys }), { author: 'ana' })
    const { promise: isAllowed, resolve: allow } = Promise.withResolvers<void>()
    answer = async () => {
      await isAllowed
      return [OLD]
    }
    const impatient = admin.read({ signal: AbortSignal.timeout(200) }).catch(() => undefined)
    const patient = admin.read()
    await impatient
    allow()
    expect((await patient).isValid).toBe(true)
    expect((await admin.read()).isValid).toBe(true)
    expect(asked).toBe(1)
    answer = () => Promise.reject(new Error('away'))
    const ring = keyring({ current: port })
    const again = defineConfig({ name, schema, sources, keys: () => ring })
    await using other = createAdmin(again, { author: 'ana' })
    expect((await other.read()).isValid).toBe(false)
    answer = async () => [OLD]
    expect((await other.read()).isValid).toBe(true)
    // whoever rotates the keys and says so is not told what was before
    answer = async () => [NEW, OLD]
    expect((await other.encrypted()).current).toBe('k0')
    await ring.refresh()
    expect(await other.rotateSecrets()).toMatchObject({ renewed: 1 })
  })

  test('an admin that has the published JSON Schema alone writes what instances read', async () => {
    const optional = z.object({
      passWord: encrypted(z.string()).optional(),
      apiKeys: z.record(z.string(), encrypted(z.string())).default({}),
    })
    const root = '/config/named'
    const definition = defineConfig({
      name: 'named',
      schema: optional,
      naming: 'kebab-case',
      sources: () => [etcdSource({ endpoints: [endpoint], root })],
      keys: () => keyring({ current: OLD }),
    })
    const jsonSchema = toJsonSchema(definition)
    const store = { endpoints: [endpoint], root }
    await using admin = createAdmin({ store, jsonSchema, keys: keyring({ current: OLD }), author: 'ana' })
    await admin.set('passWord', 'hunter2')
    await admin.set('apiKeys.mailHost', 'pass-mail')
    await noPlainText('hunter2', 'pass-mail')
    expect((await client.kv.get(`${root}/pass-word`))?.text).toMatch(/^livetree:encrypted:1:k0:/)
    await using config = await definition.load({ logger: false })
    expect(config.current).toEqual({ passWord: 'hunter2', apiKeys: { mailHost: 'pass-mail' } })
  })

  test('instances judge an encrypted change with their own keys, before it is written', async () => {
    await using admin = adminOf(OLD)
    await admin.set((c) => c.db, { password: 'hunter2' }, { overlay: 'base' })
    await using config = await definitionOf(OLD).load({ logger: false })
    const member = await joinFleet(config, { spreadMs: 0 })
    try {
      await expect.poll(async () => (await admin.instances()).instances.length).toBe(1)
      const good = await admin
        .change({ overlay: 'base' })
        .set((c) => c.db.password, 'next')
        .plan()
      expect(await good.preflight()).toMatchObject({ outcome: 'accepted', hidden: [] })
      // this instance does not have the key
      await using newer = adminOf(NEW, [OLD])
      const early = await newer
        .change({ overlay: 'base' })
        .set((c) => c.db.password, 'next')
        .plan()
      const { outcome, answers } = await early.preflight()
      expect(outcome).toBe('rejected')
      expect(answers[0]?.issues).toMatchObject([{ code: 'key_missing' }])
      await noPlainText('hunter2', 'next')
    } finally {
      await member.leave()
    }
  })
})
