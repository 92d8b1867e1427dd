import { describe, expect, it, onTestFinished } from 'vitest'
import { type Change, FakeEtcd } from './fake-etcd.test.kit.ts'
import { ManualClock, settled } from './scripted-channel.test.kit.ts'
import type { WatchOptions } from './watch-options.ts'
import { createWatchService } from './watch-service.ts'

const put = (...keys: string[]): Change[] => keys.map((key) => ({ key, isDelete: false }))
const del = (...keys: string[]): Change[] => keys.map((key) => ({ key, isDelete: true }))

/** A watch of what begins with `a`, on a store with these keys, each at a revision of its own. */
async function follow(only: WatchOptions['only'], first: readonly string[]) {
  const etcd = new FakeEtcd({ answersOutOfOrder: false, losesDeletesAtCompaction: false, repeats: false })
  const clock = new ManualClock()
  const service = createWatchService(etcd.channel, { clock, progressIntervalMs: 1_000 })
  onTestFinished(() => service.close())
  for (const key of first) etcd.write(put(key))
  const told: string[] = []
  const calm = async (): Promise<void> => {
    for (let turn = 0; turn < 24; turn += 1) {
      clock.advance(25)
      etcd.flush()
      etcd.sync()
      etcd.flush()
      await settled()
    }
  }
  service.subscribe(
    { prefix: 'a' },
    {
      onEvents: ({ revision, events }) =>
        told.push(`${revision}: ${events.map(({ type, key }) => `${type} ${key}`).join(', ')}`),
      onEnd: (error) => told.push(`end ${error?.code ?? 'OK'}`),
    },
    { afterRevision: etcd.revision, ...(only === undefined ? {} : { only }) },
  )
  await calm()
  const write = async (...transactions: readonly Change[][]): Promise<void> => {
    for (const each of transactions) etcd.write(each)
    await calm()
  }
  return { etcd, told, calm, write }
}

const ONLY = [undefined, 'puts', 'deletes'] as const

/** What happens on the first store; then another one takes its place, with as many revisions and more. */
const PASTS: Record<string, readonly Change[][]> = {
  nothing: [],
  'puts of a key': [put('aa'), put('aa')],
  'a put and a delete': [put('ad'), del('ad')],
  'a key deleted and put again': [del('aa'), put('aa')],
  'more deletes than are remembered': Array.from({ length: 10 }, (_, index) => [
    put(`ax${index}`),
    del(`ax${index}`),
  ]).flat(),
}

describe.each(ONLY)('a watch for only %s', (only) => {
  describe.each(Object.entries(PASTS))('after %s', (_, past) => {
    it.each([
      ['empty until then', []],
      ['with the same keys, put later', ['b', 'c', 'aa', 'ab']],
      ['filled by the same script', ['aa', 'ab']],
    ])('recognizes another store, %s', async (_name, keys) => {
      const { etcd, told, write, calm } = await follow(only, ['aa', 'ab'])
      await write(...past)
      const position = etcd.revision
      const before = told.length
      etcd.replace()
      for (const key of keys) etcd.write(put(key))
      while (etcd.revision < position + 5) etcd.write(put('other'))
      await calm()
      expect(told.slice(before)).toEqual(['end cluster_changed'])
    })

    it('goes on with the same store, also when it was compacted, without a change twice', async () => {
      const { etcd, told, write } = await follow(only, ['aa', 'ab'])
      await write(...past)
      etcd.cut()
      await write(put('aa'), del('ab'), put('ab'), put('ab'))
      etcd.compact(etcd.revision)
      etcd.cut()
      await write(del('aa'))
      const kindOf = (change: string): string => change.replace(/s$/, '')
      const changes = [...past, put('aa'), del('ab'), put('ab'), put('ab'), del('aa')].map(
        ([change], index) => `${index + 4}: ${change!.isDelete ? 'delete' : 'put'} ${change!.key}`,
      )
      expect(told).toEqual(changes.filter((each) => only === undefined || each.includes(` ${kindOf(only)} `)))
    })
  })
})

it('a key that is deleted and put in one transaction is no other store to a watch for deletes', async () => {
  const { etcd, told, write } = await follow('deletes', ['aa'])
  await write([...del('aa'), ...put('aa')], put('aa'))
  etcd.cut()
  await write(del('aa'))
  expect(told).toEqual(['3: delete aa', '5: delete aa'])
})
