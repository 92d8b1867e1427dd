import { createAdmin } from '@livetree/admin'
import { createEtcdClient, op, type EtcdClient } from '@livetree/etcd'
import { defineConfig, etcd as etcdSource, type LiveConfig } from 'livetree'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { oneEtcd } from '../../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../../support/open-handles.ts'
import { isLongRun } from '../../../support/run-length.ts'
import { startStoreUnderFire, type StoreUnderFire } from '../../../support/store-under-fire.ts'
import { KINDS, takeTurn, type Turn } from './admin-turns.ts'
import { checkApplies, type Outcome, type Run, type SeenRevision } from './check-applies.ts'
import { makeTrouble, OF_TOOLS, putterOf, writeAsTool } from './trouble.ts'

const ADMINS = 20
/** Of each admin; the admins begin with different kinds, so that each kind has as many turns. */
const TURNS = isLongRun ? 60 : 2
const READERS = isLongRun ? 30 : 3
const TOOLS = 5
/** How many of them are processes of etcdctl. */
const ETCDCTLS = isLongRun ? TOOLS : 0
const LONGEST_MS = isLongRun ? 1_200_000 : 200_000

const number = z.number().int().default(0)
const schema = z
  .object({
    count: number,
    low: number,
    high: z.number().int().default(100),
    parts: z.record(z.string(), number).default({}),
    tools: z.record(z.string(), number).default({}),
  })
  .refine(({ low, high }) => low <= high, { path: ['low'], message: 'low is above high' })
const definition = defineConfig({ name: 'shop', schema, guard: false })
type Shop = z.output<typeof schema>
const ROOT = '/config/shop/'

withoutOpenHandles()

