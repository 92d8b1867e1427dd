import type { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { createEtcdClient, type EtcdClient } from '../client.ts'
import { encodeFrame } from '../wire/frame.ts'
import { MemberListResponse } from '../wire/cluster.ts'
import { PutResponse } from '../wire/kv.ts'
import { deadEndpoint } from '../../../../test/support/dead-endpoint.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import { type FakeServer, startFakeServer, startRawServer } from './fake-server.test.kit.ts'

const CLOSING = closedAfterEach()

const HEADER = { clusterId: 7n, memberId: 2n, revision: 5, raftTerm: 3 }

/** Members that name each other as `clientUrls` says at the time. As etcd 3.5 with auth, they tell their status to root only. */
async function member(
  clientUrls: () => readonly string[],
  clusterId = HEADER.clusterId,
): Promise<FakeServer> {
  const header = { ...HEADER, clusterId }
  const fake = await startFakeServer((call) => {
    if (call.name === 'Cluster/MemberList') {
      const members = clientUrls().map((url, index) => ({
        id: BigInt(index + 1),
        name: `m${index}`,
        clientUrls: [url],
      }))
      call.answer(encodeFrame(MemberListResponse, { header, members }))
    } else if (call.name === 'Maintenance/Status')
      call.answer(Buffer.alloc(0), { code: 7, message: 'etcdserver: permission denied' })
    else call.answer(encodeFrame(PutResponse, { header }))
  })
  CLOSING.push(() => fake.close())
  return fake
}

/** A resolver with one record for the endpoint. */
function resolverOf(endpoint: string) {
  return {
    resolveSrv: (name: string, done: (error: Error | null, records?: unknown[]) => void) => {
      const { hostname, port } = new URL(endpoint)
      if (name.startsWith('_etcd-client._tcp')) {
        done(null, [{ name: hostname, port: Number(port), priority: 1, weight: 1 }])
      } else done(Object.assign(new Error('none'), { code: 'ENOTFOUND' }))
    },
  }
}

function discovering(endpoint: string): EtcdClient {
  const resolver = resolverOf(endpoint) as never
  const client = createEtcdClient({
    discovery: { domain: 'example.test', resolver },
    timeouts: { connectMs: 2_000, callMs: 15_000 },
  })
  CLOSING.push(() => client.close())
  return client
}

/** A server that accepts connections and says nothing. */
async function muteServer() {
  const sockets: Socket[] = []
  const mute = await startRawServer((socket) => sockets.push(socket))
  CLOSING.push(() => mute.close())
  return { ...mute, sockets }
}

function knowing(endpoint: string, connectMs: number): EtcdClient {
  const client = createEtcdClient({ endpoints: endpoint, timeouts: { connectMs } })
  CLOSING.push(() => client.close())
  return client
}

describe('syncMembers', () => {
  test('asks all members at the same time, and ends with `closed` when the client is closed meanwhile', async () => {
    const mutes = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(muteServer))
    const other = await member(() => [])
    const seed = await member(() => [...mutes.map(({ endpoint }) => endpoint), other.endpoint])
    const client = knowing(seed.endpoint, 60_000)
    const synced = client.syncMembers().catch(({ code }: { readonly code: string }) => code)
    const asked = () => mutes.filter(({ sockets }) => sockets.length > 0).length + other.calls.length
    await expect.poll(asked).toBe(9)
    await client.close()
    expect(await synced).toBe('closed')
  })

  test('a list that was asked for later counts more than one whose members took longer', async () => {
    const mute = await muteServer()
    const [old, fresh] = [await member(() => []), await member(() => [])]
    let urls = [mute.endpoint, old.endpoint]
    const seed = await member(() => urls)
    const client = knowing(seed.endpoint, 1_000)
    await client.kv.put('k', 'v')
    const first = client.syncMembers()
    await expect.poll(() => old.calls.length).toBe(1)
    urls = [fresh.endpoint]
    expect(await client.syncMembers()).toEqual([seed.endpoint, fresh.endpoint])
    expect(await first).toEqual([seed.endpoint, fresh.endpoint])
    expect(client.channel.endpoints()).toEqual([seed.endpoint, fresh.endpoint])
  })
})

describe('syncMembers of a client that discovers its endpoints', () => {
  test('before the first call keeps them, where members advertise what cannot be reached', async () => {
    const unreachable = [await deadEndpoint(), await deadEndpoint()]
    const fake = await member(() => unreachable)
    const client = discovering(fake.endpoint)
    expect(await client.syncMembers()).toEqual([fake.endpoint])
    await client.kv.put('k', 'v')
    expect(client.channel.endpoints()).toEqual([fake.endpoint])
  })

  test('adopts members that answer, not those of another cluster, and lets go of those that left', async () => {
    let urls: string[] = []
    const seed = await member(() => urls)
    const other = await member(() => urls)
    const foreign = await member(() => urls, 8n)
    urls = [seed.endpoint, other.endpoint, foreign.endpoint]
    const client = discovering(seed.endpoint)
    expect(await client.syncMembers()).toEqual([seed.endpoint, other.endpoint])
    expect(await client.syncMembers()).toEqual([seed.endpoint, other.endpoint])
    urls = [seed.endpoint]
    expect(await client.syncMembers()).toEqual([seed.endpoint])
    expect(client.channel.endpoints()).toEqual([seed.endpoint])
    for (let index = 0; index < 4; index += 1) await client.kv.put('k', 'v')
  })
})
