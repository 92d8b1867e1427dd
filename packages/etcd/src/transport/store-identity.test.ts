import { describe, expect, test } from 'vitest'
import { EtcdError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { encodeFrame } from '../wire/frame.ts'
import { PutResponse, RangeResponse } from '../wire/kv.ts'
import { Auth, KV, Watch } from '../wire/rpc.ts'
import { WatchResponse } from '../wire/watch.ts'
import type { UndiciChannel } from './channel.ts'
import { deadEndpoint } from '../../../../test/support/dead-endpoint.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import { startFakeServer, testChannel } from './fake-server.test.kit.ts'

const OLD = 0x8e9e05c52164694dn
const NEW = 0x1n

const CLOSING = closedAfterEach()

interface Member {
  readonly endpoint: string
  clusterId: bigint
  /** Names of the calls it got. */
  readonly calls: string[]
  /** Ends its connections and takes no new ones. */
  stop(): Promise<void>
}

/** A member whose cluster can be exchanged behind its port. */
async function startMember(clusterId: bigint): Promise<Member> {
  const calls: string[] = []
  const fake = await startFakeServer((call) => {
    calls.push(call.name)
    const header = { clusterId: member.clusterId, memberId: 2n, revision: 5, raftTerm: 3 }
    if (call.name === 'KV/Put') call.answer(encodeFrame(PutResponse, { header }))
    else if (call.name === 'KV/Range') call.answer(encodeFrame(RangeResponse, { header, count: 1 }))
    else if (call.name === 'Watch/Watch') {
      call.stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
      call.stream.write(encodeFrame(WatchResponse, { header, watchId: 1 }))
    } else call.refuse(12, 'unknown service')
  })
  let isStopped = false
  const stop = async () => {
    if (isStopped) return
    isStopped = true
    await fake.close()
  }
  CLOSING.push(stop)
  const member: Member = { endpoint: fake.endpoint, clusterId, calls, stop }
  return member
}

function channelTo(members: readonly { endpoint: string }[], logger?: Logger): UndiciChannel {
  const urls = members.map(({ endpoint }) => endpoint)
  const channel = testChannel(urls, logger === undefined ? {} : { logger })
  CLOSING.push(() => channel.close())
  return channel
}

function put(channel: UndiciChannel) {
  return channel.unary(KV.put, { key: 'k', value: 'v' }, { retry: 'write' })
}
function get(channel: UndiciChannel, clusterId?: bigint) {
  return channel.unary(
    KV.range,
    { key: 'k' },
    { retry: 'read', ...(clusterId === undefined ? {} : { clusterId }) },
  )
}

async function outcome(call: Promise<{ header?: { clusterId: bigint } | undefined }>): Promise<unknown> {
  try {
    return (await call).header?.clusterId
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error
    return `${error.code} ${error.fate}`
  }
}

async function outcomes(count: number, call: () => Promise<{ header?: { clusterId: bigint } | undefined }>) {
  const all: unknown[] = []
  for (let index = 0; index < count; index += 1) all.push(await outcome(call()))
  return all
}

describe('one endpoint whose cluster was replaced', () => {
  test.each(['get', 'put'] as const)(
    '%s: exactly the first call fails, and the change is warned of',
    async (kind) => {
      const warnings: unknown[] = []
      const quiet = () => undefined
      const logger: Logger = {
        debug: quiet,
        info: quiet,
        error: quiet,
        warn: (message, details) => warnings.push([message, details]),
      }
      const member = await startMember(OLD)
      const channel = channelTo([member], logger)
      const call = () => (kind === 'get' ? get(channel) : put(channel))
      expect(channel.clusterId).toBe(undefined)
      expect(await outcomes(2, call)).toEqual([OLD, OLD])
      expect(channel.clusterId).toBe(OLD)
      member.clusterId = NEW
      expect(await outcomes(3, call)).toEqual(['cluster_changed unknown', NEW, NEW])
      expect(channel.clusterId).toBe(NEW)
      expect(warnings.at(-1)).toEqual([
        expect.stringContaining('another cluster'),
        { before: OLD.toString(16), now: '1' },
      ])
      member.clusterId = OLD
      expect(await outcomes(2, call)).toEqual(['cluster_changed unknown', OLD])
    },
  )

  test('a call that names its cluster gets no answer of the one in hand, should that be another', async () => {
    const member = await startMember(OLD)
    const channel = channelTo([member])
    await get(channel)
    member.clusterId = NEW
    expect(await outcome(get(channel))).toBe('cluster_changed unknown')
    expect(await outcome(get(channel, OLD))).toBe('cluster_changed not_sent')
    expect(await outcome(get(channel, NEW))).toBe(NEW)
    const fresh = channelTo([member])
    expect(await outcome(get(fresh, OLD))).toBe('cluster_changed unknown')
  })
})

describe('endpoints of two clusters', () => {
  test('reads are answered by the cluster that answered first, and by no other', async () => {
    const members = [await startMember(OLD), await startMember(NEW), await startMember(OLD)]
    const channel = channelTo(members)
    const seen = await outcomes(12, () => get(channel))
    expect(new Set(seen)).toEqual(new Set([channel.clusterId]))
    expect(members.every(({ calls }) => calls.length > 0)).toBe(true)
  })

  test('a write that the other one took says so, once, and the next go elsewhere', async () => {
    const [good, foreign] = [await startMember(OLD), await startMember(OLD)]
    const channel = channelTo([good, foreign])
    await outcomes(4, () => put(channel))
    foreign.clusterId = NEW
    const before = foreign.calls.length
    const seen = await outcomes(12, () => put(channel))
    expect(seen.filter((each) => each === 'cluster_changed unknown')).toHaveLength(1)
    expect(seen.filter((each) => each === OLD)).toHaveLength(11)
    expect(foreign.calls.length - before).toBe(1)
  })

  test('a rolling replacement ends in the new cluster, and what it answers before is never a success', async () => {
    const members = [await startMember(OLD), await startMember(OLD), await startMember(OLD)]
    const channel = channelTo(members)
    await outcomes(6, () => get(channel))
    members[0]!.clusterId = NEW
    expect(new Set(await outcomes(9, () => get(channel)))).toEqual(new Set([OLD]))
    members[1]!.clusterId = NEW
    expect(new Set(await outcomes(9, () => get(channel)))).toEqual(new Set([OLD]))
    members[2]!.clusterId = NEW
    expect(await outcomes(6, () => get(channel))).toEqual([
      'cluster_changed unknown',
      NEW,
      NEW,
      NEW,
      NEW,
      NEW,
    ])
    expect(members.map(({ calls }) => calls.length).every((count) => count > 1)).toBe(true)
  })

  test('a wiped member does not take over while the good ones cannot be reached', async () => {
    const [good, wiped] = [await startMember(OLD), await startMember(OLD)]
    const channel = channelTo([good, wiped])
    await outcomes(4, () => get(channel))
    wiped.clusterId = NEW
    await good.stop()
    for (let round = 0; round < 3; round += 1) {
      const answer = await outcome(channel.unary(KV.range, { key: 'k' }, { retry: 'read', timeoutMs: 200 }))
      expect(answer).not.toBe(NEW)
    }
    expect(channel.clusterId).toBe(OLD)
  })

  test('an endpoint that never answered and cannot be reached keeps nobody from the new cluster', async () => {
    const gone = { endpoint: await deadEndpoint() }
    const member = await startMember(OLD)
    const channel = channelTo([gone, member])
    await outcomes(2, () => get(channel))
    member.clusterId = NEW
    expect(await outcomes(2, () => get(channel))).toEqual(['cluster_changed unknown', NEW])
  })
})

test('a stream ends with the first message of another cluster, which its handler does not get', async () => {
  const [good, foreign] = [await startMember(OLD), await startMember(NEW)]
  const channel = channelTo([good])
  await get(channel)
  channel.useEndpoints([good.endpoint, foreign.endpoint])
  const seen: unknown[] = []
  const end = await new Promise<EtcdError | undefined>((resolve) => {
    const stream = channel.stream(
      Watch.watch,
      { onMessage: ({ header }) => seen.push(header?.clusterId), onEnd: resolve },
      { endpoint: foreign.endpoint },
    )
    stream.send({ request: { type: 'progress', value: {} } })
  })
  expect(end).toMatchObject({ code: 'cluster_changed', fate: 'unknown', endpoint: foreign.endpoint })
  expect(seen).toEqual([])
  expect(await outcome(channel.unary(Auth.authStatus, {}, { endpoint: good.endpoint }))).toBe(
    'unimplemented not_applied',
  )
})

test('an answer of a service that is not etcd names no cluster, whatever its first field looks like', async () => {
  let clusterId = 0n
  const fake = await startFakeServer((call) => {
    clusterId += 1n
    call.answer(encodeFrame(RangeResponse, { header: { clusterId } }))
  })
  CLOSING.push(() => fake.close())
  const channel = channelTo([fake])
  const method = { ...KV.range, path: '/example.Counter/Next' }
  for (let index = 0; index < 3; index += 1) await channel.unary(method, {}, { retry: 'write' })
  expect(channel.clusterId).toBe(undefined)
})
