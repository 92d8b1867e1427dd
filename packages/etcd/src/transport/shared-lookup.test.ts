import dns from 'node:dns'
import { afterEach, expect, test, vi } from 'vitest'
import { createEtcdClient } from '../client.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'

const CLOSING = closedAfterEach()

interface Asked {
  readonly host: string
  answer(): void
}

/** A resolver that answers when it is told to. */
function holdLookups(): Asked[] {
  const asked: Asked[] = []
  vi.spyOn(dns, 'lookup').mockImplementation(((host: string, _: unknown, done: (error: Error) => void) => {
    const failure = Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' })
    asked.push({ host, answer: () => done(failure) })
  }) as never)
  return asked
}

afterEach(() => vi.restoreAllMocks())

test('many clients look up one host once, and few hosts at a time', async () => {
  const asked = holdLookups()
  const hosts = ['a.invalid', 'b.invalid', 'c.invalid', 'd.invalid', 'e.invalid']
  const endpoints = hosts.flatMap((host) => [`http://${host}:2379`, `http://${host}:2380`])
  const open = () => createEtcdClient({ endpoints, timeouts: { connectMs: 100, callMs: 2_000 } })
  const clients = [open(), open(), open()]
  CLOSING.push(async () => void (await Promise.all(clients.map((client) => client.close()))))
  const gets = clients.map((client) => client.kv.get('k').catch((error: unknown) => error))
  for (const error of await Promise.all(gets)) expect(error).toMatchObject({ fate: 'not_sent' })
  expect(new Set(asked.map(({ host }) => host)).size).toBe(2)
  expect(asked).toHaveLength(2)
  // The others have their turn once the first ones are answered.
  for (let next = asked.shift(); next !== undefined; next = asked.shift()) next.answer()
})

test('a lookup that failed is made again', async () => {
  const asked = holdLookups()
  const client = createEtcdClient({
    endpoints: 'http://a.invalid:2379',
    timeouts: { connectMs: 5_000, callMs: 30_000 },
    backoff: { minMs: 5, maxMs: 10 },
  })
  CLOSING.push(() => client.close())
  const get = client.kv.get('k').catch((error: unknown) => error)
  await expect.poll(() => asked.length).toBe(1)
  asked[0]!.answer()
  await expect.poll(() => asked.length, { timeout: 10_000 }).toBe(2)
  asked[1]!.answer()
  await client.close()
  expect(await get).toMatchObject({ fate: 'not_sent' })
  for (const each of asked.slice(2)) each.answer()
})
