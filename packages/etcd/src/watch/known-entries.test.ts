import { describe, expect, it, onTestFinished } from 'vitest'
import { FakeEtcd } from './fake-etcd.test.kit.ts'
import { ManualClock, settled } from './scripted-channel.test.kit.ts'
import type { WatchOptions } from './watch-options.ts'
import { createWatchService } from './watch-service.ts'

function entry(key: string, revision: number) {
  return { keyBytes: Buffer.from(key), createRevision: revision, modRevision: revision, version: 1 }
}

/** A watch of what begins with `a`, on a store that has `aa` since revision 2 and `ab` since 3. */
async function follow(options: WatchOptions) {
  const etcd = new FakeEtcd({ answersOutOfOrder: false, losesDeletesAtCompaction: false, repeats: false })
  const clock = new ManualClock()
  const service = createWatchService(etcd.channel, { clock, progressIntervalMs: 1_000 })
  onTestFinished(() => service.close())
  for (const key of ['aa', 'ab']) etcd.write([{ key, isDelete: false }])
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
      onEvents: ({ revision, events }) => told.push(...events.map(({ key }) => `${revision}: ${key}`)),
      onEnd: (error) => told.push(`end ${error?.code}`),
    },
    options,
  )
  await calm()
  return { etcd, told, calm }
}

const put = (key: string) => [{ key, isDelete: false }]

describe('a watch whose caller knows what was there', () => {
  it.each([
    ['nothing', [], 1],
    ['an entry', [entry('aa', 2)], 0],
  ])('reads the store only if it knows nothing: %s', async (_, known, reads) => {
    const { etcd } = await follow({ afterRevision: 3, known })
    expect(etcd.channel.calls.filter(({ path }) => path.endsWith('/Range'))).toHaveLength(reads)
  })

  it('goes on with the same store after a lost connection', async () => {
    const { etcd, told, calm } = await follow({ afterRevision: 3, known: [entry('aa', 2)] })
    etcd.cut()
    etcd.write(put('ac'))
    await calm()
    etcd.write(put('aa'))
    etcd.cut()
    etcd.write(put('aa'))
    await calm()
    expect(told).toEqual(['4: ac', '5: aa', '6: aa'])
  })

  it.each([
    ['does not have the entry', []],
    ['has it since another revision', ['ab', 'aa']],
  ])('recognizes another store that %s', async (_, keys) => {
    const { etcd, told, calm } = await follow({ afterRevision: 3, known: [entry('aa', 2)] })
    etcd.replace()
    for (const key of keys) etcd.write(put(key))
    while (etcd.revision < 9) etcd.write(put('other'))
    await calm()
    expect(told).toEqual(['end cluster_changed'])
  })

  it.each([
    ['the revision', { known: [entry('aa', 2)] }],
    ['a key of the range', { afterRevision: 3, known: [entry('b', 2)] }],
    ['an entry of the past', { afterRevision: 3, known: [entry('aa', 4)] }],
    ['a list', { afterRevision: 3, known: 'aa' as never }],
    ['entries', { afterRevision: 3, known: [undefined as never] }],
    ['revisions from 1 on', { afterRevision: 3, known: [entry('aa', 0)] }],
  ])('refuses what lacks %s', async (_, options) => {
    await expect(follow(options)).rejects.toMatchObject({ code: 'invalid_argument' })
  })
})
