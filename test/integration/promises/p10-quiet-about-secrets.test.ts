import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { defineConfig, etcd as etcdSource, secret } from 'livetree'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { eachEtcd } from '../../support/each-etcd.ts'
import { GOOD_TREE, useShop } from './shop.ts'

const OLD = 'postgres://shop:hunter2-secret@db/shop'
const NEW = 'postgres://shop:swordfish-secret@db/shop'
const BAD = 'not a url: opensesame-secret'

eachEtcd('P10 quiet about secrets', (etcd) => {
  const shop = useShop(etcd)

  test('no secret in JSON, inspect, events, errors, logs, explain or an unencrypted snapshot', async () => {
    await shop.write({ ...GOOD_TREE, 'db/url': OLD })
    const path = join(tmpdir(), `livetree-p10-${process.pid}-${shop.root.replaceAll('/', '-')}.snapshot`)
    const output: string[] = []
    const record = (...what: unknown[]) => {
      for (const one of what) output.push(inspect(one, { depth: 20 }), JSON.stringify(one) ?? '')
    }
    const logger = { debug: record, info: record, warn: record, error: record }
    const config = await shop.load({ logger, snapshot: { path, intervalMs: 0 } })
    const names = ['ready', 'change', 'rejected', 'unused', 'stale', 'live', 'error'] as const
    for (const name of names) config.on(name, (event: unknown) => record(event))
    config.watch(
      (value) => value.db,
      (next, previous, change) => {
        record(next, previous, change)
        throw new Error(`a listener that fails`)
      },
    )
    expect(config.current.db.url).toBe(OLD)

    await shop.write({ 'db/url': NEW, 'db/ulr': NEW.replace('swordfish-', 'typo-') })
    await config.refresh()
    expect(config.current.db.url).toBe(NEW)
    await shop.write({ 'db/url': BAD })
    await config.refresh()
    expect(config.status.rejected).toBeDefined()
    record(
      config,
      config.current,
      config.status,
      config.snapshot(),
      config.explain('db.url'),
      config.explain('db'),
    )
    record(await shop.load().catch((error: Error) => [error, error.message, error.stack]))
    await config.close()
    output.push(readFileSync(path, 'utf8'))
    rmSync(path)

    const all = output.join('\n')
    expect(all).toContain('[secret]')
    for (const secret of ['hunter2-secret', 'swordfish-secret', 'opensesame-secret'])
      expect(all).not.toContain(secret)
    // the mistyped name is reported by its key, without the value
    expect(all).toContain('db/ulr')
    expect(all).not.toContain('typo-secret')
  })

  test('nor what the schema makes of one: in messages, paths, codes, thrown errors, values and names', async () => {
    const forms: ((text: string) => string)[] = [
      (text) => text,
      (text) => text.toUpperCase(),
      encodeURIComponent,
      (text) => Buffer.from(text).toString('base64'),
      (text) => text.slice(0, 4),
    ]
    const login = z.object({ user: z.string(), password: secret(z.string()) })
    const definition = defineConfig({
      name: 'made',
      schema: z.object({
        said: login.superRefine(({ password }, context) => {
          for (const form of forms) {
            const text = form(password)
            context.addIssue({ code: 'custom', message: `${text} is weak`, path: ['user'] })
            context.addIssue({ code: 'custom', message: 'weak', path: [text] })
            context.addIssue({ code: text as 'custom', message: 'weak' })
          }
        }),
        parsed: secret(z.string()).transform((text) => JSON.parse(text) as unknown),
        keyed: login.transform(({ password }) => ({ [password]: forms.map((form) => form(password)) })),
        byName: z.record(z.string(), secret(z.string())),
      }),
    })
    const output: string[] = []
    const record = (...what: unknown[]) => {
      for (const one of what) output.push(inspect(one, { depth: 20 }), JSON.stringify(one) ?? '')
    }
    const logger = { debug: record, info: record, warn: record, error: record }
    await shop.write({
      'said/user': 'u',
      'said/password': OLD,
      parsed: BAD,
      'keyed/user': 'u',
      'keyed/password': OLD,
    })
    await shop.write({ 'byName/toJSON': 'x', 'byName/a': OLD })
    const sources = () => [
      etcdSource({ endpoints: [shop.server.endpoint], root: shop.root, overlays: ['prod'] }),
    ]
    record(
      await definition.load({ sources: sources(), logger }).catch((error: Error) => [error, error.message]),
    )

    const { said, parsed, ...rest } = definition.schema.shape
    const good = defineConfig({ name: 'made', schema: z.object({ ...rest, parsed, said: said.optional() }) })
    await shop.write({ parsed: JSON.stringify({ key: OLD }) })
    await shop.write({ 'said/user': undefined, 'said/password': undefined })
    const config = shop.keep(await good.load({ sources: sources(), logger }))
    for (const name of ['change', 'rejected', 'unused'] as const)
      config.on(name, (event: unknown) => record(event))
    await shop.write({ 'keyed/password': NEW, 'byName/a': NEW, parsed: JSON.stringify({ key: NEW }) })
    await config.refresh()
    await shop.write({ 'said/user': 'u', 'said/password': NEW, parsed: BAD })
    await config.refresh()
    expect(config.status.rejected).toBeDefined()
    record(config, config.current, config.current.byName, config.status, config.health)
    for (const path of ['keyed', `keyed.${JSON.stringify(OLD)}`, 'parsed.key', 'byName.a', 'byName']) {
      record(config.explain(path).value, config.explain(path).layers)
    }
    const all = output.join('\n')
    expect(all).toContain('byName/toJSON')
    for (const text of [OLD, NEW, BAD]) {
      for (const form of forms.slice(0, -1)) expect(all).not.toContain(form(text))
    }
    expect(all).not.toContain('opensesame')
    expect(all).not.toMatch(/post is weak/)
  })
})
