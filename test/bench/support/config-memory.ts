import { createEtcdClient } from '@livetree/etcd'
import { defineConfig, etcd } from 'livetree'
import { setTimeout as sleep } from 'node:timers/promises'
import { nestedSchema, typedTree } from './bench-tree.ts'

/** Prints how much memory one thing holds: a child of memory.ts, run with --expose-gc. */
const [what, endpoint, root, smallRoot, depthText] = process.argv.slice(2)
const depth = Number(depthText)
const client = createEtcdClient({ endpoints: [endpoint!] })

/** Loads the modules, opens the connection and runs the code once, so that none of that counts. */
async function warmUp(): Promise<void> {
  const config = await load(smallRoot!, 1)
  await config.close()
  JSON.parse(JSON.stringify(typedTree(1)))
}

function load(from: string, depthOf: number) {
  const definition = defineConfig({ name: 'bench', schema: nestedSchema(depthOf) })
  return definition.load({ sources: [etcd({ client, root: from })] })
}

/** Bytes in use once all garbage is gone, also what is freed in a later turn of the event loop. */
async function inUse(): Promise<{ heap: number; outside: number }> {
  for (let turn = 0; turn < 5; turn++) {
    globalThis.gc!()
    await sleep(20)
  }
  const { heapUsed, external } = process.memoryUsage()
  return { heap: heapUsed, outside: external }
}

await warmUp()
const makers: Record<string, () => Promise<unknown> | unknown> = {
  plain: () => JSON.parse(JSON.stringify(typedTree(depth))),
  live: () => load(root!, depth),
}
const before = await inUse()
const held = await makers[what!]!()
const after = await inUse()
console.log(JSON.stringify({ heap: after.heap - before.heap, outside: after.outside - before.outside }))
if (what === 'live') await (held as AsyncDisposable)[Symbol.asyncDispose]()
await client.close()
