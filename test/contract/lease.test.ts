import { KV, Lease } from '@livetree/etcd/wire'
import { expect, test } from 'vitest'
import { waitFor } from '../support/wait-for.ts'
import { eachServerAndWay, fresh, put, revisionOf, textOf } from './contract-server.ts'
import { RawClient } from './raw-client.ts'
import { refusal } from './refusal.ts'

const notFound = { code: 5, message: 'etcdserver: requested lease not found' }

eachServerAndWay('Lease', (server) => {
  const current = server.use()
  let lastId = 7_587_000_000_000_000_000n
  const freshId = (): bigint => {
    lastId += 1n
    return lastId
  }
  const grant = async (ttl = 600, id = freshId()): Promise<bigint> =>
    (await current().client.call(Lease.grant, { ttl, id })).id
  const ttlOf = (id: bigint) => current().client.call(Lease.timeToLive, { id, keys: true })

  test('47 a lease has the id asked for, or a positive one, and is granted once', async () => {
    const { client } = current()
    const id = freshId()
    const revision = await revisionOf(client)
    expect(await client.call(Lease.grant, { ttl: 60, id })).toMatchObject({
      id,
      ttl: 60,
      error: '',
      header: { revision },
    })
    expect(await refusal(client.call(Lease.grant, { ttl: 60, id }))).toEqual({
      code: 9,
      message: 'etcdserver: lease already exists',
    })
    const chosen = await client.call(Lease.grant, { ttl: 60 })
    expect(chosen.id).toBeGreaterThan(0n)
    expect(chosen.id).toBeLessThan(2n ** 63n)
    expect((await client.call(Lease.grant, { ttl: 60, id: -5n })).id).toBe(-5n)
  })

  test('47 a time to live is at least 2 s and at most 9,000,000,000 s', async () => {
    const { client } = current()
    for (const ttl of [0, 1, -3]) expect((await client.call(Lease.grant, { ttl })).ttl).toBe(2)
    expect((await client.call(Lease.grant, { ttl: 3 })).ttl).toBe(3)
    expect((await client.call(Lease.grant, { ttl: 9_000_000_000 })).ttl).toBe(9_000_000_000)
    expect(await refusal(client.call(Lease.grant, { ttl: 9_000_000_001 }))).toEqual({
      code: 11,
      message: 'etcdserver: too large lease TTL',
    })
  })

  test.skipIf(!server.isDuplex)(
    '48 keepalive gives the full time again; of a lease that is not there it gives none',
    async () => {
      const { client } = current()
      const id = await grant(30)
      const stream = client.open(Lease.keepAlive)
      stream.send({ id })
      expect(await stream.next()).toMatchObject({ id, ttl: 30 })
      const unknown = freshId()
      stream.send({ id: unknown })
      expect(await stream.next()).toMatchObject({ id: unknown, ttl: 0 })
      stream.send({ id })
      expect((await stream.next()).header?.revision).toBe(await revisionOf(client))
      stream.end()
      expect((await stream.status).code).toBe(0)
    },
  )

  test('49 timetolive tells the time left and granted, and the keys; -1 of a lease that is not there', async () => {
    const { client } = current()
    const id = await grant(600)
    const key = fresh('l')
    await put(client, `${key}b`, '1', id)
    await put(client, `${key}a`, '1', id)
    const found = await ttlOf(id)
    expect(found).toMatchObject({ id, grantedTtl: 600 })
    expect(found.ttl).toBeGreaterThanOrEqual(595)
    expect(found.ttl).toBeLessThanOrEqual(600)
    expect(found.keys.map(String).sort()).toEqual([`${key}a`, `${key}b`])
    expect((await client.call(Lease.timeToLive, { id })).keys).toEqual([])
    const unknown = freshId()
    expect(await ttlOf(unknown)).toMatchObject({ id: unknown, ttl: -1, grantedTtl: 0, keys: [] })
  })

  test('50 leases are listed', async () => {
    const { client } = current()
    const ids = [await grant(1000), await grant(500)]
    const listed = (await client.call(Lease.leases, {})).leases.map(({ id }) => id)
    // What ends first comes first.
    expect(listed.filter((id) => ids.includes(id))).toEqual([ids[1], ids[0]])
    await client.call(Lease.revoke, { id: ids[0]! })
    const left = (await client.call(Lease.leases, {})).leases.map(({ id }) => id)
    expect(left).toContain(ids[1])
    expect(left).not.toContain(ids[0])
  })

  test('51 revoke deletes the keys; of a lease that is not there it is refused with 5', async () => {
    const { client } = current()
    const id = await grant()
    const key = fresh('l')
    const revision = await put(client, key, '1', id)
    expect((await client.call(Lease.revoke, { id })).header?.revision).toBe(revision + 1)
    expect(await textOf(client, key)).toBeUndefined()
    expect(await refusal(client.call(Lease.revoke, { id }))).toEqual(notFound)
    expect((await ttlOf(id)).ttl).toBe(-1)
    const empty = await grant()
    expect((await client.call(Lease.revoke, { id: empty })).header?.revision).toBe(revision + 1)
  })

  test('52 a put with a lease that is not there is refused with 5', async () => {
    const { client } = current()
    const revision = await revisionOf(client)
    expect(await refusal(put(client, fresh('l'), '1', freshId()))).toEqual(notFound)
    expect(await revisionOf(client)).toBe(revision)
  })

  test('53 a put moves the key to its lease, a put without one detaches it, ignore_lease keeps it', async () => {
    const { client } = current()
    const [one, two] = [await grant(), await grant()]
    const key = fresh('l')
    const keysOf = async (id: bigint) => (await ttlOf(id)).keys.map(String)
    await put(client, key, '1', one)
    expect((await client.call(KV.range, { key })).kvs[0]?.lease).toBe(one)
    await put(client, key, '2', two)
    expect([await keysOf(one), await keysOf(two)]).toEqual([[], [key]])
    await client.call(KV.put, { key, value: '3', ignoreLease: true })
    expect(await keysOf(two)).toEqual([key])
    await put(client, key, '4')
    expect([await keysOf(one), await keysOf(two)]).toEqual([[], []])
    expect((await client.call(KV.range, { key })).kvs[0]?.lease).toBe(0n)
    await client.call(Lease.revoke, { id: one })
    await client.call(Lease.revoke, { id: two })
    expect(await textOf(client, key)).toBe('4')
  })

  test('53 a deleted key is detached', async () => {
    const { client } = current()
    const id = await grant()
    const key = fresh('l')
    await put(client, key, '1', id)
    await client.call(KV.deleteRange, { key })
    expect((await ttlOf(id)).keys).toEqual([])
    await put(client, key, '2')
    await client.call(Lease.revoke, { id })
    expect(await textOf(client, key)).toBe('2')
  })

  test('54 a lease survives its connection, and ends when nobody keeps it alive', async () => {
    const { client, endpoint } = current()
    const other = new RawClient(endpoint)
    const { id } = await other.call(Lease.grant, { ttl: 2 })
    const key = fresh('l')
    await put(other, key, '1', id)
    await other.close()
    const granted = performance.now()
    expect(await textOf(client, key)).toBe('1')
    await waitFor(async () => (await textOf(client, key)) === undefined, { timeoutMs: 8000, what: 'expiry' })
    expect(performance.now() - granted).toBeGreaterThan(1500)
    expect((await ttlOf(id)).ttl).toBe(-1)
  })

  test.skipIf(!server.isDuplex)('54 a lease that is kept alive outlives its time', async () => {
    const { client } = current()
    const id = await grant(2)
    const key = fresh('l')
    await put(client, key, '1', id)
    const stream = client.open(Lease.keepAlive)
    const started = performance.now()
    while (performance.now() - started < 3500) {
      stream.send({ id })
      expect((await stream.next()).ttl).toBe(2)
      const left = (await ttlOf(id)).ttl
      await waitFor(async () => (await ttlOf(id)).ttl < left)
    }
    expect(await textOf(client, key)).toBe('1')
    stream.reset()
  })
})
