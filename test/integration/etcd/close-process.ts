import { subscribe } from 'node:diagnostics_channel'
import { createSocket } from 'node:dgram'
import { setServers } from 'node:dns'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'

/**
 * Closes clients at ever later moments of whatever they do, while their connections are cut, and looks at what is left at
 * the moment `close()` resolves and some turns later. Prints what was left; nothing but that keeps it running.
 */
type Work = (client: EtcdClient) => unknown

const ignore = () => undefined
const quiet = { onBatch: ignore, onSnapshot: ignore, onEvents: ignore, onEnd: ignore }

const WORKS: Readonly<Record<string, Work>> = {
  call: ({ kv }) => kv.put('key', 'value'),
  'guarded write': ({ kv }) => kv.create(`key-${Math.random()}`, 'value'),
  'key with a time to live': ({ kv }) => kv.putWithTtl('brief', 'value', { ttlSeconds: 60 }),
  scan: ({ kv }) => kv.scan({ prefix: '' }, ignore),
  'next change': ({ kv }) => kv.nextChange({ key: 'key' }),
  watch: async ({ watch }) => {
    for await (const batch of watch.watch({ prefix: '' })) ignore.call(batch)
  },
  sync: ({ watch }) => watch.sync({ prefix: '' }, quiet),
  lease: async ({ lease }) => (await lease.grant({ ttlSeconds: 60 })).keepAlive(),
  'renewal of a lease': ({ lease }) => lease.keepAliveOnce(42n),
  snapshot: async ({ maintenance }) => {
    for await (const piece of maintenance.snapshot()) ignore.call(piece)
  },
  leader: ({ maintenance }) => maintenance.moveLeader(42n),
  members: (client) => client.syncMembers(),
}

const { LIVETREE_TEST_ENDPOINTS: endpoints = '', LIVETREE_TEST_TURNS: turns = '40' } = process.env
const dialled: Socket[] = []
subscribe('net.client.socket', (message) => dialled.push((message as { socket: Socket }).socket))

async function pass(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

/** Standard input and output are no concern of a client. */
function left(): string[] {
  const open = dialled.filter((socket) => !socket.closed).map(() => 'a socket')
  return [...open, ...process.getActiveResourcesInfo().filter((kind) => !/Pipe|TTY|FS|Immediate/.test(kind))]
}

async function closeAfter(work: Work, count: number): Promise<string[]> {
  dialled.length = 0
  const client = createEtcdClient({
    endpoints: endpoints.split(','),
    backoff: { minMs: 1, maxMs: 3 },
    timeouts: { connectMs: 500 },
  })
  const done = (async () => work(client))().catch(ignore)
  await pass(count)
  await client.close()
  const atOnce = left()
  await done
  await pass(5)
  return [...atOnce, ...left()]
}

let isClean = true
for (const [name, work] of Object.entries(WORKS)) {
  for (let count = 0; count < Number(turns); count += 1) {
    const found = await closeAfter(work, count < 20 ? count : 20 + (count - 20) * 25)
    if (found.length === 0) continue
    isClean = false
    console.log(`${name}, closed after ${count} turns: ${found.join(', ')}`)
  }
}

// A name server that never answers.
const mute = createSocket('udp4').bind(0, '127.0.0.1')
await once(mute, 'listening')
setServers([`127.0.0.1:${mute.address().port}`])
const searching = createEtcdClient({ discovery: { domain: 'example.com' } })
const search = searching.kv.get('key').catch(ignore)
await pass(50)
await searching.close()
await search
mute.close()
console.log(isClean ? 'nothing was left' : 'something was left')
