import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type EtcdClient, op } from '@livetree/etcd'
import { expect, test } from 'vitest'
import { oneRealEtcd } from '../../support/each-etcd.ts'
import { isLongRun } from '../../support/run-length.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from './watch-kit.ts'

/** Values of a megabyte, listed in few answers, and small ones among them. */
const LARGE = isLongRun ? 128 : 16
const SMALL = 4
const LARGE_BYTES = 1_000_000
const SMALL_BYTES = 50_000
/** What the client holds besides: buffers of its connections. A quarter of what an answer would be. */
const SLACK_BYTES = (LARGE * LARGE_BYTES) / 4

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes of buffers that are still in use. */
function inUse(): number {
  collect()
  return process.memoryUsage().arrayBuffers
}

/** Large and small values by turns, so that each answer and each transaction holds both. */
async function fill({ kv }: EtcdClient, folder: string): Promise<void> {
  const share = LARGE / SMALL
  for (let index = 0; index < LARGE; index += 1) {
    const name = String(index).padStart(3, '0')
    const large = op.put(`/memory/${folder}/${name}/large`, Buffer.alloc(LARGE_BYTES))
    const small = op.put(`/memory/${folder}/${name}/small`, Buffer.alloc(SMALL_BYTES))
    await kv
      .txn()
      .then(...(index % share === 0 ? [large, small] : [large]))
      .commit()
  }
}

async function removeLarge({ kv }: EtcdClient): Promise<void> {
  const { entries } = await kv.getRange({ prefix: '/memory/', keysOnly: true })
  for (const { key } of entries) if (key.endsWith('large')) await kv.delete(key)
}

oneRealEtcd('watch.sync', (etcd) => {
  test('holds what is there, not the answers it came in; after cancel() it holds nothing', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint, { limits: { requestBytes: 1_400_000 } })
    await client.kv.get('warm')
    const before = inUse()
    await fill(client, 'listed')
    let count = 0
    const sync = client.watch.sync(
      { prefix: '/memory/' },
      {
        onSnapshot: ({ kvs }) => {
          count = kvs.length
        },
        onEvents: ({ events }) => {
          for (const { type } of events) count += type === 'put' ? 1 : -1
        },
      },
    )
    await waitFor(() => count === LARGE + SMALL, { timeoutMs: 40_000 })
    expect(inUse() - before).toBeGreaterThan((LARGE * LARGE_BYTES) / 2)
    await removeLarge(client)
    await waitFor(() => count === SMALL, { timeoutMs: 40_000 })
    await expect.poll(() => inUse() - before, { timeout: 20_000 }).toBeLessThan(SLACK_BYTES)
    // The same for what comes by changes.
    await fill(client, 'changed')
    await removeLarge(client)
    await waitFor(() => count === 2 * SMALL, { timeoutMs: 40_000 })
    await expect.poll(() => inUse() - before, { timeout: 20_000 }).toBeLessThan(SLACK_BYTES)
    await fill(client, 'cancelled')
    await waitFor(() => count === LARGE + 3 * SMALL, { timeoutMs: 40_000 })
    expect(inUse() - before).toBeGreaterThan((LARGE * LARGE_BYTES) / 2)
    sync.cancel()
    await expect.poll(() => inUse() - before, { timeout: 20_000 }).toBeLessThan(SLACK_BYTES)
    // The caller still has the sync in hand.
    expect(sync.revision).toBeGreaterThan(0)
  })
})
