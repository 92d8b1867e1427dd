import type { IncomingMessage, ServerResponse } from 'node:http'
import { etcdVersion } from '../version.ts'

/** The two pages etcd serves over plain HTTP that clients and probes look at. */
export const plainPages =
  (hasAlarm: () => boolean) =>
  (request: IncomingMessage, response: ServerResponse): void => {
    const reply = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    const path = request.url?.split('?')[0]
    if (path === '/version') {
      reply(200, { etcdserver: etcdVersion, etcdcluster: etcdVersion.replace(/\d+$/, '0') })
    } else if (path !== '/health') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found\n')
    } else if (hasAlarm()) {
      reply(503, { health: 'false', reason: 'ALARM NOSPACE' })
    } else {
      reply(200, { health: 'true', reason: '' })
    }
  }
