import { AlarmAction, AlarmType, Cluster, KV, Lease, Maintenance } from '@livetree/etcd/wire'
import { describe, expect, test } from 'vitest'
import { eachServer, fresh, prefixEnd, put, revisionOf, textOf } from './contract-server.ts'
import { differs } from './differences.ts'
import { op } from './operations.ts'
import { refusal } from './refusal.ts'

const noSpace = { code: 8, message: 'etcdserver: mvcc: database space exceeded' }

eachServer('Space', (server) => {
  describe('of 16 MB', () => {
    const current = server.use({ quotaBytes: 16 * 1024 * 1024 })

    test('62 writes are refused with 8 when the quota is reached, reads and deletes pass', async () => {
      const { client } = current()
      const key = fresh('fill')
      const { id } = await client.call(Lease.grant, { ttl: 600 })
      await put(client, `${key}small`, 'kept', id)
      const value = 'x'.repeat(1024 * 1024)
      let refused: unknown
      for (let n = 0; n < 64 && refused === undefined; n += 1) {
        refused = await put(client, `${key}${n}`, value).then(
          () => undefined,
          ({ code, message }) => ({ code, message }),
        )
      }
      expect(refused).toEqual(noSpace)
      const revision = await revisionOf(client)
      expect(await refusal(put(client, key, 'small'))).toEqual(noSpace)
      expect(await refusal(client.call(KV.txn, { success: [op.put({ key, value: '1' })] }))).toEqual(noSpace)
      expect(await refusal(client.call(Lease.grant, { ttl: 60 }))).toEqual(noSpace)
      expect(await revisionOf(client)).toBe(revision)
      expect(await textOf(client, `${key}small`)).toBe('kept')
      expect((await client.call(KV.txn, { success: [op.range({ key: `${key}small` })] })).succeeded).toBe(
        true,
      )
      const end = prefixEnd(key)
      expect((await client.call(KV.deleteRange, { key, rangeEnd: end })).deleted).toBeGreaterThan(1)
      await client.call(Lease.revoke, { id })
    })

    test('62 the alarm is listed, told by status, and makes the member unhealthy', async () => {
      const { client, endpoint } = current()
      const { alarms } = await client.call(Maintenance.alarm, {})
      const { header, errors } = await client.call(Maintenance.status, {})
      expect(alarms).toEqual([{ memberId: header!.memberId, alarm: AlarmType.noSpace }])
      expect(errors.join()).toMatch(/NOSPACE/)
      const health = await fetch(`${endpoint}/health`)
      expect([health.status, ((await health.json()) as { health: string }).health]).toEqual([503, 'false'])
    })

    test('62 after compaction and defragmentation, disarming lets writes pass again', async () => {
      const { client } = current()
      await client.call(KV.compact, { revision: await revisionOf(client), physical: true })
      await client.call(Maintenance.defragment, {})
      expect(await refusal(put(client, fresh('k'), '1'))).toEqual(noSpace)
      const { header } = await client.call(Maintenance.status, {})
      const disarmed = await client.call(Maintenance.alarm, {
        action: AlarmAction.deactivate,
        memberId: header!.memberId,
        alarm: AlarmType.noSpace,
      })
      expect(disarmed.alarms).toEqual([{ memberId: header!.memberId, alarm: AlarmType.noSpace }])
      expect((await client.call(Maintenance.alarm, {})).alarms).toEqual([])
      await put(client, fresh('k'), '1')
      expect((await client.call(Maintenance.status, {})).errors).toEqual([])
    })
  })
})

eachServer('Member', (server) => {
  const current = server.use()

  test('63 status', async () => {
    const { client } = current()
    await put(client, fresh('k'), 'x'.repeat(100_000))
    const before = await client.call(Maintenance.status, {})
    expect(before.version).toMatch(/^3\.\d+\.\d+$/)
    expect(before.leader).toBe(before.header!.memberId)
    expect(before.raftTerm).toBe(before.header!.raftTerm)
    expect(before.raftTerm).toBeGreaterThanOrEqual(2)
    expect(before.raftAppliedIndex).toBe(before.raftIndex)
    expect(before.dbSize).toBeGreaterThanOrEqual(before.dbSizeInUse)
    expect(before.dbSize).toBeGreaterThanOrEqual(20_000)
    expect(before).toMatchObject({ errors: [], isLearner: false })
    await put(client, fresh('k'), '1')
    const after = await client.call(Maintenance.status, {})
    expect(after.raftIndex).toBe(before.raftIndex + 1)
    expect(after.header?.revision).toBe(before.header!.revision + 1)
  })

  test('63 member list', async () => {
    const { client, endpoint } = current()
    const { members, header } = await client.call(Cluster.memberList, {})
    expect(members.length).toBe(1)
    expect(members[0]).toMatchObject({ id: header!.memberId, clientUrls: [endpoint], isLearner: false })
    expect(members[0]?.name).not.toBe('')
    expect(members[0]?.peerUrls.length).toBe(1)
  })

  test('63 /version, /health and /metrics over HTTP/1.1 on the same port', async () => {
    const { endpoint } = current()
    const version = await fetch(`${endpoint}/version`)
    expect(version.headers.get('content-type')).toBe('application/json')
    const { etcdserver, etcdcluster } = (await version.json()) as Record<string, string>
    expect(etcdserver).toMatch(/^3\.\d+\.\d+$/)
    expect(etcdcluster).toBe(etcdserver?.replace(/\d+$/, '0'))
    const health = await fetch(`${endpoint}/health`)
    expect(health.status).toBe(200)
    const expected = differs(server, 'healthWithoutReason')
      ? { health: 'true' }
      : { health: 'true', reason: '' }
    expect(await health.json()).toEqual(expected)
    expect((await fetch(`${endpoint}/nothing`)).status).toBe(404)
    const metrics = await (await fetch(`${endpoint}/metrics`)).text()
    expect(metrics).toMatch(/^etcd_debugging_mvcc_watch_stream_total 0$/m)
    expect(metrics).toMatch(/^etcd_server_has_leader 1$/m)
  })

  test('63 hashKv is the same for the same content', async () => {
    const { client } = current()
    const revision = await put(client, fresh('k'), '1')
    const first = await client.call(Maintenance.hashKv, { revision })
    await put(client, fresh('k'), '2')
    const again = await client.call(Maintenance.hashKv, { revision })
    const newer = await client.call(Maintenance.hashKv, {})
    expect(again.hash).toBe(first.hash)
    expect(newer.hash).not.toBe(first.hash)
    expect(first.compactRevision).toBe(-1)
    expect((await refusal(client.call(Maintenance.hashKv, { revision: revision + 100 }))).code).toBe(11)
  })

  test('63 a snapshot is the file of etcd, which embedded does not have', async () => {
    const { client } = current()
    const messages = client.send(Maintenance.snapshot.path, Buffer.alloc(5))
    if (differs(server, 'noSnapshot')) expect((await refusal(messages)).code).toBe(12)
    else expect((await messages).length).toBeGreaterThan(0)
  })

  test('63 members are added to a cluster, which embedded is not', async () => {
    const { client } = current()
    const add = client.call(Cluster.memberAdd, { peerUrls: ['http://127.0.0.1:1'] })
    if (differs(server, 'oneMember')) expect((await refusal(add)).code).toBe(12)
    // A single etcd would no longer have a majority: it refuses what is not started, or answers.
    else
      expect([0, 9]).toContain(
        await add.then(
          () => 0,
          ({ code }) => code,
        ),
      )
  })
})
