import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { EtcdClient } from '@livetree/etcd'
import { Auth } from '@livetree/etcd/wire'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eachRealEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import type { EtcdCluster } from '../../support/start-etcd-cluster.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect, putMany, Recording } from './watch-kit.ts'

withoutOpenHandles()

/** How long a token lives, in seconds. A simple token lives longer as long as it is used. */
const TTL_SECONDS = 2

const COMMON = ['--bcrypt-cost=4', '--log-level=debug']
const SIMPLE = [...COMMON, `--auth-token-ttl=${TTL_SECONDS}`]

let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'livetree-tokens-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Arguments for tokens that are signed, and expire however often they are used. */
function signedTokens(): readonly string[] {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  const [priv, pub] = [join(folder, 'private.pem'), join(folder, 'public.pem')]
  writeFileSync(priv, privateKey)
  writeFileSync(pub, publicKey)
  return [...COMMON, `--auth-token=jwt,pub-key=${pub},priv-key=${priv},sign-method=RS256,ttl=${TTL_SECONDS}s`]
}

/** Counts how often a client asks for a token. */
function countTokens(client: EtcdClient): () => number {
  const { channel } = client
  const unary = channel.unary.bind(channel)
  let count = 0
  Object.assign(channel, {
    unary: (...args: Parameters<typeof unary>) => {
      if (args[0].path === Auth.authenticate.path) count += 1
      return unary(...args)
    },
  })
  return () => count
}

/** Changes roles one after the other, each of which outdates all signed tokens. */
async function outdateTokens({ endpoints }: EtcdCluster): Promise<void> {
  const root = connect(endpoints.slice(0, 1), { auth: { username: 'root', password: 'rootpw' } })
  for (let turn = 0; turn < 12; turn += 1) {
    await root.authAdmin.roles.add(`role-${turn}`)
    await setTimeout(40)
  }
}

eachRealEtcd('a user who is not root, at two of three members', (etcd) => {
  const start = async (args: readonly string[]): Promise<EtcdCluster> => {
    const cluster = await etcd.startCluster(3, { args, auth: { password: 'rootpw' } })
    const [first] = cluster.members
    await first?.etcdctl(['role', 'add', 'writer'])
    await first?.etcdctl(['role', 'grant-permission', '--prefix=true', 'writer', 'readwrite', 'mine/'])
    await first?.etcdctl(['user', 'add', 'ann:annpw'])
    await first?.etcdctl(['user', 'grant-role', 'ann', 'writer'])
    return cluster
  }

  test.each(['simple', 'signed'])(
    'goes on with watches, leases and writes once its token has expired: %s',
    { timeout: 120_000 },
    async (kind) => {
      const cluster = await start(kind === 'simple' ? SIMPLE : signedTokens())
      const proxies = await Promise.all(cluster.endpoints.slice(0, 2).map((target) => startProxy({ target })))
      await using _first = proxies[0]
      await using _second = proxies[1]
      const client = connect(
        proxies.map(({ endpoint }) => endpoint),
        { auth: { username: 'ann', password: 'annpw' } },
      )
      const tokens = countTokens(client)
      const isOutdating = kind === 'signed' ? outdateTokens(cluster) : undefined
      const early = new Recording(client, { prefix: 'mine/' })
      await expect.poll(() => early.isCreated, { timeout: 10_000 }).toBe(true)
      await isOutdating
      // Renewed every four seconds, so that the token is not used all the time.
      const lease = await client.lease.grant({ ttlSeconds: 12 })
      lease.keepAlive()
      await client.kv.put('mine/leased', '1', { lease: lease.id })
      const revisions = await putMany(client, 'mine/a', 5)
      const before = tokens()
      if (kind === 'simple') {
        // A member whose answers are used keeps the token; each of the two is used below.
        const hasExpired = () =>
          cluster.members.slice(0, 2).some(({ log }) => /delet(ed|ing) .*token.*\bann\b/.test(log))
        await waitFor(hasExpired, { timeoutMs: 30_000 })
      } else {
        const hasRenewed = async () => {
          revisions.push(...(await putMany(client, 'mine/a', 1)))
          return tokens() > before + 1
        }
        await waitFor(hasRenewed, { timeoutMs: 30_000 })
      }
      const { expiresAt } = lease
      await waitFor(() => lease.expiresAt > expiresAt, { timeoutMs: 20_000 })
      // On the stream that was opened with the expired token.
      const late = new Recording(client, { prefix: 'mine/late' })
      await waitFor(() => late.told.includes('created'), { timeoutMs: 20_000 })
      for (const proxy of proxies) {
        proxy.cutAll()
        // Reads are sent again, so that no write goes out over a connection whose end is still to be noticed.
        for (let turn = 0; turn < 4; turn += 1) await client.kv.get('mine/a')
        revisions.push(...(await putMany(client, 'mine/a', 5)))
      }
      const { header } = await client.kv.put('mine/late', '1')
      await waitFor(() => early.last === header.revision && late.last === header.revision, {
        timeoutMs: 20_000,
      })
      early.expectExactly([early.revisions[0] ?? 0, ...revisions, header.revision])
      late.expectExactly([header.revision])
      expect(tokens()).toBeGreaterThan(before)
      expect([early.hasEnded, late.hasEnded, lease.isLost]).toEqual([false, false, false])
      expect((await lease.timeToLive({ keys: true }))?.keys.map(String)).toEqual(['mine/leased'])
    },
  )

  test('adopts the third member, whose status etcd 3.5 tells to root only', { timeout: 60_000 }, async () => {
    const cluster = await start(COMMON)
    const client = connect(cluster.endpoints.slice(0, 2), { auth: { username: 'ann', password: 'annpw' } })
    expect(await client.syncMembers()).toEqual(expect.arrayContaining([...cluster.endpoints]))
    expect(client.channel.endpoints()).toHaveLength(3)
    for (let turn = 0; turn < 6; turn += 1) await client.kv.put('mine/a', '1')
    const status = await client.maintenance.status().catch((error: unknown) => error)
    if (etcd.version.startsWith('3.4')) expect(status).toMatchObject({ isLearner: false })
    else expect(status).toMatchObject({ code: 'permission_denied' })
  })
})
