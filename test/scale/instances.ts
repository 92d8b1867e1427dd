import { createServer } from 'node:http'
import { createMutex, openSession } from '@livetree/coordination'
import { createDiscovery } from '@livetree/discovery'
import { createEtcdClient } from '@livetree/etcd'
import { defineConfig, etcd } from 'livetree'
import { joinFleet } from 'livetree/fleet'
import { serviceSchema } from '../bench/support/bench-tree.ts'
import { reportSeen } from '../bench/support/report-seen.ts'
import type { InstanceKind } from './scale-case.ts'

const [kind, endpoint, firstText, countText] = process.argv.slice(2) as [InstanceKind, string, string, string]
const [first, count] = [Number(firstText), Number(countText)]
/** Instances of one service, each of which sees all of them. */
const INSTANCES_OF_A_SERVICE = 20
const see = reportSeen(count)

const definition = defineConfig({ name: 'scale', schema: serviceSchema })

/** A service with a connection of its own, as each process of a fleet has one. */
async function startConfig(isInFleet: boolean): Promise<void> {
  const client = createEtcdClient({ endpoints: [endpoint] })
  const sources = [etcd({ client, root: '/scale' })]
  const config = await definition.load({ sources, logger: false })
  config.watch(
    (all) => all.note,
    (note) => see(note),
  )
  if (isInFleet) await joinFleet(config)
}

async function startLock(index: number): Promise<void> {
  const client = createEtcdClient({ endpoints: [endpoint] })
  const session = await openSession(client, { ttlSeconds: 15 })
  await createMutex(session, `scale/${index}`).acquire()
}

async function startDiscovery(index: number): Promise<void> {
  const client = createEtcdClient({ endpoints: [endpoint] })
  const discovery = createDiscovery({ client, logger: false })
  const service = `scale-${Math.floor(index / INSTANCES_OF_A_SERVICE)}`
  const server = createServer().listen(0, '127.0.0.1')
  await discovery.register({ service, server })
  await discovery.openService(service)
}

for (let index = first; index < first + count; index++) {
  if (kind === 'lock') await startLock(index)
  else if (kind === 'discovery') await startDiscovery(index)
  else await startConfig(kind === 'config, fleet')
}
process.send!('ready')
