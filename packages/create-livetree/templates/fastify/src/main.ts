import { once } from 'node:events'
import { createApp } from './app.ts'
import { loadConfig } from './load-config.ts'

const config = await loadConfig()
const server = await createApp(config)
await server.listen({ port: config.current.http.port })
console.log(`http://localhost:${config.current.http.port}`)

await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
// Closes the configuration as well.
await server.close()
