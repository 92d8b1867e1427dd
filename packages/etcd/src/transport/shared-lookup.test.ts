import dns from 'node:dns'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createEtcdClient } from '../client.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import { SharedLookup } from './shared-lookup.ts'

const CLOSING = closedAfterEach()

interface Asked {
  readonly host: string
  answer(address?: string): void
}

/** A resolver that answers when it is told to: with an address, or that there is no such host. */
function holdLookups(): Asked[] {
  const asked: Asked[] = []
  const lookup = (host: string, _: unknown, done: (...answer: unknown[]) => void): void => {
    const failure = Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' })
    const answer = (address?: string) => (address === undefined ? done(failure) : done(null, address, 4))
    asked.push({ host, answer })
  }
  vi.spyOn(dns, 'lookup').mockImplementation(lookup as never)
  return asked
}

/** Of one test: what hangs in the process, such as the lookups of other files, is none of its threads. */
let lookups = new SharedLookup()
beforeEach(() => {
  lookups = new SharedLookup()
})

/** Asks for a host, and resolves with its address or the code of the error. */
function ask(host: string): Promise<unknown> {
  return new Promise((resolve) => {
    lookups.lookup(host, {}, (error, address) => resolve(error?.code ?? address))
  })
}

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

test('many clients look up one host once', async () => {
  const asked = holdLookups()
  const hosts = ['a.invalid', 'b.invalid', 'c.invalid', 'd.invalid', 'e.invalid']
  const endpoints = hosts.flatMap((host) => [`http://${host}:2379`, `http://${host}:2380`])
  const open = () => createEtcdClient({ endpoints, timeouts: { connectMs: 100, callMs: 2_000 } })
  const clients = [open(), open(), open()]
  CLOSING.push(async () => void (await Promise.all(clients.map((client) => client.close()))))
  const gets = clients.map((client) => client.kv.get('k').catch((error: unknown) => error))
  for (const error of await Promise.all(gets)) expect(error).toMatchObject({ fate: 'not_sent' })
  await Promise.all(clients.map((client) => client.close()))
  // Nothing waits that would be looked up after the close.
  for (const each of asked.slice()) each.answer()
  expect(asked.map(({ host }) => host).toSorted()).toEqual(hosts)
})

test('hosts whose lookups hang delay no other, not even one of another client', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const asked = holdLookups()
  const hanging = [ask('dead1.invalid'), ask('dead2.invalid'), ask('dead1.invalid')]
  vi.advanceTimersByTime(5_000)
  const good = ask('good.invalid')
  expect(asked.map(({ host }) => host)).toEqual(['dead1.invalid', 'dead2.invalid', 'good.invalid'])
  asked[2]!.answer('127.0.0.1')
  expect(await good).toBe('127.0.0.1')
  for (const each of asked) each.answer()
  expect(await Promise.all(hanging)).toEqual(['ENOTFOUND', 'ENOTFOUND', 'ENOTFOUND'])
})

test('a question that is lost is asked once more, while a thread is left for others', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const asked = holdLookups()
  const lost = ask('lost.invalid')
  vi.advanceTimersByTime(999)
  const joined = ask('lost.invalid')
  expect(asked).toHaveLength(1)
  vi.advanceTimersByTime(1)
  const again = [ask('lost.invalid'), ask('lost.invalid')]
  expect(asked).toHaveLength(2)
  asked[1]!.answer('127.0.0.1')
  expect(await Promise.all(again)).toEqual(['127.0.0.1', '127.0.0.1'])
  const others = [ask('b.invalid'), ask('c.invalid')]
  vi.advanceTimersByTime(5_000)
  const late = ask('b.invalid')
  expect(asked).toHaveLength(4)
  for (const each of asked) each.answer()
  expect(await Promise.all([lost, joined, late, ...others])).toEqual(Array(5).fill('ENOTFOUND'))
})

test('a host that failed slowly rests as long as that took, whatever other hosts do', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const asked = holdLookups()
  const dead = [ask('x.invalid'), ask('y.invalid')]
  const unlucky = ask('good.invalid')
  vi.advanceTimersByTime(2_000)
  asked.pop()!.answer()
  expect(await unlucky).toBe('ENOTFOUND')
  expect(await ask('good.invalid')).toBe('EAI_AGAIN')
  vi.advanceTimersByTime(2_000)
  const again = ask('good.invalid')
  asked.pop()!.answer('127.0.0.1')
  expect(await again).toBe('127.0.0.1')
  vi.advanceTimersByTime(56_000)
  for (const each of asked.splice(0)) each.answer()
  expect(await Promise.all(dead)).toEqual(['ENOTFOUND', 'ENOTFOUND'])
  vi.advanceTimersByTime(9_999)
  expect([await ask('x.invalid'), await ask('y.invalid'), asked.length]).toEqual([
    'EAI_AGAIN',
    'EAI_AGAIN',
    0,
  ])
  vi.advanceTimersByTime(1)
  const last = ask('x.invalid')
  asked.pop()!.answer()
  expect(await last).toBe('ENOTFOUND')
  // That was quick, so that it does not rest.
  const next = ask('x.invalid')
  asked.pop()!.answer('127.0.0.1')
  expect(await next).toBe('127.0.0.1')
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
