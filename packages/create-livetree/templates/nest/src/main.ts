import 'reflect-metadata'
import { NestFactory } from '@nestjs/core'
import { createAppModule } from './app.module.ts'
import { loadConfig } from './load-config.ts'

// Loaded before Nest exists, so that decorators can use it, too. Nest closes it.
const config = await loadConfig()
const server = await NestFactory.create(createAppModule(config), { logger: ['error', 'warn'] })
server.enableShutdownHooks()
await server.listen(config.current.http.port)
console.log(`http://localhost:${config.current.http.port}`)
