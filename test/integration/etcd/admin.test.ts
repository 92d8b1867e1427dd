import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEtcdClient } from '@livetree/etcd'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'
import type { EtcdCluster } from '../../support/start-etcd-cluster.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect, putMany } from './watch-kit.ts'

withoutOpenHandles()

const folder = mkdtempSync(join(tmpdir(), 'livetree-admin-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

oneEtcd('maintenance', (etcd) => {
  it('tells the status of a member', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const { header } = await client.kv.put('a', '1')
    const status = await client.maintenance.status({ endpoint: server.endpoint })
    expect(status).toMatchObject({
      version: server.version,
      revision: header.revision,
      memberId: header.memberId,
      clusterId: header.clusterId,
      isLeader: true,
      isLearner: false,
      errors: [],
    })
    expect(status.dbSize).toBeGreaterThanOrEqual(status.dbSizeInUse)
  })

  it('hashes what the store holds at a revision', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const first = (await client.kv.put('a', '1')).header.revision
    const before = await client.maintenance.hashKv()
    expect(before.revision).toBe(first)
    await client.kv.put('a', '2')
    const after = await client.maintenance.hashKv()
    expect(after.hash).not.toBe(before.hash)
    expect((await client.maintenance.hashKv({ revision: first })).hash).toBe(before.hash)
    await expect(client.maintenance.hashKv({ revision: 99 })).rejects.toMatchObject({
      code: 'future_revision',
    })
  })

  it('NOSPACE: told, ended after room was made, and raised by hand', async () => {
    const server = await etcd.start({ args: ['--quota-backend-bytes=4194304'] })
    const client = connect(server.endpoint)
    const fill = async () => {
      for (;;) await client.kv.put('big', Buffer.alloc(500_000))
    }
    await expect(fill()).rejects.toMatchObject({ code: 'no_space' })
    const { memberId } = await client.maintenance.status()
    expect(await client.maintenance.alarms()).toEqual([{ memberId, type: 'no_space' }])
    const { header } = await client.kv.delete('big')
    await client.kv.compact(header.revision, { physical: true })
    const full = (await client.maintenance.status()).dbSize
    await client.maintenance.defragment({ endpoint: server.endpoint })
    expect((await client.maintenance.status()).dbSize).toBeLessThan(full)
    await expect(client.kv.put('a', '1')).rejects.toMatchObject({ code: 'no_space' })
    expect(await client.maintenance.disarmAlarms({ type: 'corrupt' })).toEqual([])
    expect(await client.maintenance.disarmAlarms()).toEqual([{ memberId, type: 'no_space' }])
    expect(await client.maintenance.alarms()).toEqual([])
    await client.kv.put('a', '1')
    await client.maintenance.activateAlarm({ memberId, type: 'no_space' })
    await expect(client.kv.put('a', '2')).rejects.toMatchObject({ code: 'no_space' })
    await client.maintenance.disarmAlarms({ memberId })
    await client.kv.put('a', '2')
  })

  describe('snapshot', () => {
    etcd.needs('snapshot')

    it('saves a file that etcd restores from', async () => {
      const server = await etcd.start()
      const client = connect(server.endpoint)
      await putMany(client, 'a', 200, Buffer.alloc(10_000, 'x'))
      const path = join(folder, `saved-${etcd.kind}.db`)
      const saved = await client.maintenance.saveSnapshot(path)
      expect(saved).toEqual({ path, bytes: statSync(path).size })
      expect(statSync(path).mode & 0o777).toBe(0o600)
      const [status] = JSON.parse(`[${await server.etcdctl(['snapshot', 'status', path, '-w', 'json'])}]`)
      expect(status).toMatchObject({ revision: 201 })
      await server.etcdctl(['snapshot', 'restore', path, '--data-dir', join(folder, `restored-${etcd.kind}`)])
      const restored = await etcd.start({ dataDir: join(folder, `restored-${etcd.kind}`) })
      expect(await connect(restored.endpoint).kv.count({ prefix: '' })).toBe(1)
      expect((await connect(restored.endpoint).kv.get('a'))?.version).toBe(200)
    })

    it('is read piece by piece, and restores to the same store as the saved one', async () => {
      const server = await etcd.start()
      const client = connect(server.endpoint)
      const revisions = await putMany(client, 'a', 50, Buffer.alloc(100_000, 'y'))
      const paths = ['saved', 'read'].map((name) => join(folder, `${name}-equal-${etcd.kind}.db`))
      await client.maintenance.saveSnapshot(paths[0]!)
      const pieces: Buffer[] = []
      for await (const piece of client.maintenance.snapshot()) pieces.push(Buffer.from(piece))
      expect(pieces.length).toBeGreaterThan(5)
      writeFileSync(paths[1]!, Buffer.concat(pieces))
      // Not their bytes: etcd writes to its file, free pages and its own bookkeeping, also while nobody asks for anything.
      for (const path of paths) {
        const [status] = JSON.parse(`[${await server.etcdctl(['snapshot', 'status', path, '-w', 'json'])}]`)
        expect(status).toMatchObject({ revision: revisions.at(-1) })
        const dataDir = `${path}-restored`
        await server.etcdctl(['snapshot', 'restore', path, '--data-dir', dataDir])
        const restored = connect((await etcd.start({ dataDir })).endpoint)
        const { entries } = await restored.kv.getRange({ prefix: '' })
        expect(entries.map(({ key, version, value }) => [key, version, value.length])).toEqual([
          ['a', 50, 100_000],
        ])
      }
    })

    describe('of ten megabytes', () => {
      let server: EtcdServer
      beforeAll(async () => {
        if (etcd.kind === 'embedded') return
        server = await etcd.start()
        await using client = createEtcdClient({ endpoints: server.endpoint })
        await putMany(client, 'a', 100, Buffer.alloc(100_000, 'y'))
      })

      it('two that are saved to one path at once leave one of them, whole', async () => {
        const client = connect(server.endpoint)
        const path = join(folder, `twice-${etcd.kind}.db`)
        await Promise.all([client.maintenance.saveSnapshot(path), client.maintenance.saveSnapshot(path)])
        const dataDir = `${path}-restored`
        await server.etcdctl(['snapshot', 'restore', path, '--data-dir', dataDir])
        expect((await connect((await etcd.start({ dataDir })).endpoint).kv.get('a'))?.version).toBe(100)
        expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([])
      })

      it('T1.51 a reader that does not read gets an error, not a short file', async () => {
        const client = connect(server.endpoint)
        const reader = client.maintenance.snapshot({ maxQueuedBytes: 1_000_000 })
        expect((await reader.next()).done).toBe(false)
        let error: unknown
        await waitFor(async () => {
          try {
            const { done } = await reader.next()
            expect(done).toBe(false)
            await new Promise((resolve) => setImmediate(resolve))
          } catch (thrown) {
            error = thrown
          }
          return error
        })
        expect(error).toMatchObject({ code: 'slow_consumer' })
        expect(await reader.next()).toEqual({ done: true, value: undefined })
      })

      it('leaving the loop, and the signal, end it', async () => {
        const client = connect(server.endpoint)
        for await (const piece of client.maintenance.snapshot()) if (piece.length > 0) break
        const saving = client.maintenance.saveSnapshot(join(folder, 'never.db'), {
          signal: AbortSignal.abort(),
        })
        await expect(saving).rejects.toMatchObject({ code: 'cancelled' })
        expect(readdirSync(folder).filter((name) => name.startsWith('never'))).toEqual([])
      })

      it('a connection that breaks leaves no file behind', async () => {
        await using proxy = await startProxy({ target: server.endpoint })
        const client = connect(proxy.endpoint)
        await client.kv.get('warm')
        void proxy.cutAfter(2_000_000)
        const saving = client.maintenance.saveSnapshot(join(folder, 'broken.db'))
        await expect(saving).rejects.toMatchObject({ code: 'connection_lost' })
        proxy.heal()
        expect(readdirSync(folder).filter((name) => name.startsWith('broken'))).toEqual([])
      })
    })
  })
})

