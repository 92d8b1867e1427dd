import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createEtcdClient, type EtcdClient, op } from '@livetree/etcd'
import { waitFor } from '../../support/wait-for.ts'

/**
 * A process of its own, since tests that were before in a process free their buffers whenever they like: writes values of a
 * megabyte under a prefix that `watch.sync` follows, removes them, and prints the bytes of buffers in use after each step.
 */

const { ENDPOINT, LARGE: largeCount = '16' } = process.env
/** Values of a megabyte, listed in few answers, and small ones among them. */
const LARGE = Number(largeCount)
const SMALL = 4
const LARGE_BYTES = 1_000_000
const SMALL_BYTES = 50_000
/** What the client holds besides: buffers of its connections. A quarter of what the large values are. */
const SLACK_BYTES = (LARGE * LARGE_BYTES) / 4

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes of buffers that are still in use. */
function inUse(): number {
  collect()
  return process.memoryUsage().arrayBuffers
}

/** What is in use once it is little, or after 20 s. */
async function settled(before: number): Promise<number> {
  const isLittle = () => inUse() - before < SLACK_BYTES
  await waitFor(isLittle, { timeoutMs: 20_000 }).catch(() => {})
  return inUse() - before
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

const client = createEtcdClient({ endpoints: ENDPOINT ?? '', limits: { requestBytes: 1_400_000 } })
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
const holds = (expected: number) => waitFor(() => count === expected, { timeoutMs: 40_000 })
await holds(LARGE + SMALL)
const listed = inUse() - before
await removeLarge(client)
await holds(SMALL)
const listedAndRemoved = await settled(before)
// The same for what comes by changes.
await fill(client, 'changed')
await holds(LARGE + 2 * SMALL)
await removeLarge(client)
await holds(2 * SMALL)
const changedAndRemoved = await settled(before)
await fill(client, 'cancelled')
await holds(LARGE + 3 * SMALL)
const held = inUse() - before
sync.cancel()
const cancelled = await settled(before)
console.log(JSON.stringify({ listed, listedAndRemoved, changedAndRemoved, held, cancelled }))
// The caller still has the sync in hand.
if (sync.revision === 0) throw new Error('It never had a revision')
client.close()
