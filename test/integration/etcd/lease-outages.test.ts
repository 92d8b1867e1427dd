import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { clientEtcds } from '../../support/each-etcd.ts'
import { makeCertificates } from '../../support/make-certificates.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { isLongRun } from '../../support/run-length.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from './watch-kit.ts'

withoutOpenHandles()

clientEtcds('lease and outages', (etcd) => {
  /** When the client sends a renewal, and where to, is the same on every etcd. */
  const itOfClient = it.runIf(isLongRun || etcd.kind === 'embedded')

  itOfClient('T1.15 outlives one outage after the other, while another endpoint answers', async () => {
    const server = await etcd.start()
    await using first = await startProxy({ target: server.endpoint })
    await using second = await startProxy({ target: server.endpoint })
    const client = connect([first.endpoint, second.endpoint])
    const leases = await Promise.all([6, 9].map((ttlSeconds) => client.lease.grant({ ttlSeconds })))
    for (const lease of leases) lease.keepAlive()
    /** Renewed by a request that was sent from now on. */
    const renewed = (): Promise<unknown> => {
      const before = leases.map(({ expiresAt, ttlSeconds }) =>
        Math.max(expiresAt, Date.now() + ttlSeconds * 1_000),
      )
      return waitFor(() =>
        leases.every(({ expiresAt, isLost }, index) => isLost || expiresAt > before[index]!),
      )
    }
    await renewed()
    for (const proxy of [first, second, first]) {
      proxy.stall()
      await renewed()
      // What was held comes late, and tells how long the outage was.
      proxy.flow()
    }
    expect(leases.map(({ lost }) => lost.reason)).toEqual([undefined, undefined])
  })

  it('T2.8 a lease that may not be renewed costs the client no other one', async () => {
    const server = await etcd.start({ auth: { password: 'rootpw' } })
    const root = connect(server.endpoint, { auth: { username: 'root', password: 'rootpw' } })
    const { users, roles } = root.authAdmin
    await users.add('owner', { password: 'ownerpw' })
    await roles.add('owners')
    await roles.grant('owners', { access: 'readWrite', range: { prefix: '/own/' } })
    await users.grantRole('owner', 'owners')
    const client = connect(server.endpoint, { auth: { username: 'owner', password: 'ownerpw' } })
    // The longer one: were both renewed together, the other would be lost before it.
    const bad = await client.lease.grant({ ttlSeconds: 7 })
    const good = await client.lease.grant({ ttlSeconds: 4 })
    await client.kv.put('/own/key', '1', { lease: good.id })
    // Renewing a lease needs the right to write all keys on it, on etcd 3.5.
    await root.kv.put('/other/key', '1', { lease: bad.id })
    bad.keepAlive()
    good.keepAlive()
    const isChecked = await client.lease.keepAliveOnce(bad.id).then(
      () => false,
      (error: { code: string }) => error.code === 'permission_denied',
    )
    await waitFor(() => bad.isLost === isChecked)
    const before = Math.max(good.expiresAt, Date.now() + 4_000)
    await waitFor(() => good.isLost || good.expiresAt > before)
    expect([good.lost.reason, bad.lost.reason?.cause?.code]).toEqual([
      undefined,
      isChecked ? 'permission_denied' : undefined,
    ])
    expect((await root.kv.get('/own/key'))?.text).toBe('1')
  })

  it('T1.39 a grant and an adopted lease count from when the store could be asked', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint, { timeouts: { callMs: 60_000 } })
    const { id } = await client.lease.grant({ ttlSeconds: 600 })
    await server.stop('SIGKILL')
    const failures = { grant: 0, adopt: 0 }
    const calls = [
      client.lease.grant({ ttlSeconds: 30, onRetry: () => (failures.grant += 1) }),
      client.lease.adopt(id, { onRetry: () => (failures.adopt += 1) }),
    ] as const
    await waitFor(() => failures.grant > 3 && failures.adopt > 3)
    const restartedAt = Date.now()
    await server.restart()
    const [granted, adopted] = await Promise.all(calls)
    // The clock counts whole milliseconds.
    expect(granted.expiresAt - 30_000).toBeGreaterThan(restartedAt - 2)
    expect(adopted.expiresAt - 600_000).toBeGreaterThan(restartedAt - 2)
  })

  itOfClient('T1.39 is lost when the process was stopped for longer than its time', async () => {
    const server = await etcd.start()
    const direct = connect(server.endpoint)
    const script = fileURLToPath(new URL('./lease-stopped-process.ts', import.meta.url))
    const env = { ...process.env, LIVETREE_TEST_ENDPOINT: server.endpoint }
    const child = spawn(process.execPath, [script], { env, stdio: ['pipe', 'pipe', 'inherit'] })
    try {
      let output = ''
      let isOver = false
      child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
      child.on('close', () => (isOver = true))
      await waitFor(() => output.includes('kept'), { timeoutMs: 30_000 })
      child.kill('SIGSTOP')
      await waitFor(async () => (await direct.kv.get('short')) === undefined, { timeoutMs: 20_000 })
      child.stdin.write('go on\n')
      child.kill('SIGCONT')
      await waitFor(() => isOver, { timeoutMs: 20_000 })
      expect(output).toContain('short lost: true, long lost: false')
      expect(output).toMatch(/was not renewed within its 4 s|does not exist/)
      expect(output).not.toContain('time of day')
      expect(output).toContain('long has 600 s')
    } finally {
      child.kill('SIGKILL')
    }
  })

  itOfClient('T1.50 is kept over TLS, through cuts and an outage', async () => {
    await using certificates = await makeCertificates()
    const server = await etcd.start({ tls: { certificates } })
    await using first = await startProxy({ target: server.endpoint })
    await using second = await startProxy({ target: server.endpoint })
    const tls = { ca: readFileSync(certificates.ca, 'utf8') }
    const client = connect([first.endpoint, second.endpoint], { tls })
    const lease = await client.lease.grant({ ttlSeconds: 6 })
    lease.keepAlive()
    const renewed = (): Promise<unknown> => {
      const before = Math.max(lease.expiresAt, Date.now() + 6_000)
      return waitFor(() => lease.isLost || lease.expiresAt > before)
    }
    await renewed()
    for (const proxy of [first, second]) proxy.cutAll()
    await renewed()
    first.stall()
    await renewed()
    first.flow()
    expect(lease.lost.reason).toBeUndefined()
  })
})
