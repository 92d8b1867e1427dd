import { AlarmAction, AlarmType, Cluster, KV, Lease, Maintenance } from '@livetree/etcd/wire'
import { describe, expect, test } from 'vitest'
import { eachServer, fresh, prefixEnd, put, revisionOf, textOf } from './contract-server.ts'
import { differs } from './differences.ts'
import { op } from './operations.ts'
import type { RawClient } from './raw-client.ts'
import { refusal } from './refusal.ts'

/**
 * Returns when the last change of the membership is behind the store. etcd answers such a change before raft counts it
 * as applied, and raft drops the next one until then, which gets no answer at all; a write that was applied after it
 * says that it is over.
 */
const membershipSettled = (client: RawClient): Promise<number> => put(client, fresh('settled'), '1')

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

eachServer('Alarm', (server) => {
  const current = server.use()
  const { none: all, noSpace: full, corrupt } = AlarmType
  const { get, activate, deactivate } = AlarmAction
  const call = async (action: number, alarm: number, memberId = 0n) =>
    (await current().client.call(Maintenance.alarm, { action, alarm, memberId })).alarms
      .map(({ memberId, alarm }) => `${memberId} ${alarm}`)
      .sort()

  /** What is refused now: of a put, a delete, a transaction that deletes, and a lease. */
  const refused = async () => {
    const { client } = current()
    const codeOf = (calling: Promise<unknown>): Promise<number> =>
      calling.then(
        () => 0,
        ({ code }) => code,
      )
    const key = fresh('alarm')
    return [
      await codeOf(put(client, key, '1')),
      await codeOf(client.call(KV.deleteRange, { key })),
      await codeOf(client.call(KV.txn, { success: [op.delete({ key })] })),
      await codeOf(client.call(Lease.grant, { ttl: 60 })),
      await codeOf(client.call(Lease.revoke, { id: 99n })),
      await codeOf(client.call(KV.range, { key })),
      await codeOf(client.call(KV.txn, { success: [op.range({ key })] })),
    ]
  }
  const nothing = [0, 0, 0, 0, 5, 0, 0]
  const growth = [8, 0, 0, 8, 5, 0, 0]
  const everyWrite = [15, 15, 15, 15, 15, 0, 0]

  const health = async () => {
    const response = await fetch(`${current().endpoint}/health`)
    const { health, reason } = (await response.json()) as Record<string, string>
    return [response.status, health, ...(differs(server, 'healthWithoutReason') ? [] : [reason])]
  }
  const unhealthy = (reason: string) => [
    503,
    'false',
    ...(differs(server, 'healthWithoutReason') ? [] : [`ALARM ${reason}`]),
  ]
  const errors = async () => [...(await current().client.call(Maintenance.status, {})).errors].sort()

  test('62 an alarm of any member counts, until it is taken back by name', async () => {
    expect(await call(activate, full, 5n)).toEqual(['5 1'])
    expect(await call(activate, full, 5n)).toEqual(['5 1'])
    expect(await call(activate, full)).toEqual(['0 1'])
    expect(await call(get, all)).toEqual(['0 1', '5 1'])
    expect(await call(get, corrupt)).toEqual([])
    expect(await refused()).toEqual(growth)
    expect(await errors()).toEqual(['alarm:NOSPACE ', 'memberID:5 alarm:NOSPACE '])
    expect(await health()).toEqual(unhealthy('NOSPACE'))
    expect(await call(deactivate, full, 7n)).toEqual([])
    expect(await call(deactivate, corrupt, 5n)).toEqual([])
    expect(await refused()).toEqual(growth)
    // Any alarm that is taken back lets writes pass, whatever else is up.
    expect(await call(deactivate, full, 5n)).toEqual(['5 1'])
    expect(await call(get, all)).toEqual(['0 1'])
    expect(await call(deactivate, full)).toEqual(['0 1'])
    expect(await refused()).toEqual(nothing)
  })

  test('62 CORRUPT refuses every write with 15, and reads pass', async () => {
    expect(await call(activate, corrupt, 6n)).toEqual(['6 2'])
    expect(await refused()).toEqual(everyWrite)
    const { client } = current()
    expect((await refusal(client.call(KV.compact, { revision: 1 }))).message).toBe(
      'etcdserver: corrupt cluster',
    )
    expect(await errors()).toEqual(['memberID:6 alarm:CORRUPT '])
    expect(await health()).toEqual(unhealthy('CORRUPT'))
    expect(await call(activate, full, 6n)).toEqual(['6 1'])
    expect(await call(get, all)).toEqual(['6 1', '6 2'])
    // The last one that was new says what is refused.
    expect(await refused()).toEqual(growth)
    expect(await call(activate, corrupt, 6n)).toEqual(['6 2'])
    expect(await refused()).toEqual(growth)
    expect(await call(deactivate, full, 6n)).toEqual(['6 1'])
    expect(await refused()).toEqual(nothing)
    expect(await health()).toEqual(unhealthy('CORRUPT'))
    expect(await call(deactivate, corrupt, 6n)).toEqual(['6 2'])
    expect(await health()).toEqual([200, 'true', ...(differs(server, 'healthWithoutReason') ? [] : [''])])
  })

  test('62 an alarm of no kind, and an action that is none, do nothing', async () => {
    // etcd ends its process at some of these.
    if (!server.isEmbedded) return
    for (const [action, alarm] of [
      [activate, all],
      [activate, 7],
      [deactivate, all],
      [deactivate, 7],
      [9, full],
    ] as const) {
      expect(await call(action, alarm, 5n)).toEqual([])
    }
    expect(await refused()).toEqual(nothing)
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
    // etcd reads the two one after the other, and proposes entries of its own, such as the version of the cluster.
    expect(before.raftAppliedIndex).toBeGreaterThan(0)
    if (server.isEmbedded) expect(before.raftAppliedIndex).toBe(before.raftIndex)
    expect(before.dbSize).toBeGreaterThanOrEqual(before.dbSizeInUse)
    expect(before.dbSize).toBeGreaterThanOrEqual(20_000)
    expect(before).toMatchObject({ errors: [], isLearner: false })
    await put(client, fresh('k'), '1')
    const after = await client.call(Maintenance.status, {})
    expect(after.raftIndex).toBeGreaterThan(before.raftIndex)
    if (server.isEmbedded) expect(after.raftIndex).toBe(before.raftIndex + 1)
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

  test('63 a store without keys has a hash that is not 0', async () => {
    const { client } = current()
    // After this nothing is there but the record of the deletion.
    await client.call(KV.deleteRange, { key: '\0', rangeEnd: '\0' })
    await client.call(KV.compact, { revision: await revisionOf(client), physical: true })
    expect((await client.call(Maintenance.hash, {})).hash).not.toBe(0)
    expect((await client.call(Maintenance.hashKv, {})).hash).not.toBe(0)
  })

  test('63 the only member leads, stays, and can be no learner', async () => {
    const { client } = current()
    const { header } = await client.call(Cluster.memberList, {})
    const id = header!.memberId
    await client.call(Maintenance.moveLeader, { targetId: id })
    const said = (code: number, what: string) => ({ code, message: `etcdserver: ${what}` })
    expect(await refusal(client.call(Maintenance.moveLeader, { targetId: 99n }))).toEqual(
      said(9, 'bad leader transferee'),
    )
    const none = said(5, 'member not found')
    const peerUrls = ['http://127.0.0.1:12380']
    // Also one that is refused may be a change of membership to raft.
    const refusedChange = async (change: () => Promise<unknown>) => {
      await membershipSettled(client)
      return refusal(change())
    }
    expect(await refusedChange(() => client.call(Cluster.memberRemove, { id: 99n }))).toEqual(none)
    expect(await refusedChange(() => client.call(Cluster.memberPromote, { id: 99n }))).toEqual(none)
    expect(await refusedChange(() => client.call(Cluster.memberUpdate, { id: 99n, peerUrls }))).toEqual(none)
    expect((await refusedChange(() => client.call(Cluster.memberPromote, { id }))).code).toBe(9)
    expect((await refusedChange(() => client.call(Cluster.memberRemove, { id }))).code).toBe(2)
    await membershipSettled(client)
    await client.call(Cluster.memberUpdate, { id, peerUrls })
    const { members } = await client.call(Cluster.memberList, {})
    expect(members.map((member) => member.peerUrls)).toEqual([peerUrls])
  })

  test('63 a snapshot is the file of etcd, which embedded does not have', async () => {
    const { client } = current()
    const messages = client.send(Maintenance.snapshot.path, Buffer.alloc(5))
    if (differs(server, 'noSnapshot')) expect((await refusal(messages)).code).toBe(12)
    else expect((await messages).length).toBeGreaterThan(0)
  })

  test('63 members are added to a cluster, which embedded is not', async () => {
    const { client } = current()
    await membershipSettled(client)
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
