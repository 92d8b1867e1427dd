import { AsyncLocalStorage } from 'node:async_hooks'
import diagnostics, { channel } from 'node:diagnostics_channel'
import { describe, expect, test, vi } from 'vitest'
import { deadEndpoint } from '../../../../test/support/dead-endpoint.ts'
import { systemClock } from '../clock.ts'
import type { CallMessage, EtcdChannels } from '../diagnostics.ts'
import { encodeFrame } from '../wire/frame.ts'
import { DeleteRangeResponse, TxnResponse } from '../wire/kv.ts'
import { KV } from '../wire/rpc.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import { putAnswer, rangeAnswer, type Script, startFakeServer, testChannel } from './fake-server.test.kit.ts'

const CLOSING = closedAfterEach()

/** Records what is published on a channel until the end of the test, each message as it is at that moment. */
function record<Name extends keyof EtcdChannels>(name: Name, onMessage = (_: EtcdChannels[Name]) => {}) {
  const messages: EtcdChannels[Name][] = []
  const take = (message: unknown): void => {
    messages.push({ ...(message as EtcdChannels[Name]) })
    onMessage(message as EtcdChannels[Name])
  }
  channel(name).subscribe(take)
  CLOSING.push(async () => void channel(name).unsubscribe(take))
  return messages
}

async function channelTo(script: Script, endpoints: readonly string[] = []) {
  const fake = await startFakeServer(script)
  const opened = testChannel([...endpoints, fake.endpoint], { clientName: 'orders' })
  CLOSING.push(async () => {
    await opened.close()
    await fake.close()
  })
  return { opened, fake }
}

const header = { clusterId: 0xabn, memberId: 2n, revision: 7, raftTerm: 3 }
const secret = { key: 'hidden-key', value: 'hidden-value' }

describe('the channel of calls', () => {
  test('publishes start in the context of the caller, and the same message when the call has settled', async () => {
    const { opened, fake } = await channelTo((call) => call.answer(putAnswer()))
    const callers = new AsyncLocalStorage<string>()
    const seen: [string, CallMessage][] = []
    for (const step of ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const) {
      const where = () => (step === 'start' ? `${step} ${callers.getStore()}` : step)
      record(`tracing:livetree:etcd:call:${step}`, (message) => void seen.push([where(), message]))
    }
    await callers.run('request 1', () => opened.unary(KV.put, secret, { retry: 'write' }))
    expect(seen.map(([step]) => step)).toEqual(['start request 1', 'end', 'asyncStart', 'asyncEnd'])
    expect(new Set(seen.map(([, message]) => message)).size).toBe(1)
    expect(seen[0]?.[1]).toEqual({
      client: 'orders',
      method: 'KV/Put',
      startedAt: expect.any(Number),
      code: 'ok',
      durationMs: expect.any(Number),
      endpoint: fake.endpoint,
      store: undefined,
      wrote: { revision: 5, store: '1' },
    })
    seen.length = 0
    await opened.unary(KV.put, secret, { retry: 'write' })
    expect(seen[0]?.[1].store).toBe('1')
  })

  test('says the code of a failure', async () => {
    const { opened, fake } = await channelTo((call) => call.refuse(7, 'etcdserver: permission denied'))
    const failed = record('tracing:livetree:etcd:call:error')
    const ended = record('tracing:livetree:etcd:call:asyncEnd')
    await expect(opened.unary(KV.put, secret, { retry: 'write' })).rejects.toThrow('permission')
    expect(failed).toEqual(ended)
    expect(ended).toMatchObject([{ code: 'permission_denied', endpoint: fake.endpoint, wrote: undefined }])
  })

  const txn = (...responses: TxnResponse['responses']) =>
    encodeFrame(TxnResponse, { header, succeeded: true, responses })
  const read = { response: { type: 'range', value: { header, kvs: [], more: false, count: 0 } } } as const
  const write = { response: { type: 'put', value: { header, prevKv: undefined } } } as const
  const removed = (deleted: number) =>
    ({ response: { type: 'deleteRange', value: { header, deleted, prevKvs: [] } } }) as const
  const nested = (...responses: TxnResponse['responses']) =>
    ({ response: { type: 'txn', value: { header, succeeded: true, responses } } }) as const
  const deletion = (deleted: number) => encodeFrame(DeleteRangeResponse, { header, deleted, prevKvs: [] })
  const none = { compare: [], success: [], failure: [] }

  test.each([
    ['a range', () => KV.range, rangeAnswer(), false],
    ['a deletion of nothing', () => KV.deleteRange, deletion(0), false],
    ['a deletion', () => KV.deleteRange, deletion(2), true],
    ['a transaction that reads', () => KV.txn, txn(read, removed(0), nested(read)), false],
    ['a transaction that writes', () => KV.txn, txn(read, write), true],
    ['a transaction that removes', () => KV.txn, txn(removed(1)), true],
    ['a transaction in one', () => KV.txn, txn(nested(nested(write))), true],
  ] as const)('says whether %s wrote', async (_, method, answer, hasWritten) => {
    const { opened } = await channelTo((call) => call.answer(answer))
    const ended = record('tracing:livetree:etcd:call:asyncEnd')
    await opened.unary(method() as typeof KV.txn, none, { retry: 'write' })
    expect(ended).toMatchObject([{ wrote: hasWritten ? { revision: 7, store: 'ab' } : undefined }])
  })

  test('has neither keys nor values, and no answer', async () => {
    const { opened } = await channelTo((call) => call.answer(rangeAnswer('hidden-value')))
    const all = [
      record('tracing:livetree:etcd:call:start'),
      record('tracing:livetree:etcd:call:asyncEnd'),
      record('livetree:etcd:endpoint'),
    ]
    await opened.unary(KV.range, { key: 'hidden-key' }, { retry: 'read' })
    await expect(opened.unary(KV.range, { key: 'hidden-key' }, { clusterId: 9n })).rejects.toThrow()
    expect(all.map((messages) => messages.length)).toEqual([2, 2, 1])
    expect(JSON.stringify(all)).not.toMatch(/hidden|aGlkZGVu/)
  })

  test('makes and publishes nothing without a subscriber', async () => {
    const { opened } = await channelTo((call) => call.answer(putAnswer()))
    const published = vi.spyOn(diagnostics.Channel.prototype, 'publish')
    CLOSING.push(async () => published.mockRestore())
    await opened.unary(KV.put, secret, { retry: 'write' })
    const ours = published.mock.contexts
      .map((target) => String((target as diagnostics.Channel).name))
      .filter((name) => /livetree/.test(name))
    expect(ours).toEqual([])
  })
})

