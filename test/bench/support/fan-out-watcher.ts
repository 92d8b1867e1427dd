import { type ClientHttp2Session, connect } from 'node:http2'
import { createEtcdClient } from '@livetree/etcd'
import { defineConfig, etcd } from 'livetree'
import { openBareWatch } from './bare-watch.ts'
import { serviceSchema } from './bench-tree.ts'
import { reportSeen } from './report-seen.ts'

/** So many watchers on one directory, live configurations or bare watches: a child of fan-out.ts. */
const [kind, endpoint, root, countText, connections] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
]
const count = Number(countText)
const isShared = connections === 'shared'
const see = reportSeen(count)

async function watchLive(): Promise<void> {
  const definition = defineConfig({ name: 'bench', schema: serviceSchema })
  const client = createEtcdClient({ endpoints: [endpoint] })
  for (let index = 0; index < count; index++) {
    const source = isShared ? etcd({ client, root }) : etcd({ endpoints: [endpoint], ownClient: true, root })
    const config = await definition.load({ sources: [source] })
    config.watch(
      (all) => all.note,
      (note) => see(note),
    )
  }
}

async function watchBare(): Promise<void> {
  const shared = connect(endpoint)
  for (let index = 0; index < count; index++) {
    const session: ClientHttp2Session = isShared ? shared : connect(endpoint)
    await openBareWatch(session, `${root}/`, (events) => see(events.at(-1)!.kv!.value.toString()))
  }
}

await (kind === 'live' ? watchLive() : watchBare())
process.send!('ready')
