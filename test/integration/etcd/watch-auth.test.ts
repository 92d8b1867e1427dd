import { expect, it } from 'vitest'
import { clientEtcds } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect, putMany, Recording } from './watch-kit.ts'

withoutOpenHandles()

clientEtcds('watch with auth', (etcd) => {
  const startWithUser = async () => {
    const server = await etcd.start({ auth: { password: 'rootpw' } })
    await server.etcdctl(['role', 'add', 'reader'])
    await server.etcdctl(['role', 'grant-permission', '--prefix=true', 'reader', 'readwrite', 'mine/'])
    await server.etcdctl(['user', 'add', 'ann:annpw'])
    await server.etcdctl(['user', 'grant-role', 'ann', 'reader'])
    return server
  }
  const ann = { auth: { username: 'ann', password: 'annpw' } }

  it('T1.8 what the user may not read ends that watch alone', async () => {
    const server = await startWithUser()
    const client = connect(server.endpoint, ann)
    const mine = new Recording(client, { prefix: 'mine/' })
    const theirs = new Recording(client, { prefix: 'theirs/' })
    const all = new Recording(client, { prefix: '' })
    await waitFor(() => mine.isCreated && theirs.hasEnded && all.hasEnded)
    expect([theirs.told.at(-1), all.told.at(-1)]).toEqual(['end permission_denied', 'end permission_denied'])
    await client.kv.put('mine/a', '1')
    await waitFor(() => mine.batches.length === 1)
    expect(mine.told).toEqual(['created'])
  })

  it('T1.47 a token that a restarted server does not know is renewed, and nothing is lost', async () => {
    const server = await startWithUser()
    const client = connect(server.endpoint, ann)
    const recording = new Recording(client, { prefix: 'mine/' })
    await waitFor(() => recording.isCreated)
    const before = await putMany(client, 'mine/a', 5)
    await server.stop('SIGKILL')
    await server.restart()
    const after = await putMany(connect(server.endpoint, ann), 'mine/a', 5)
    await waitFor(() => recording.last === after.at(-1), { timeoutMs: 20_000 })
    recording.expectExactly([...before, ...after])
  })

  it('T1.47 a watch begun late on a stream whose token has expired gets a new one', async () => {
    const server = await startWithUser()
    const client = connect(server.endpoint, ann)
    const early = new Recording(client, { prefix: 'mine/' })
    await waitFor(() => early.isCreated)
    // Changing the roles makes every token given before too old.
    await server.etcdctl(['role', 'grant-permission', '--prefix=true', 'reader', 'readwrite', 'more/'])
    const late = new Recording(client, { prefix: 'more/' })
    await waitFor(() => late.told.includes('created'), { timeoutMs: 20_000 })
    await client.kv.put('more/a', '1')
    await client.kv.put('mine/a', '1')
    await waitFor(() => late.batches.length === 1 && early.batches.length === 1)
  })

  it('T1.8 wrong password, and no user at all: the watch ends and says so', async () => {
    const server = await startWithUser()
    const wrong = new Recording(
      connect(server.endpoint, { auth: { username: 'ann', password: 'nonsense' } }),
      { prefix: 'mine/' },
    )
    const nobody = new Recording(connect(server.endpoint), { prefix: 'mine/' })
    await waitFor(() => wrong.hasEnded && nobody.hasEnded)
    expect(wrong.told.at(-1)).toBe('end unauthenticated')
    // 3.4 does not tell a missing user from a missing permission.
    expect(nobody.told.at(-1)).toMatch(/end (unauthenticated|permission_denied)/)
  })
})