describe('the channels of retries and endpoints', () => {
  test('an endpoint that nobody tries is not said to be away for ever', async () => {
    const away = await deadEndpoint()
    let later = 0
    const clock = { ...systemClock, monotonicNow: () => performance.now() + later }
    const opened = testChannel([away], { clock })
    CLOSING.push(() => opened.close())
    await expect(opened.unary(KV.range, { key: 'k' }, { retry: 'read', timeoutMs: 100 })).rejects.toThrow()
    later = 179_000
    expect(opened.endpointStates).toEqual([{ url: away, state: 'away' }])
    later = 181_000
    expect(opened.endpointStates).toEqual([{ url: away, state: 'idle' }])
  })

  test('say where an attempt failed, that an endpoint is away, and that it is back', async () => {
    const away = await deadEndpoint()
    let isDown = false
    const script: Script = (call) => (isDown ? call.refuse(14, 'down') : call.answer(rangeAnswer()))
    const { opened, fake } = await channelTo(script, [away])
    const retries = record('livetree:etcd:retry')
    const states = record('livetree:etcd:endpoint')
    const get = () => opened.unary(KV.range, { key: 'k' }, { retry: 'read', timeoutMs: 3_000 })
    await get()
    expect(retries).toEqual([
      { client: 'orders', method: 'KV/Range', endpoint: away, code: 'connect_failed' },
    ])
    expect(states).toEqual([
      { client: 'orders', endpoint: away, state: 'away' },
      { client: 'orders', endpoint: fake.endpoint, state: 'connected' },
    ])
    isDown = true
    const failing = get()
    await vi.waitFor(() => expect(states).toMatchObject([{}, {}, { state: 'away' }]))
    isDown = false
    await failing
    expect(states.at(-1)).toEqual({ client: 'orders', endpoint: fake.endpoint, state: 'connected' })
    expect(opened.endpointStates).toEqual([
      { url: away, state: 'away' },
      { url: fake.endpoint, state: 'connected' },
    ])
  })
})
