import { loadShop, openCatalog, openStore, sayHowToChange } from '@livetree/example-shop'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createApp } from './create-app.ts'
import { createLog } from './create-log.ts'

await using store = await openStore()
await using config = await loadShop(store.endpoints)

const log = createLog(config)
const catalog = await config.resource((c) => c.db, {
  name: 'catalog',
  create: (db, { signal }) => openCatalog(db, signal),
  check: (candidate) => candidate.findArticle(1),
  dispose: (old) => old.end(),
  // 0 shows what the drain is for: a pool is then ended under the requests that use it
  drainMs: Number(process.env.DRAIN_MS ?? 30_000),
})

const app = createApp({ config, catalog, log, isPinned: process.env.PIN !== 'off' })
const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
await once(server, 'listening')
console.log(sayHowToChange(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, store.endpoints))

await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
// requests that run are served first; then `await using` closes the configuration, its pool, and the store
server.close()
server.closeIdleConnections()
await once(server, 'close')
