import { Etcd3, type IOptions } from 'etcd3'
import { expect, test } from 'vitest'
import { waitFor } from '../support/wait-for.ts'
import { eachServer, fresh } from './contract-server.ts'

eachServer('npm etcd3', (server) => {
  const current = server.use()
  const using = async (work: (client: Etcd3) => Promise<void>, options: Partial<IOptions> = {}) => {
    const client = new Etcd3({ hosts: current().endpoint, ...options })
    try {
      await work(client)
    } finally {
      client.close()
    }
  }

  test('get and put', () =>
    using(async (client) => {
      const p = fresh('e3')
      await client.put(`${p}b`).value('2')
      await client.put(`${p}a`).value('1')
      expect(await client.get(`${p}a`).string()).toBe('1')
      expect(await client.get(`${p}c`)).toBeNull()
      expect(await client.getAll().prefix(p).strings()).toEqual({ [`${p}a`]: '1', [`${p}b`]: '2' })
      expect(await client.getAll().prefix(p).sort('Key', 'Descend').limit(1).keys()).toEqual([`${p}b`])
      expect(await client.getAll().prefix(p).count()).toBe(2)
      expect((await client.delete().prefix(p)).deleted).toBe('2')
    }))

  test('transactions', () =>
    using(async (client) => {
      const key = fresh('e3')
      const create = () =>
        client
          .if(key, 'Create', '==', 0)
          .then(client.put(key).value('created'))
          .else(client.get(key))
          .commit()
      expect((await create()).succeeded).toBe(true)
      const again = await create()
      expect(again.succeeded).toBe(false)
      expect(again.responses[0]?.response_range?.kvs[0]?.value.toString()).toBe('created')
      await client.stm().transact(async (transaction) => {
        const value = await transaction.get(key).string()
        await transaction.put(key).value(`${value} and changed`)
      })
      expect(await client.get(key)).toBe('created and changed')
    }))

  test('leases', () =>
    using(async (client) => {
      const key = fresh('e3')
      const lease = client.lease(10)
      await lease.put(key).value('held')
      expect(await client.get(key)).toBe('held')
      const kept = await lease.keepaliveOnce()
      expect(kept.TTL).toBe('10')
      await lease.revoke()
      expect(await client.get(key)).toBeNull()
    }))

  test('watch', () =>
    using(async (client) => {
      const p = fresh('e3')
      const watcher = await client.watch().prefix(p).create()
      const told: string[] = []
      watcher.on('put', ({ key, value }) => told.push(`put ${key}=${value}`))
      watcher.on('delete', ({ key }) => told.push(`delete ${key}`))
      await client.put(`${p}a`).value('1')
      await client.put(`${p}a`).value('2')
      await client.delete().key(`${p}a`)
      await waitFor(() => told.length === 3)
      expect(told).toEqual([`put ${p}a=1`, `put ${p}a=2`, `delete ${p}a`])
      await watcher.cancel()
    }))

  test('lock', () =>
    using(async (client) => {
      const name = fresh('e3')
      const first = client.lock(name)
      await first.acquire()
      await expect(client.lock(name).acquire()).rejects.toThrow(/lock/i)
      await first.release()
      await client.lock(name).do(async () => {
        expect(await client.getAll().prefix(name).count()).toBe(1)
      })
    }))

  test('election', () =>
    using(async (client) => {
      const election = client.election(fresh('e3'), 10)
      const observer = await election.observe()
      const seen: (string | undefined)[] = []
      observer.on('change', (leader) => seen.push(leader))
      const first = election.campaign('one')
      first.on('error', () => {})
      await first.wait()
      await waitFor(() => seen.includes('one'))
      const second = election.campaign('two')
      second.on('error', () => {})
      await first.resign()
      await second.wait()
      await waitFor(() => seen.at(-1) === 'two')
      await second.resign()
      await observer.cancel()
    }))

  test('auth', () =>
    using(async (client) => {
      const role = client.role('root')
      await role.create()
      const root = await client.user('root').create('pw')
      await root.addRole('root')
      await client.auth.authEnable()
      await expect(client.get('k')).rejects.toThrow(/user name is empty/)
      await using(
        async (asRoot) => {
          await asRoot.put('k').value('1')
          expect(await asRoot.get('k')).toBe('1')
          await asRoot.auth.authDisable()
        },
        { auth: { username: 'root', password: 'pw' } },
      )
      expect(await client.get('k')).toBe('1')
    }))
})
