import { expect, test } from 'vitest'
import { closedAfterEach } from '../transport/closed-after-each.test.kit.ts'
import {
  type FakeServer,
  type Script,
  startFakeServer,
  testChannel,
} from '../transport/fake-server.test.kit.ts'
import { encodeFrame } from '../wire/frame.ts'
import { LeaseGrantResponse, LeaseRevokeResponse, LeaseTimeToLiveResponse } from '../wire/lease.ts'
import { createLeaseService } from './lease-service.ts'

const CLOSING = closedAfterEach()

async function start(script: Script): Promise<FakeServer> {
  const server = await startFakeServer(script)
  CLOSING.push(() => server.close())
  return server
}

test('"not found" counts only where an answer of the cluster that granted it says so, too', async () => {
  const leases = new Set<bigint>()
  /** A member of the cluster; or, once it was replaced, of another one, which has no leases. */
  const member = (clusterOf: () => bigint): Script => {
    return (call) => {
      const header = { clusterId: clusterOf(), revision: 9 }
      const isOurs = header.clusterId === 1n
      if (call.name === 'Lease/LeaseGrant') {
        leases.add(5n)
        call.answer(encodeFrame(LeaseGrantResponse, { header, id: 5n, ttl: 60 }))
      } else if (call.name === 'Lease/LeaseTimeToLive') {
        const ttl = isOurs && leases.has(5n) ? 60 : -1
        call.answer(encodeFrame(LeaseTimeToLiveResponse, { header, id: 5n, ttl }))
      } else if (isOurs && leases.delete(5n)) call.answer(encodeFrame(LeaseRevokeResponse, { header }))
      else call.refuse(5, 'etcdserver: requested lease not found')
    }
  }
  for (let turns = 0; turns < 3; turns += 1) {
    let isReplaced = false
    const servers = [await start(member(() => (isReplaced ? 2n : 1n))), await start(member(() => 1n))]
    const channel = testChannel(servers.map(({ endpoint }) => endpoint))
    CLOSING.push(() => channel.close())
    const service = createLeaseService(channel)
    const lease = await service.grant({ ttlSeconds: 60, id: 5n })
    for (let turn = 0; turn < turns; turn += 1) await service.timeToLive(5n)
    isReplaced = true
    await lease.revoke()
    expect(leases.size).toBe(0)
    // Gone already is fine, and says so at once.
    await service.revoke(5n)
  }
})
