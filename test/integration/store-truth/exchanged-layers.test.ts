import { createEtcdClient, type EtcdClient, op, type TxnOp } from '@livetree/etcd'
import { defineConfig, etcd as etcdSource } from 'livetree'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { Random } from '../../chaos/world/random.ts'
import { clientEtcds, type EtcdUnderTest } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { isLongRun } from '../../support/run-length.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'

withoutOpenHandles()

const LAYERS = ['/x/l0/', '/x/l1/']
const definition = defineConfig({
  name: 'exchanged',
  schema: z.object({ all: z.record(z.string(), z.string()) }),
})

/** `0/n` is the key `n` of the first layer. */
const key = (name: string) => name.replace(/^(\d)\//, '/x/l$1/all/')
const put = (name: string, value = name) => op.put(key(name), value)
const del = (name: string) => op.delete(key(name))

/** What was written after the copy was made, and what is written to the copy instead, transaction by transaction. */
const EXCHANGES: Record<
  string,
  readonly [old: readonly TxnOp<unknown>[][], other: readonly TxnOp<unknown>[][]]
> = {
  'a key more': [[[put('0/a')]], [[put('0/a'), put('1/b')]]],
  'a put more': [[[put('0/a')]], [[put('0/a'), put('1/kept', 'otherwise')]]],
  'a delete more': [[[put('0/a')]], [[put('0/a'), del('1/gone')]]],
  'a key more in the first layer': [[[put('1/b')]], [[put('1/b'), put('0/a')]]],
  'a delete more at the last of several': [
    [[put('0/a', 'first')], [put('0/a', 'last')]],
    [[put('0/a', 'first')], [put('0/a', 'last'), del('1/gone')]],
  ],
  'a key less': [[[put('0/a'), put('1/b')]], [[put('0/a')]]],
}

/** All that the layers hold. */
async function held(client: EtcdClient): Promise<Record<string, string>> {
  const entries = await Promise.all(LAYERS.map((prefix) => client.kv.getRange({ prefix })))
  return Object.fromEntries(
    entries.flatMap(({ entries: some }) => some.map((each) => [each.key.split('/').at(-1)!, each.text])),
  )
}

async function write(client: EtcdClient, transactions: readonly TxnOp<unknown>[][]): Promise<void> {
  for (const operations of transactions)
    await client.kv
      .txn()
      .then(...operations)
      .commit()
}

async function open(etcd: EtcdUnderTest) {
  const server = await etcd.start()
  const direct = connect(server.endpoint)
  await write(direct, [['0/kept', '0/gone', '1/kept', '1/gone'].map((name) => put(name))])
  const twin = await etcd.start()
  await server.kill()
  await twin.restart({ dataFrom: server.dataDir })
  await server.restart()
  const proxy = await startProxy({ target: server.endpoint })
  onTestFinished(() => proxy.close())
  await waitFor(() => held(direct))
  const layers = LAYERS.map((prefix) => ({ prefix: prefix.slice(0, -1) }))
  const config = await definition.load({
    sources: [etcdSource({ endpoints: [proxy.endpoint], layers })],
    startup: { timeoutMs: 30_000 },
  })
  onTestFinished(() => config.close())
  return { direct, twin, proxy, config }
}

const seed = Number(process.env['LIVETREE_IDENTITY_SEED'] ?? Date.now() % 1_000_000)

clientEtcds(`a copy of the store behind layers that are joined (seed ${seed})`, (etcd) => {
  const cases = Object.keys(EXCHANGES).flatMap((what) =>
    [false, true].map((isProven) => ({ what, isProven, further: isProven ? 2 : 0 })),
  )
  // Where progress may overtake changes, most is known by reads.
  const most = isLongRun ? cases.length : etcd.kind === '3.4' ? 5 : 2

  test.each(new Random(seed).shuffle(cases).slice(0, most))(
    'P12 $what (after progress: $isProven, $further further revisions): a new epoch, and no value that the store does not have',
    async ({ what, isProven, further }) => {
      const [old, other] = EXCHANGES[what]!
      const { direct, twin, proxy, config } = await open(etcd)
      await write(direct, old)
      const wanted = JSON.stringify(sorted(await held(direct)))
      await waitFor(() => JSON.stringify(sorted(config.current.all)) === wanted)
      if (isProven) await config.refresh()
      await proxy.refuse()
      proxy.cutAll()
      await using client = createEtcdClient({ endpoints: [twin.endpoint] })
      await write(client, other)
      for (let count = 0; count < further; count += 1) await client.kv.put('/elsewhere', 'x')
      proxy.retarget(twin.endpoint)
      const seen: unknown[] = []
      config.on('change', () => seen.push(sorted(config.current.all)))
      await proxy.accept()
      await waitFor(() => config.status.epoch === 1)
      await config.refresh()
      const holds = sorted(await held(client))
      expect([sorted(config.current.all), seen.at(-1)]).toEqual([holds, holds])
      expect(seen).toHaveLength(1)
    },
  )
})

function sorted(values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).sort())
}
