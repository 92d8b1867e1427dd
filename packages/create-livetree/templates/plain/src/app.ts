import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { LiveConfig } from 'livetree'
import type { AppConfig } from './config.ts'
import { greet } from './greet.ts'

const TEXT = { 'content-type': 'text/plain; charset=utf-8' }
const JSON_TEXT = { 'content-type': 'application/json' }

export function createApp(config: LiveConfig<AppConfig>): Server {
  return createServer((request, response) => {
    const path = pathOf(request)
    if (path === undefined) {
      response.writeHead(400, TEXT).end('The path of the request cannot be read.\n')
      return
    }
    if (path === '/readyz') {
      response.writeHead(config.health.isReady ? 200 : 503, JSON_TEXT).end(JSON.stringify(config.health))
      return
    }
    // All that this request starts sees one state of the configuration, also across await.
    config.runPinned(() => {
      response.writeHead(200, TEXT).end(`${greet(config.pinned(), path.slice(1) || 'world')}\n`)
    })
  })
}

/** The path that a request asks for. What a client sends may be none: undefined for that. */
function pathOf({ url = '/' }: IncomingMessage): string | undefined {
  try {
    return decodeURIComponent(new URL(url, 'http://localhost').pathname)
  } catch {
    return undefined
  }
}
