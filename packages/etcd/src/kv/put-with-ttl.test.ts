import { expect, test } from 'vitest'
import { EtcdError } from '../errors.ts'
import { Namespace } from '../key-range.ts'
import { ScriptedChannel, settled, ManualClock } from '../watch/scripted-channel.test.kit.ts'
import { header } from '../watch/watch-recorder.test.kit.ts'
import { createWatchService } from '../watch/watch-service.ts'
import { createKv } from './kv-shortcuts.ts'

/** The write is lost, the key reads as absent, and `revoke` answers what is asked of the lease then. */
function setUp(revoke: () => unknown) {
  const channel = new ScriptedChannel(['http://a:2379'])
  const clock = new ManualClock()
  const watch = createWatchService(channel, { clock })
  const kv = createKv({ channel, watch, namespace: new Namespace(), maxTxnOps: 128, clock })
  channel.onUnary = (path) => {
    if (path.endsWith('LeaseGrant')) return { header: header(5), id: 7n, ttl: 60 }
    if (path.endsWith('Range')) return { header: header(5), kvs: [], count: 0 }
    if (path.endsWith('LeaseRevoke')) return revoke()
    throw new EtcdError('outcome_unknown', { call: 'KV/Put', fate: 'unknown', what: 'the answer was lost' })
  }
  return { kv, channel, clock }
}

const CASES: [string, () => unknown, RegExp][] = [
  ['was revoked', () => ({ header: header(6) }), /not sent again; its lease \d+ has been revoked since$/],
  [
    'could not be revoked',
    () => {
      throw new EtcdError('unavailable', { fate: 'not_sent' })
    },
    /not sent again; its lease \d+ could not be revoked \(unavailable\) and may last for its whole TTL$/,
  ],
]

test.each(CASES)('a write of unknown outcome says that its lease %s', async (_, revoke, what) => {
  const { kv } = setUp(revoke)
  const error = await kv.putWithTtl('k', 'v', { ttlSeconds: 60 }).catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'outcome_unknown', what: expect.stringMatching(what) })
})

test.each(['abort', 'close'])('%s ends it at once while it revokes its lease, which goes on', async (how) => {
  const { promise, resolve } = Promise.withResolvers<unknown>()
  const stop = new AbortController()
  let isRevoking = false
  const { kv } = setUp(() => {
    isRevoking = true
    return promise
  })
  const failed = kv
    .putWithTtl('k', 'v', { ttlSeconds: 60, signal: stop.signal })
    .catch((reason: unknown) => reason)
  while (!isRevoking) await settled()
  let closed: Promise<void> | undefined
  if (how === 'abort') stop.abort()
  else closed = kv.close()
  expect(await failed).toMatchObject({
    code: 'outcome_unknown',
    what: expect.stringMatching(/not sent again; whether its lease \d+ can be revoked is not known yet$/),
  })
  resolve({ header: header(6) })
  await closed
})

test('a write that is aborted says that nothing is known of its lease yet', async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>()
  const { kv, channel } = setUp(() => promise)
  const stop = new AbortController()
  const { onUnary } = channel
  channel.onUnary = (path, request) => {
    if (path.endsWith('KV/Put')) stop.abort()
    return onUnary(path, request)
  }
  const options = { ttlSeconds: 60, signal: stop.signal }
  const error = await kv.putWithTtl('k', 'v', options).catch((reason: unknown) => reason)
  expect(error).toMatchObject({
    code: 'outcome_unknown',
    what: expect.stringMatching(/; whether its lease \d+ can be revoked is not known yet$/),
  })
  resolve({ header: header(6) })
  await settled()
  expect(channel.calls.some(({ path }) => path.endsWith('LeaseRevoke'))).toBe(true)
})
