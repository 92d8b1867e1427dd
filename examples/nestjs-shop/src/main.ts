import { live } from '@livetree/express'
import { loadShop, openStore, sayHowToChange } from '@livetree/example-shop'
import { NestFactory } from '@nestjs/core'
import cors from 'cors'
import { createAppModule } from './app.module.ts'
import { createLimiter } from './create-limiter.ts'

const store = await openStore()
// before Nest exists, so that whatever a decorator needs is there too
const config = await loadShop(store.endpoints)

const app = await NestFactory.create(createAppModule(config, store, process.env.PIN !== 'off'), {
  logger: ['error', 'warn'],
})
app.use(
  live(
    config,
    (c) => c.cors,
    ({ origins }) => cors({ origin: [...origins] }),
  ),
)
app.use(
  '/articles',
  live(config, (c) => c.limits, createLimiter, { dispose: ({ store }) => store.shutdown() }),
)
app.enableShutdownHooks()
await app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
console.log(sayHowToChange(await app.getUrl(), store.endpoints))
