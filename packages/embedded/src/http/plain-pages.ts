import { AlarmType } from '@livetree/etcd/wire'
import { alarmName } from '../alarms.ts'
import type { Engine } from '../engine.ts'
import { ETCD_VERSION } from '../version.ts'
import { jsonPage, type Page, textPage } from './page.ts'

const VERSION = { etcdserver: ETCD_VERSION, etcdcluster: ETCD_VERSION.replace(/\d+$/, '0') }

function health({ alarms }: Engine): Page {
  const [first] = alarms.list(AlarmType.noSpace).concat(alarms.list())
  if (first === undefined) return jsonPage(200, { health: 'true', reason: '' })
  const body = JSON.stringify({ health: 'false', reason: `ALARM ${alarmName(first.alarm)}` })
  return textPage(503, body)
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
  const headers = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }
  return { status: 200, headers, body: lines.join('') }
}

const WRONG_METHOD = textPage(405, 'Method Not Allowed')
const GET_ONLY: Page = { ...WRONG_METHOD, headers: { ...WRONG_METHOD.headers, allow: 'GET' } }

/** The plain HTTP pages of etcd that clients and probes use. */
export function plainPages(engine: Engine) {
  return (path: string, method: string): Page => {
    switch (path) {
      case '/version':
        return method === 'GET' ? jsonPage(200, VERSION) : GET_ONLY
      case '/health':
        return method === 'GET' ? health(engine) : GET_ONLY
      case '/metrics':
        return metrics(engine)
      default:
        return textPage(404, '404 page not found')
    }
  }
}
