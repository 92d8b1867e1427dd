import { inspect } from 'node:util'
import { createEtcdClient, type EtcdClient, op } from '@livetree/etcd'
import { defineConfig, etcd, LivetreeError } from 'livetree'
import { beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { eachEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'

withoutOpenHandles()

const definition = defineConfig({
  name: 'documents',
  schema: z.object({
    port: z.number().default(80),
    flags: z.record(z.string(), z.string()).default({}),
    db: z.object({ host: z.string().default('none') }).loose(),
  }),
  guard: false,
})

const DOCUMENT = '{"port": 1, "flags": {"a": "1", "b": "2"}, "db": {"host": "x"}}'
const OTHER = '{"port": 2, "flags": {"c": "3"}}'
/** Where an overlay may be kept as one document, and what a directory marker may stand at. */
const PLACES = [
  'base',
  'base/',
  'prod',
  'prod/',
  'prod/flags',
  'prod/flags/',
  'prod/db',
  'prod/db/',
  '',
] as const
const VALUES = ['', DOCUMENT, OTHER, undefined, undefined] as const

/** The same draws in each run. */
function* draws(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    yield state / 2 ** 31
  }
}

/** Each place put, written over and deleted, beside what is at the others. */
function history(seed: number): readonly (readonly [string, string | undefined])[] {
  const drawn = draws(seed)
  const oneOf = <V>(values: readonly V[]) => values[Math.floor(drawn.next().value * values.length)]!
  return Array.from({ length: 40 }, () => {
    const place = oneOf(PLACES)
    const value = oneOf(VALUES)
    // inside an overlay a document of the whole means nothing
    const isInside = place.includes('flags') || place.includes('db')
    return [place, isInside && value !== undefined && value !== '' ? '{"a": "9"}' : value] as const
  })
}

eachEtcd('an overlay kept as one document, and directory markers', (etcdUnderTest) => {
  let endpoint: string
  let client: EtcdClient
  let count = 0
  beforeAll(async () => {
    const server = await etcdUnderTest.start()
    endpoint = server.endpoint
    client = createEtcdClient({ endpoints: [endpoint] })
    return () => client.close()
  })

  const load = (root: string) =>
    definition.load({
      sources: [etcd({ endpoints: [endpoint], root, overlays: ['base', 'prod'] })],
      logger: false,
    })
  type Config = Awaited<ReturnType<typeof load>>

  /** The value, where it comes from, and what is unused; or what is wrong. */
  const shownBy = (config: Config) => {
    const { rejected, unused } = config.status
    if (rejected !== undefined) return inspect(rejected.issues, { depth: null })
    const layers = ['', 'port', 'flags', 'db'].map((path) => config.explain(path).layers)
    return inspect([config.current, unused, layers], { depth: null })
  }
  const shownFresh = async (root: string) => {
    try {
      await using config = await load(root)
      return shownBy(config)
    } catch (error) {
      if (!(error instanceof LivetreeError) || error.issues === undefined) throw error
      return inspect(error.issues, { depth: null })
    }
  }

  test.each([1, 2, 3])('put and deleted: a running instance and a fresh one agree (%i)', async (seed) => {
    const root = `/documents/${count++}`
    await using running = await load(root)
    const seen = { accepted: 0, rejected: 0 }
    for (const [place, value] of history(seed)) {
      const key = place === '' ? `${root}/` : `${root}/${place}`
      if (value === undefined) await client.kv.delete(key)
      else await client.kv.put(key, value)
      await running.refresh()
      seen[running.status.rejected === undefined ? 'accepted' : 'rejected']++
      expect(shownBy(running), `${key} = ${value}`).toBe(await shownFresh(root))
    }
    expect(seen.accepted).toBeGreaterThan(0)
  })

  test('a marker is put over a document, and deleted, in one transaction with it', async () => {
    const root = `/documents/${count++}`
    await client.kv.put(`${root}/prod`, DOCUMENT)
    await using running = await load(root)
    const steps = [
      [op.put(`${root}/prod/`, '')],
      [op.delete(`${root}/prod/`), op.put(`${root}/prod`, OTHER)],
      [op.put(`${root}/prod/`, DOCUMENT), op.delete(`${root}/prod`)],
      [op.put(`${root}/prod`, ''), op.put(`${root}/prod/flags/`, '')],
      [op.delete(`${root}/prod/`), op.put(`${root}/prod`, DOCUMENT)],
    ]
    const ports: unknown[] = [running.current.port]
    for (const operations of steps) {
      await client.kv
        .txn()
        .then(...operations)
        .commit()
      await running.refresh()
      expect(shownBy(running)).toBe(await shownFresh(root))
      ports.push(running.current.port)
    }
    expect(ports).toEqual([1, 1, 2, 1, 1, 1])
  })
})
