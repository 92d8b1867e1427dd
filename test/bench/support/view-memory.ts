import { setTimeout as sleep } from 'node:timers/promises'
import { createDiscovery } from '@livetree/discovery'
import { createEtcdClient } from '@livetree/etcd'

/** Prints what a view of many endpoints costs: a child of dispatch.ts, run with --expose-gc. */
const [endpoint = '', changes = '1'] = process.argv.slice(2)
const PICKS = 1_000
const client = createEtcdClient({ endpoints: [endpoint] })
const discovery = createDiscovery({ client, logger: false })

/** Bytes in use once all garbage is gone, also what is freed in a later turn of the event loop. */
async function inUse(): Promise<number> {
  for (let turn = 0; turn < 5; turn++) {
    globalThis.gc?.()
    await sleep(20)
  }
  return process.memoryUsage().heapUsed
}

const thousand = await discovery.openService('thousand')
const before = await inUse()
const view = await discovery.openService('big')
const held = view.endpoints.length
const bytes = (await inUse()) - before

let onChange: (() => void) | undefined
let onEvent: (() => void) | undefined
view.on('change', () => onChange?.())
const { header } = await client.kv.getRange({ key: 'services/big/0' })
const handlers = { onEvents: () => onEvent?.() }
const watcher = client.watch.subscribe({ prefix: 'services/big/' }, handlers, {
  afterRevision: header.revision,
})
await watcher.reached(header.revision)
const [changeMs, eventMs]: [number[], number[]] = [[], []]
for (let round = 0; round < Number(changes); round++) {
  const metadata = JSON.stringify({ id: 'instance-0', weight: 100 + (round % 2) })
  const changed = Promise.withResolvers<void>()
  const seen = Promise.withResolvers<void>()
  const startedAt = performance.now()
  onChange = () => {
    changeMs.push(performance.now() - startedAt)
    changed.resolve()
  }
  onEvent = () => {
    eventMs.push(performance.now() - startedAt)
    seen.resolve()
  }
  await client.kv.put('services/big/0', JSON.stringify({ Op: 0, Addr: '10.0.0.1:8080', Metadata: metadata }))
  await Promise.all([changed.promise, seen.promise])
}
watcher.cancel()

const pickMs: number[] = []
for (let round = 0; round < 20; round++) {
  const startedAt = performance.now()
  for (let count = 0; count < PICKS; count++) thousand.pick().done()
  pickMs.push((performance.now() - startedAt) / PICKS)
}
await discovery.close()
await client.close()
if (held === 0) throw new Error('the view is empty')
console.log(JSON.stringify({ bytes, changeMs, eventMs, pickMs: pickMs.slice(5) }))
