import { once } from 'node:events'
import { createApp } from './app.ts'
import { loadConfig } from './load-config.ts'

await using config = await loadConfig()
const server = createApp(config).listen(config.current.http.port)
await once(server, 'listening')
console.log(`http://localhost:${config.current.http.port}`)

await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
server.close()
server.closeIdleConnections()
await once(server, 'close')
