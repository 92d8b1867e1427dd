import type { IncomingMessage, ServerResponse } from 'node:http'
import { AlarmType } from '@livetree/etcd/wire'
import { alarmName } from '../alarms.ts'
import type { Engine } from '../engine.ts'
import { ETCD_VERSION } from '../version.ts'

/** An HTTP response. */
interface Page {
  readonly status: number
  readonly type: string
  readonly body: string
}

function json(status: number, value: unknown): Page {
  return {
    status,
    type: 'application/json',
    body: JSON.stringify(value),
  }
}

function health({ alarms }: Engine): Page {
  const [first] = alarms.list(AlarmType.noSpace).concat(alarms.list())
  if (first === undefined) return json(200, { health: 'true', reason: '' })
  const body = JSON.stringify({ health: 'false', reason: `ALARM ${alarmName(first.alarm)}` })
  // Formatted like an error in Go.
  return { status: 503, type: 'text/plain; charset=utf-8', body: `${body}\n` }
}

/** Some of etcd's metrics, under its names, for tests and local dashboards. */
function metrics({ store, hub, fileBytes, bytesInUse }: Engine): Page {
  const gauges = {
    etcd_server_has_leader: 1,
    etcd_debugging_mvcc_keys_total: store.keyCount,
    etcd_debugging_mvcc_current_revision: store.revision,
    etcd_debugging_mvcc_compact_revision: Math.max(store.compactRevision, 0),
    etcd_debugging_mvcc_watch_stream_total: hub.streams,
    etcd_debugging_mvcc_watcher_total: hub.watchers,
    etcd_mvcc_db_total_size_in_bytes: fileBytes,
    etcd_mvcc_db_total_size_in_use_in_bytes: bytesInUse,
    process_resident_memory_bytes: process.memoryUsage.rss(),
  }
  const lines = Object.entries(gauges).map(([name, value]) => `# TYPE ${name} gauge\n${name} ${value}\n`)
  return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: lines.join('') }
}

function pageFor(path: string | undefined, engine: Engine): Page {
  switch (path) {
    case '/version':
      return json(200, { etcdserver: ETCD_VERSION, etcdcluster: ETCD_VERSION.replace(/\d+$/, '0') })
    case '/health':
      return health(engine)
    case '/metrics':
      return metrics(engine)
    default:
      return { status: 404, type: 'text/plain; charset=utf-8', body: '404 page not found\n' }
  }
}

/** Serves the plain HTTP pages of etcd that clients and probes use. */
export function plainPages(engine: Engine) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const { status, type, body } = pageFor(request.url?.split('?')[0], engine)
    response.writeHead(status, { 'content-type': type }).end(body)
  }
}