oneEtcd('cluster', (etcd) => {
  etcd.needs('cluster')
  let cluster: EtcdCluster
  beforeAll(async () => {
    if (etcd.kind !== 'embedded') cluster = await etcd.startCluster()
  })

  it('lists members, and moves the leader by asking the leader', async () => {
    const client = connect(cluster.endpoints)
    const members = await client.cluster.members()
    expect(members.map(({ clientUrls }) => clientUrls[0]).sort()).toEqual([...cluster.endpoints].sort())
    const statuses = await Promise.all(
      cluster.endpoints.map((endpoint) => client.maintenance.status({ endpoint })),
    )
    const follower = statuses.find(({ isLeader }) => !isLeader)!
    await client.maintenance.moveLeader(follower.memberId)
    await waitFor(async () => {
      const now = await Promise.all(
        cluster.endpoints.map((endpoint) => client.maintenance.status({ endpoint })),
      )
      return now.every(({ leader }) => leader === follower.memberId)
    })
    const leader = await cluster.leader()
    const others = connect(cluster.endpoints.filter((endpoint) => endpoint !== leader.endpoint))
    await expect(others.maintenance.moveLeader(members[0]!.id)).rejects.toThrow(
      /none of the endpoints .* is the leader/,
    )
  })

  it('adds, updates and removes a member', async () => {
    const client = connect(cluster.endpoints)
    const learner = await client.cluster.addMember({ peerUrls: ['http://127.0.0.1:1'], isLearner: true })
    expect(learner).toMatchObject({ name: '', peerUrls: ['http://127.0.0.1:1'], isLearner: true })
    const updated = await client.cluster.updateMember(learner.id, { peerUrls: ['http://127.0.0.1:2'] })
    expect(updated.find(({ id }) => id === learner.id)?.peerUrls).toEqual(['http://127.0.0.1:2'])
    await expect(client.cluster.promoteMember(learner.id)).rejects.toMatchObject({
      code: 'failed_precondition',
    })
    expect((await client.cluster.removeMember(learner.id)).length).toBe(3)
    await expect(client.cluster.removeMember(12345n)).rejects.toMatchObject({ code: 'not_found' })
    await expect(client.cluster.addMember({ peerUrls: [] })).rejects.toThrow(/peerUrls is empty/)
  })
})

