import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { oneEtcd, oneRealEtcd } from './each-etcd.ts'
import { makeCertificates } from './make-certificates.ts'
import { withoutOpenHandles } from './open-handles.ts'
import type { EtcdServer } from './start-etcd.ts'
import { waitFor } from './wait-for.ts'

withoutOpenHandles()

oneEtcd('startEtcd', (etcd) => {
  test('keeps data and port over stop and restart, loses data when told so, and cleans up', async () => {
    const server = await etcd.start()
    expect(server.version).toBe(etcd.version)
    const { endpoint, dataDir } = server
    await server.etcdctl(['put', 'fruit', 'apple'])
    await server.stop()
    expect(server.pid).toBeUndefined()
    await server.restart()
    expect(server.endpoint).toBe(endpoint)
    expect(await server.etcdctl(['get', '--print-value-only', 'fruit'])).toBe('apple\n')
    const clusterId = async () =>
      /"cluster_id":(\d+)/.exec(await server.etcdctl(['get', 'x', '--write-out=json']))?.[1]
    const before = await clusterId()
    await server.kill()
    await server.restart({ emptyData: true })
    expect(before).toMatch(/\d+/)
    expect(await clusterId()).not.toBe(before)
    expect(await server.etcdctl(['get', '--print-value-only', 'fruit'])).toBe('')
    await server.close()
    expect(existsSync(dataDir)).toBe(false)
  })

  const headerOf = async (server: EtcdServer) => {
    const text = await server.etcdctl(['get', 'fruit', '--write-out=json'])
    const field = (name: string) => new RegExp(`"${name}":(\\d+)`).exec(text)?.[1]
    return { cluster: field('cluster_id'), member: field('member_id'), term: field('raft_term') }
  }
  const fruitOf = (server: EtcdServer) => server.etcdctl(['get', '--print-value-only', 'fruit'])

  test('comes back wiped, with the same ids and term when told so', async () => {
    const server = await etcd.start()
    await server.etcdctl(['put', 'fruit', 'apple'])
    const before = await headerOf(server)
    await server.restart({ emptyData: true, keepIdentity: true })
    expect(await headerOf(server)).toEqual(before)
    expect(await fruitOf(server)).toBe('')
  })

  test('comes back with the data of a snapshot, under its own ids or under others', async () => {
    etcd.needs('snapshot')
    const server = await etcd.start()
    await server.etcdctl(['put', 'fruit', 'apple'])
    const before = await headerOf(server)
    const folder = mkdtempSync(join(tmpdir(), 'livetree-snapshot-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const snapshotFile = join(folder, 'snapshot.db')
    await server.saveSnapshot(snapshotFile)
    await server.etcdctl(['put', 'fruit', 'pear'])
    await server.restart({ snapshotFile, keepIdentity: true })
    expect(await headerOf(server)).toEqual(before)
    expect(await fruitOf(server)).toBe('apple\n')
    await server.restart({ snapshotFile })
    expect((await headerOf(server)).cluster).not.toBe(before.cluster)
    expect(await fruitOf(server)).toBe('apple\n')
  })

  test('comes back as another etcd, whose data it is given', async () => {
    const [server, other] = [await etcd.start(), await etcd.start()]
    await other.etcdctl(['put', 'fruit', 'pear'])
    const { cluster, member } = await headerOf(other)
    await other.stop()
    await server.restart({ dataFrom: other.dataDir })
    expect(await headerOf(server)).toMatchObject({ cluster, member })
    expect(await fruitOf(server)).toBe('pear\n')
  })

  test('does not answer while paused, and answers after resume', async () => {
    const server = await etcd.start()
    await server.pause()
    await expect(server.etcdctl(['get', 'x', '--command-timeout=1s'])).rejects.toThrow(/deadline|timed out/)
    server.resume()
    await expect(server.etcdctl(['get', 'x'])).resolves.toBe('')
    await server.close()
  })

  test('serves TLS to holders of a certificate of its authority only, with auth', async () => {
    await using certificates = await makeCertificates()
    const tls = { certificates, requireClient: true }
    const server = await etcd.start({ tls, auth: { password: 'pw' } })
    expect(await server.etcdctl(['user', 'list'])).toBe('root\n')
    const { cert, key } = certificates.wrongClient
    await expect(
      server.etcdctl([
        'get',
        'x',
        `--cert=${cert}`,
        `--key=${key}`,
        '--command-timeout=2s',
        '--dial-timeout=2s',
      ]),
    ).rejects.toThrow()
    await server.restart()
    expect(await server.etcdctl(['user', 'list'])).toBe('root\n')
    await server.close()
  })

  test('a server that cannot start shows its log', async () => {
    await expect(etcd.start({ args: ['--no-such-flag'] })).rejects.toThrow(/ended: exit code.*no-such-flag/s)
  })
})

/** The tests of the client start clusters of every etcd. */
oneRealEtcd('startEtcdCluster', (etcd) => {
  test('forms a cluster; an isolated leader loses its office and comes back as a follower', async () => {
    const cluster = await etcd.startCluster(3)
    const first = await cluster.leader()
    await first.etcdctl(['put', 'fruit', 'apple'])
    cluster.isolate(first)
    const second = await cluster.leader()
    expect(second).not.toBe(first)
    await second.etcdctl(['put', 'fruit', 'pear'])
    await expect(first.etcdctl(['get', 'fruit', '--command-timeout=1s'])).rejects.toThrow()
    cluster.rejoin()
    await first.ready()
    expect(await first.etcdctl(['get', '--print-value-only', 'fruit'])).toBe('pear\n')
    const third = cluster.members.find((member) => member !== second && member !== first) ?? first
    await cluster.moveLeader(third)
    expect(await cluster.leader()).toBe(third)
    await cluster.close()
  })

  test('restores a snapshot into all members, as another cluster that works like the first', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'livetree-snapshot-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const cluster = await etcd.startCluster(3)
    const [first, second, third] = cluster.members
    const clusterId = async () => /"cluster_id":\d+/.exec(await first!.etcdctl(['get', 'x', '-w=json']))?.[0]
    const idBefore = await clusterId()
    await first!.etcdctl(['put', 'fruit', 'apple'])
    const snapshot = join(folder, 'snapshot.db')
    await first!.etcdctl(['snapshot', 'save', snapshot])
    await first!.etcdctl(['put', 'fruit', 'pear'])
    await cluster.restore(snapshot)
    expect(await second!.etcdctl(['get', '--print-value-only', 'fruit'])).toBe('apple\n')
    expect(await clusterId()).not.toBe(idBefore)
    // ids of members are new as well, and isolating goes by them
    cluster.isolate(first!)
    await expect(first!.etcdctl(['get', 'fruit', '--command-timeout=1s'])).rejects.toThrow()
    // what a lost leader was handed is lost with it
    await waitFor(() => third!.etcdctl(['put', 'fruit', 'plum', '--command-timeout=3s']), {
      timeoutMs: 30_000,
    })
    expect(await second!.etcdctl(['get', '--print-value-only', 'fruit'])).toBe('plum\n')
    await cluster.close()
  })

  test('switches auth on for all members', async () => {
    const cluster = await etcd.startCluster(3)
    await cluster.enableAuth('secret')
    for (const member of cluster.members) {
      expect(await member.etcdctl(['user', 'list'])).toBe('root\n')
    }
    await cluster.close()
  })
})
