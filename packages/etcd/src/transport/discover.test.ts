import type { SrvRecord } from 'node:dns'
import { describe, expect, test } from 'vitest'
import { EtcdError } from '../errors.ts'
import { silentLogger } from '../logger.ts'
import { putAnswer, startFakeServer, testChannel } from './fake-server.test.kit.ts'
import { type DiscoveryOptions, discoverEndpoints } from './discover.ts'
import { KV, Watch } from '../wire/rpc.ts'

type Answer = SrvRecord[] | string

/** A resolver that knows these names; all others do not exist. */
function resolverOf(answers: Record<string, Answer>) {
  const asked: string[] = []
  const resolveSrv = (
    name: string,
    callback: (error: NodeJS.ErrnoException | null, records: SrvRecord[]) => void,
  ) => {
    asked.push(name)
    const answer = answers[name] ?? 'ENOTFOUND'
    if (typeof answer === 'string') callback(Object.assign(new Error(answer), { code: answer }), [])
    else callback(null, answer)
  }
  return { asked, resolver: { resolveSrv } as unknown as NonNullable<DiscoveryOptions['resolver']> }
}

function record(name: string, priority = 0, weight = 0): SrvRecord {
  return { name, port: 2379, priority, weight }
}

async function failure(promise: Promise<unknown>): Promise<EtcdError> {
  const error: unknown = await promise.catch((reason: unknown) => reason)
  if (error instanceof EtcdError) return error
  throw new Error('it did not fail as expected', { cause: error })
}

describe('discoverEndpoints', () => {
  test('tries the names in order and takes the first with records', async () => {
    const { asked, resolver } = resolverOf({ '_etcd._tcp.example.com': [record('a.example.com')] })
    expect(await discoverEndpoints({ domain: 'example.com', resolver })).toEqual([
      'http://a.example.com:2379',
    ])
    expect(asked).toEqual([
      '_etcd-client-ssl._tcp.example.com',
      '_etcd-client._tcp.example.com',
      '_etcd-ssl._tcp.example.com',
      '_etcd._tcp.example.com',
    ])
  })

  test('takes -ssl names for https, and orders by priority, then weight', async () => {
    const records = [record('c.', 2), record('b', 1, 1), record('a', 1, 5), record('a', 9)]
    const { asked, resolver } = resolverOf({ '_etcd-client-ssl._tcp.d': records })
    expect(await discoverEndpoints({ domain: 'd', resolver })).toEqual([
      'https://a:2379',
      'https://b:2379',
      'https://c:2379',
    ])
    expect(asked).toHaveLength(1)
  })

  test('knows service names', async () => {
    const { resolver } = resolverOf({ '_etcd-client-blue._tcp.d': [record('a')] })
    expect(await discoverEndpoints({ domain: 'd', serviceName: 'blue', resolver })).toEqual(['http://a:2379'])
  })

  test('fails in words', async () => {
    const none = await failure(
      discoverEndpoints({ domain: 'd', ...resolverOf({ '_etcd._tcp.d': 'ENODATA' }) }),
    )
    expect(none.message).toBe(
      '[discovery_failed] d has no SRV records for etcd. Check the domain and its _etcd-client._tcp records, or give endpoints instead.',
    )
    const mute = resolverOf({ '_etcd-client-ssl._tcp.d': 'ESERVFAIL' })
    expect((await failure(discoverEndpoints({ domain: 'd', ...mute }))).what).toBe(
      'DNS did not answer for _etcd-client-ssl._tcp.d',
    )
  })
})

test('a channel asks for its endpoints with the first call, and again when that failed', async () => {
  const fake = await startFakeServer((call) => call.answer(putAnswer()))
  let asked = 0
  const channel = testChannel([], {
    discover: async () => {
      asked += 1
      if (asked === 1) throw new EtcdError('discovery_failed')
      return [fake.endpoint]
    },
  })
  expect(asked).toBe(0)
  const put = () => channel.unary(KV.put, { key: 'k', value: 'v' })
  expect((await failure(put())).code).toBe('discovery_failed')
  await Promise.all([put(), put()])
  await put()
  expect(asked).toBe(2)
  expect(channel.endpoints()).toEqual([fake.endpoint])
  await channel.close()
  await fake.close()
})

test('a failure to find endpoints that no call waits for breaks nothing', async () => {
  const refused = Promise.reject(new EtcdError('discovery_failed'))
  const channel = testChannel([], { discover: () => refused })
  const put = channel.unary(KV.put, { key: 'k', value: 'v' }, { signal: AbortSignal.abort() })
  expect((await failure(put)).code).toBe('cancelled')
  await new Promise((resolve) => setImmediate(resolve))
  await channel.close()
})

const UNUSABLE = [
  { name: '.', port: 0 },
  { name: '', port: 2379 },
  { name: '..', port: 2379 },
  { name: 'a', port: 0 },
  { name: 'a', port: 99_999 },
  { name: 'a b', port: 1 },
  { name: 'a/b', port: 1 },
  { name: 'user:secret@a', port: 1 },
]

function answering(records: readonly { name: string; port: number }[]) {
  const all = records.map((each, priority) => ({ ...each, priority, weight: 0 }))
  return resolverOf({ '_etcd-client._tcp.example.com': all }).resolver
}

test('records that name no endpoint are passed over with a warning that holds no password', async () => {
  const warnings: unknown[] = []
  const logger = { ...silentLogger, warn: (...given: unknown[]) => void warnings.push(given) }
  const resolver = answering([...UNUSABLE, { name: 'good.example.com.', port: 2379 }])
  const options = { domain: 'example.com', resolver }
  expect(await discoverEndpoints(options, logger)).toEqual(['http://good.example.com:2379'])
  expect(warnings).toHaveLength(UNUSABLE.length)
  expect(JSON.stringify(warnings)).not.toContain('secret')
})

test.each(UNUSABLE)(
  'a domain whose only record is %o fails its calls with discovery_failed',
  async (record) => {
    const options = { domain: 'example.com', resolver: answering([record]) }
    const channel = testChannel([], { discover: () => discoverEndpoints(options) })
    try {
      await expect(channel.unary(KV.range, { key: 'k' })).rejects.toMatchObject({ code: 'discovery_failed' })
    } finally {
      await channel.close()
    }
  },
)

test('an endpoint for which no connection can be made fails its calls, and nothing else', async () => {
  const channel = testChannel(['http://.:2379/x', 'no url'])
  const ends: unknown[] = []
  try {
    await expect(channel.unary(KV.range, { key: 'k' }, { timeoutMs: 200 })).rejects.toMatchObject({
      code: 'connect_failed',
      fate: 'not_sent',
    })
    channel.stream(Watch.watch, { onMessage: () => undefined, onEnd: (error) => ends.push(error) })
    await expect.poll(() => ends).toMatchObject([{ code: 'connect_failed' }])
  } finally {
    await channel.close()
  }
})
