import { type EtcdClient, EtcdError, type Lease } from '@livetree/etcd'
import { expect, test } from 'vitest'
import { OpenSession } from './session.ts'

/** A session whose lease has so many milliseconds left. */
function opened(leftMs: number, trouble: EtcdError | undefined): OpenSession {
  const lease = {
    id: 0x2an,
    ttlSeconds: 10,
    leftMs,
    trouble,
    lost: new AbortController().signal,
    keepAlive: () => undefined,
    letExpire: () => undefined,
  } as unknown as Lease
  return new OpenSession({ channel: {} } as EtcdClient, lease, {})
}

test('a session whose time is over says why its lease was not renewed', () => {
  const trouble = new EtcdError('permission_denied', { what: 'etcdserver: permission denied' })
  const { signal } = opened(900, trouble)
  expect(signal.reason).toMatchObject({
    code: 'session_lost',
    cause: trouble,
    message: expect.stringMatching(
      /not renewed within its 10 s, of which 1000 ms are margin: etcdserver: permission denied/,
    ),
  })
})

test('a session whose renewals were not refused has no cause', () => {
  const { signal } = opened(900, undefined)
  expect(signal.reason).toMatchObject({ code: 'session_lost' })
  expect((signal.reason as Error).cause).toBeUndefined()
})

test('a session with time left is open, whatever the last renewal met with', () => {
  const session = opened(1_100, new EtcdError('unavailable'))
  expect(session.signal.aborted).toBe(false)
  session.lose('the test is over')
})
