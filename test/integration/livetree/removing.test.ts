import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readFileSync } from 'node:fs'
import { createEtcdClient } from '@livetree/etcd'
import { defineConfig, env, etcd, file, memory } from 'livetree'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { eachEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'

withoutOpenHandles()

const shop = defineConfig({
  name: 'shop',
  schema: z.object({ features: z.record(z.string(), z.boolean()).default({}) }),
})
const lower = memory({ features: { newCheckout: true, beta: true } }, { name: 'lower' })

/** The rows of the page: source, how an entry is removed, how the record is emptied. */
const rows = readFileSync(new URL('../../../docs/removing.md', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => /^\| (etcd|YAML|JSON|TOML|environment|program)/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim().replace(/^`|`$/g, '')))

eachEtcd('docs/removing.md', (etcdUnderTest) => {
  let server: EtcdServer
  let count = 0
  beforeAll(async () => {
    server = await etcdUnderTest.start()
  })

  /** The source of a row, with what the row puts into it. */
  async function sourceOf(kind: string, form: string) {
    const [first = ''] = kind.split(/[ ,]/)
    const [name = '', ...value] = form.split('=')
    if (first === 'environment') return env({ prefix: 'SHOP_', environment: { [name]: value.join('=') } })
    if (first === 'program') {
      const given = /^memory\((.*)\)$/.exec(form)?.[1] ?? ''
      const json = given.replaceAll("'", '"').replace(/(\w+):(?= )/g, '"$1":')
      return memory(JSON.parse(json) as object)
    }
    if (first === 'etcd') {
      const [, key = '', text = ''] = /^etcdctl put (\S+) (\S+)$/.exec(form) ?? []
      const root = `/config/${count++}`
      const client = createEtcdClient({ endpoints: [server.endpoint] })
      onTestFinished(() => client.close())
      await client.kv.put(key.replace('/config/shop', root), text)
      return etcd({ endpoints: [server.endpoint], root, overlays: ['prod'] })
    }
    const directory = mkdtempSync(join(tmpdir(), 'livetree-removing-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const path = join(directory, `shop.${first.toLowerCase()}`)
    writeFileSync(path, form)
    return file(path)
  }

  test.each(rows)('%s %s', async (_, kind = '', removed = '', emptied = '') => {
    const current = async (form: string) => {
      const config = await shop.load({ sources: [lower, await sourceOf(kind, form)], logger: false })
      onTestFinished(() => config.close())
      return config.current
    }
    expect(await current(removed)).toEqual({ features: { beta: true } })
    expect(await current(emptied)).toEqual({ features: {} })
  })

  const numbers = z.record(z.string(), z.number())
  const either = z.object({ t: z.number().optional(), u: z.number().optional() })
  test.each<[string, z.ZodType]>([
    ['a record', numbers],
    ['an object or a number', z.union([either, z.number()])],
    ['an object or text', z.union([either, z.string()])],
    ['any JSON', z.json()],
    ['anything', z.any()],
  ])('JSON text in a key, where the schema has %s', async (_what, schema) => {
    const root = `/config/${count++}`
    await using client = createEtcdClient({ endpoints: [server.endpoint] })
    await client.kv.put(`${root}/f`, '{"t":"livetree:remove"}')
    await using config = await defineConfig({ name: 'json', schema: z.object({ f: schema }) }).load({
      sources: [memory({ f: { t: 1, u: 2 } }), etcd({ client, root })],
      logger: false,
    })
    expect(config.current).toEqual({ f: { u: 2 } })
    await client.kv.put(`${root}/f`, '{"u":"livetree:remove"}')
    await config.refresh()
    expect(config.current).toEqual({ f: { t: 1 } })
    await client.kv.delete(`${root}/f`)
    await config.refresh()
    expect(config.current).toEqual({ f: { t: 1, u: 2 } })
  })

  test('the page has every source', () => {
    expect(rows.map(([, kind]) => kind)).toEqual([
      'etcd',
      'YAML',
      'JSON, in a file or a key',
      'TOML',
      'environment, dotenv',
      'program',
    ])
  })
})
