import { describe, expect, test } from 'vitest'
import { createEtcdClient, type EtcdClient } from '../client.ts'
import { encodeFrame } from '../wire/frame.ts'
import { MemberListResponse } from '../wire/cluster.ts'
import { PutResponse } from '../wire/kv.ts'
import { deadEndpoint } from '../../../../test/support/dead-endpoint.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import { type FakeServer, startFakeServer } from './fake-server.test.kit.ts'

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
