import { createElection, openSession } from '@livetree/coordination'
import { createEtcdClient } from '@livetree/etcd'

/** Leads until it is killed: a child of locks.ts. */
const [endpoint = '', name = '', ttlSeconds = ''] = process.argv.slice(2)
const client = createEtcdClient({ endpoints: [endpoint] })
const session = await openSession(client, { ttlSeconds: Number(ttlSeconds) })
await createElection(session, name).campaign('first')
process.on('disconnect', () => process.exit())
process.send?.({ pid: process.pid, ttlSeconds: session.ttlSeconds })
