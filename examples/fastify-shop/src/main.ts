import { loadShop, openCatalog, openStore, sayHowToChange } from '@livetree/example-shop'
import { once } from 'node:events'
import { createApp } from './create-app.ts'

await using store = await openStore()
const config = await loadShop(store.endpoints)
const catalog = await config.resource((c) => c.db, {
  name: 'catalog',
  create: (db, { signal }) => openCatalog(db, signal),
  check: (candidate) => candidate.findArticle(1),
  dispose: (old) => old.end(),
})

const app = await createApp({ config, catalog, isPinned: process.env.PIN !== 'off' })
const url = await app.listen({ port: Number(process.env.PORT ?? 3000), host: '127.0.0.1' })
console.log(sayHowToChange(url, store.endpoints))

await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
// requests that run are served first; the plugin then closes the configuration, and that its pool
await app.close()
