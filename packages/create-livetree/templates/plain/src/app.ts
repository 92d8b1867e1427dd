import { createServer, type Server } from 'node:http'
import type { LiveConfig } from 'livetree'
import type { AppConfig } from './config.ts'
import { greet } from './greet.ts'

export function createApp(config: LiveConfig<AppConfig>): Server {
  return createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    if (pathname === '/readyz') {
      response.writeHead(config.health.isReady ? 200 : 503).end(JSON.stringify(config.health))
      return
    }
    // All that this request starts sees one state of the configuration, also across await.
    config.runPinned(() => response.end(`${greet(config.pinned(), pathname.slice(1) || 'world')}\n`))
  })
}