oneEtcd('admins under fire', (etcd) => {
  let store: StoreUnderFire
  let client: EtcdClient
  const seen: SeenRevision[] = []

  beforeEach(async () => {
    store = await startStoreUnderFire(etcd, { members: isLongRun ? 3 : 1, ways: 3 })
    client = createEtcdClient({ endpoints: store.endpoints })
    await client.kv.put(`${ROOT}count`, '0')
    seen.length = 0
    return async () => {
      await client.close()
      await store[Symbol.asyncDispose]()
    }
  })

  const openAdmin = (author: string) =>
    createAdmin(definition, {
      author,
      // Long enough that a slow machine ends what it has begun.
      timeoutMs: 60_000,
      historyLimit: 100_000,
      store: { endpoints: store.proxied, root: ROOT.slice(0, -1) },
    })

  /** Watches everything, past the proxies. */
  async function watchAll() {
    const { entries, header } = await client.kv.getRange({ prefix: ROOT })
    const initial = new Map(
      entries.map(({ key, text, modRevision }) => [key, { text, revision: modRevision }]),
    )
    const watcher = client.watch.subscribe(
      { prefix: '/' },
      {
        onEvents: ({ revision, events }) => {
          const writes = events.map(({ type, key, text }) => ({
            key,
            text: type === 'put' ? text : undefined,
          }))
          seen.push({ revision, writes })
        },
      },
      { afterRevision: header.revision },
    )
    onTestFinished(() => watcher.cancel())
    const finish = async () => {
      const now = await client.kv.getRange({ prefix: ROOT, limit: 1 })
      await watcher.reached(now.header.revision)
    }
    return { initial, finish }
  }

  const isValid = (tree: ReadonlyMap<string, string>) => {
    const at = (name: string, otherwise: string) => Number(tree.get(ROOT + name) ?? otherwise)
    return at('low', '0') <= at('high', '100')
  }
  const runOf = (initial: Run['initial'], outcomes: readonly Outcome[]): Run => ({
    initial,
    seen,
    outcomes,
    isValid,
    isOfOthers: (key, text) => key.startsWith(`${ROOT}tools/`) || Number(text) >= OF_TOOLS,
  })

  async function loadReaders(rejections: unknown[]): Promise<readonly LiveConfig<Shop>[]> {
    const readers: LiveConfig<Shop>[] = []
    for (let index = 0; index < READERS; index++) {
      const config = await definition.load({
        sources: [etcdSource({ endpoints: store.endpoints, root: ROOT.slice(0, -1) })],
      })
      onTestFinished(() => config.close())
      config.on('rejected', ({ issues }) => rejections.push(issues))
      readers.push(config)
    }
    return readers
  }

  /** All admins take their turns beside the other tools, while faults happen. */
  async function burn(): Promise<{ turns: readonly Turn[]; kills: number; losses: number }> {
    let ended = 0
    const stop = new AbortController()
    const faults = { kills: 0, losses: 0 }
    const tools = Array.from({ length: TOOLS }, (_, index) =>
      writeAsTool(putterOf(client, store.endpoints, index < ETCDCTLS), ROOT, index, stop.signal),
    )
    const trouble = makeTrouble(store, faults, () => ended, stop.signal)
    const until = performance.now() + LONGEST_MS
    const admins = Array.from({ length: ADMINS }, async (_, index) => {
      const turns: Turn[] = []
      await using admin = openAdmin(`admin ${index}`)
      for (let turn = 0; turn < TURNS; turn++) {
        const kind = KINDS[(index + turn) % KINDS.length] ?? 'count'
        turns.push(await takeTurn(admin, kind, index * 1_000 + turn, until))
        ended += 1
      }
      return turns
    })
    const turns = (await Promise.all(admins)).flat()
    stop.abort()
    await Promise.all([...tools, trouble])
    return { turns, ...faults }
  }

  /** How a turn may end: applied, or with what is really so. Nobody is turned away because others write. */
  const ends = {
    count: ['applied'],
    set: ['applied'],
    low: ['applied', 'nothing', 'invalid_tree'],
    high: ['applied', 'nothing', 'invalid_tree'],
    unset: ['applied', 'not_found'],
  } as const

  test(
    `${ADMINS} admins and ${TOOLS} other tools: no lost update, each apply once, no invalid tree, and readers agree`,
    async () => {
      const { initial, finish } = await watchAll()
      const rejections: unknown[] = []
      const readers = await loadReaders(rejections)
      const { turns, kills, losses } = await burn()
      await finish()
      expect(Math.min(kills, losses)).toBeGreaterThan(0)
      const outcomes = turns.flatMap((turn) => turn.outcomes)
      expect(checkApplies(runOf(initial, outcomes))).toEqual([])
      expect(rejections).toEqual([])
      for (const { kind, outcomes: tried } of turns) {
        const last = tried.at(-1)
        expect(ends[kind], JSON.stringify(tried)).toContain(last?.type === 'failed' ? last.code : last?.type)
      }
      const count = Number((await client.kv.get(`${ROOT}count`))?.text)
      expect(count).toBe(turns.filter(({ kind }) => kind === 'count').length)
      for (const config of readers) await config.refresh()
      const [first] = readers
      for (const config of readers) expect(config.current).toEqual(first?.current)
      expect(first?.current.count).toBe(count)
    },
    LONGEST_MS + 60_000,
  )

  test('the checker finds a writer that does not compare, one that writes twice, and one that does not judge', async () => {
    const { initial, finish } = await watchAll()
    await using admin = openAdmin('good')
    const stale = await client.kv.get(`${ROOT}count`)
    const { id = '', revision } = await admin.set('count', 1)
    const write = async (change: Record<string, unknown>, name: string, key: string, text: string) => {
      const record = { version: 1, id: name, kind: 'change', changes: [change] }
      await client.kv
        .txn()
        .then(op.put(key, text), op.put(`/.livetree/history${ROOT}${name}`, JSON.stringify(record)))
        .commit()
    }
    const key = `${ROOT}count`
    const before = { text: stale?.text, revision: stale?.modRevision }
    await write({ key, before, after: { text: '1' } }, 'careless', key, '1')
    await write({ key, before, after: { text: '1' } }, 'careless', key, '1')
    await write({ key: `${ROOT}low`, after: { text: '500' } }, 'hasty', `${ROOT}low`, '500')
    await finish()
    const broken = checkApplies(runOf(initial, [{ type: 'applied', id, revision }])).join('\n')
    expect(broken).toMatch(/careless says .* a lost update/)
    expect(broken).toMatch(/careless was applied at \d+ and \d+/)
    expect(broken).toMatch(/hasty wrote an invalid tree/)
    expect(broken).toMatch(/hasty is in the history, and was reported as failed/)
    const good = checkApplies(runOf(initial, [{ type: 'applied', id, revision: revision + 1 }])).join('\n')
    expect(good).toMatch(/was reported at/)
  })
})