oneEtcd('users and roles', (etcd) => {
  it('are made, granted, listed, used, revoked and deleted', async () => {
    const server = await etcd.start({ auth: { password: 'rootpw' } })
    const root = connect(server.endpoint, { auth: { username: 'root', password: 'rootpw' } })
    const { users, roles } = root.authAdmin
    await roles.add('app')
    await roles.grant('app', { access: 'readWrite', range: { prefix: 'app/' } })
    await roles.grant('app', { access: 'read', range: { key: 'shared' } })
    await roles.grant('app', { access: 'write', range: { from: 'log/a', to: 'log/m' } })
    await roles.grant('app', { access: 'read', range: { from: 'z' } })
    expect(await roles.permissions('app')).toEqual([
      { access: 'readWrite', range: { prefix: 'app/' } },
      { access: 'write', range: { from: 'log/a', to: 'log/m' } },
      { access: 'read', range: { key: 'shared' } },
      { access: 'read', range: { from: 'z' } },
    ])
    await users.add('ann', { password: 'annpw' })
    await users.grantRole('ann', 'app')
    expect(await users.list()).toEqual(['ann', 'root'])
    expect(await users.roles('ann')).toEqual(['app'])
    expect(await roles.list()).toContain('app')

    const ann = connect(server.endpoint, { auth: { username: 'ann', password: 'annpw' } })
    await ann.kv.put('app/x', '1')
    await ann.kv.put('log/b', '1')
    await expect(ann.kv.put('shared', '1')).rejects.toMatchObject({ code: 'permission_denied' })
    await expect(ann.kv.get('log/b')).rejects.toMatchObject({ code: 'permission_denied' })
    await expect(ann.authAdmin.users.list()).rejects.toMatchObject({ code: 'permission_denied' })

    await roles.revoke('app', { prefix: 'app/' })
    await waitFor(() =>
      ann.kv.put('app/x', '2').then(
        () => false,
        (error) => error.code === 'permission_denied',
      ),
    )
    await users.changePassword('ann', 'newpw')
    const again = connect(server.endpoint, { auth: { username: 'ann', password: 'newpw' } })
    await again.kv.put('log/b', '2')
    const wrong = connect(server.endpoint, { auth: { username: 'ann', password: 'annpw' } })
    await expect(wrong.kv.put('log/b', '3')).rejects.toMatchObject({ code: 'unauthenticated' })

    await users.revokeRole('ann', 'app')
    expect(await users.roles('ann')).toEqual([])
    await roles.delete('app')
    await users.delete('ann')
    await expect(users.roles('ann')).rejects.toMatchObject({ code: 'not_found' })
    await expect(roles.permissions('app')).rejects.toMatchObject({ code: 'not_found' })
    await expect(users.add('root', { password: 'x' })).rejects.toMatchObject({ code: 'already_exists' })
  })

  it('auth is switched on and off', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    await expect(client.authAdmin.enable()).rejects.toMatchObject({ code: 'failed_precondition' })
    const { users, roles } = client.authAdmin
    await users.add('root', { password: 'rootpw' })
    await roles.add('root').catch(() => undefined)
    await users.grantRole('root', 'root')
    await client.authAdmin.enable()
    await expect(client.kv.get('a')).rejects.toMatchObject({ code: 'unauthenticated' })
    const root = connect(server.endpoint, { auth: { username: 'root', password: 'rootpw' } })
    if (etcd.kind === '3.4') {
      await expect(root.authAdmin.status()).rejects.toMatchObject({ code: 'unimplemented' })
    } else {
      expect(await root.authAdmin.status()).toMatchObject({ isEnabled: true })
    }
    await root.authAdmin.users.add('machine', { noPassword: true })
    await root.authAdmin.disable()
    await client.kv.get('a')
    await expect(client.authAdmin.users.add('x', { password: '' })).rejects.toThrow(/password is empty/)
  })
})
