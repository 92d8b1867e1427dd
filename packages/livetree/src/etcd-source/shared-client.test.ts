import { silentLogger } from '@livetree/core/source'
import { createTestClock } from '@livetree/core/testing'
import type { EtcdClientOptions } from '@livetree/etcd'
import { expect, onTestFinished, test } from 'vitest'
import { newClient, useClient } from './shared-client.ts'

const clock = createTestClock()
const ENDPOINTS = ['http://127.0.0.1:1', 'http://127.0.0.1:2']
const auth = { username: 'u', password: 'p' }

function use(options: EtcdClientOptions, given = clock, logger = silentLogger) {
  const used = useClient(options, given, logger)
  onTestFinished(() => used.release())
  return used
}

test('useClient: equal options give the same client, in whatever order the members are named', () => {
  const { client } = use({ endpoints: ENDPOINTS, auth })
  expect(use({ endpoints: ENDPOINTS.toReversed(), auth: { ...auth } }).client).toBe(client)
  expect(use({ endpoints: 'http://127.0.0.1:1' }).client).toBe(
    use({ endpoints: ['http://127.0.0.1:1'] }).client,
  )
})

test.each<[string, EtcdClientOptions]>([
  ['other members', { endpoints: ENDPOINTS.slice(1), auth }],
  ['another user', { endpoints: ENDPOINTS, auth: { ...auth, username: 'v' } }],
  ['another password', { endpoints: ENDPOINTS, auth: { ...auth, password: 'q' } }],
  ['no user', { endpoints: ENDPOINTS }],
  ['other times', { endpoints: ENDPOINTS, auth, timeouts: { callMs: 1 } }],
  ['another namespace', { endpoints: ENDPOINTS, auth, namespace: '/a' }],
  ['certificates of a function', { endpoints: ENDPOINTS, auth, tls: () => ({}) }],
])('useClient: %s give another client', (_name, options) => {
  const secure = { ...options, ...('tls' in options && { endpoints: ['https://127.0.0.1:1'] }) }
  const first = use({ endpoints: ENDPOINTS, auth })
  expect(use(secure).client).not.toBe(first.client)
})

test('useClient: another clock, and a client of its own, are not shared', async () => {
  const { client } = use({ endpoints: ENDPOINTS })
  expect(use({ endpoints: ENDPOINTS }, createTestClock()).client).not.toBe(client)
  const own = newClient({ endpoints: ENDPOINTS }, clock, silentLogger)
  expect(own.client).not.toBe(client)
  await own.release()
})

test('useClient: it is closed with the last use, each of which ends once, and then made anew', async () => {
  const one = use({ endpoints: ENDPOINTS, auth })
  const other = use({ endpoints: ENDPOINTS, auth })
  await one.release()
  await one.release()
  const later = use({ endpoints: ENDPOINTS, auth })
  expect(later.client).toBe(other.client)
  await Promise.all([other.release(), later.release()])
  await expect(one.client.kv.get('k')).rejects.toMatchObject({ code: 'closed' })
  expect(use({ endpoints: ENDPOINTS, auth }).client).not.toBe(one.client)
})
