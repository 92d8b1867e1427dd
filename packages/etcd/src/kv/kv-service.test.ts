import { beforeEach, describe, expect, test } from 'vitest'
import { EtcdError } from '../errors.ts'
import { closedAfterEach } from '../transport/closed-after-each.test.kit.ts'
import {
  type FakeCall,
  type FakeServer,
  type Script,
  startFakeServer,
  testChannel,
} from '../transport/fake-server.test.kit.ts'
import { encodeFrame } from '../wire/frame.ts'
import { RangeRequest, RangeResponse, TxnRequest, TxnResponse } from '../wire/kv.ts'
import type { Init } from '../wire/message-type.ts'
import type { KvService } from './kv-contract.ts'
import { createKvService } from './kv-service.ts'
import type { ScanPage } from './range-page.ts'

const CLOSING = closedAfterEach()

async function serve(scripts: readonly Script[]): Promise<{ kv: KvService; servers: FakeServer[] }> {
  const servers: FakeServer[] = []
  for (const script of scripts) {
    const server = await startFakeServer(script)
    CLOSING.push(() => server.close())
    servers.push(server)
  }
  const channel = testChannel(servers.map((each) => each.endpoint))
  CLOSING.push(() => channel.close())
  return { kv: createKvService(channel), servers }
}

async function failure(promise: Promise<unknown>): Promise<EtcdError> {
  const error: unknown = await promise.catch((reason: unknown) => reason)
  if (error instanceof EtcdError) return error
  throw new Error('it did not fail as expected', { cause: error })
}

function answer(response: Init<RangeResponse>): Buffer {
  return encodeFrame(RangeResponse, response)
}

function isRange({ name }: FakeCall): boolean {
  return name === 'KV/Range'
}

function at(revision: number, clusterId = 1n): Script {
  return (call) =>
    call.answer(
      answer({ header: { revision, clusterId }, kvs: [{ key: 'k', value: String(revision) }], count: 1 }),
    )
}

describe('a serializable read', () => {
  const serializable = { serializable: true }

  test('that is older than what was seen is asked for again elsewhere', async () => {
    // The first read goes to whichever server is connected first.
    let isBehind = false
    const { kv, servers } = await serve([at(100), (call) => at(isBehind ? 90 : 100)(call), at(105)])
    const seen = [(await kv.get('k', serializable))?.text]
    isBehind = true
    for (let round = 0; round < 4; round += 1) seen.push((await kv.get('k', serializable))?.text)
    expect(seen).not.toContain('90')
    expect(seen).toEqual([...seen].sort())
    expect(seen).toContain('105')
    expect(servers[1]!.calls.length).toBeGreaterThan(0)
  })

  test('that stays old is refused', async () => {
    let revision = 100
    const { kv, servers } = await serve([(call) => at(revision)(call)])
    await kv.get('k')
    revision = 99
    const error = await failure(kv.get('k', serializable))
    expect(error.code).toBe('stale_read')
    expect(error.what).toBe('every member asked is at revision 99, but revision 100 was seen')
    expect(servers[0]!.calls).toHaveLength(3)
  })

  test('of another cluster begins anew, and a linearizable one is never doubted', async () => {
    let now: Script = at(100)
    const { kv } = await serve([(call) => now(call)])
    await kv.get('k')
    now = at(5, 2n)
    await expect(kv.get('k', serializable)).rejects.toMatchObject({ code: 'cluster_changed' })
    expect((await kv.get('k', serializable))?.text).toBe('5')
    now = at(4, 2n)
    expect((await kv.get('k'))?.text).toBe('4')
  })
})

describe('scan', () => {
  /** A store of `count` keys, served by the page. */
  const store = (count: number): Script => {
    const keys = Array.from({ length: count }, (_, index) => `k${String(index).padStart(6, '0')}`)
    const header = { revision: 9, clusterId: 3n }
    const read = ({ key, rangeEnd, limit }: RangeRequest) => {
      const from = key.toString('latin1')
      const rest = keys.filter((each) => (rangeEnd.length === 0 ? each === from : each >= from))
      const page = rest.slice(0, limit || undefined)
      const kvs = page.map((each) => ({ key: each, value: `v${each}`, modRevision: 7 }))
      return { header, kvs, more: page.length < rest.length, count: rest.length }
    }
    return (call) => {
      if (isRange(call)) return call.answer(answer(read(RangeRequest.decode(call.messages[0]!))))
      const responses = TxnRequest.decode(call.messages[0]!).success.map(({ request }) => {
        if (request?.type !== 'range') throw new Error('only reads are played')
        return { response: { type: 'range' as const, value: read(request.value) } }
      })
      call.answer(encodeFrame(TxnResponse, { header, succeeded: true, responses }))
    }
  }

  test('asks for a few large pages, all at one revision', async () => {
    const { kv, servers } = await serve([store(40_000)])
    const keys: string[] = []
    const { count, revision } = await kv.scan({ prefix: 'k' }, (page) => keys.push(...page.keys))
    expect({ count, revision, distinct: new Set(keys).size }).toEqual({
      count: 40_000,
      revision: 9,
      distinct: 40_000,
    })
    const requests = servers[0]!.calls.filter(isRange).map((call) => RangeRequest.decode(call.messages[0]!))
    expect(requests.map((each) => each.limit)).toEqual([5_000, 11_667, 11_667, 11_667])
    expect(requests.map((each) => each.revision)).toEqual([0, 9, 9, 9])
  })

  test.each(['scan', 'iterate'] as const)(
    '%s never goes on over a change of the cluster, not even when it was told to somebody else',
    async (kind) => {
      const old = store(3_000)
      let clusterId = 3n
      const { kv, servers } = await serve([
        (call) => {
          const answered = call.answer.bind(call)
          if (clusterId === 3n) old(call)
          else answered(answer({ header: { revision: 9, clusterId }, kvs: [{ key: 'k9', modRevision: 8 }] }))
        },
      ])
      let replaced: Promise<void> | undefined
      const replace = async () => {
        // The second page was asked for before the first was handed over; the third is the one in question.
        while (servers[0]!.calls.length < 2) await new Promise(setImmediate)
        clusterId = 4n
        await expect(kv.get('another')).rejects.toMatchObject({ code: 'cluster_changed' })
        await kv.get('another')
      }
      const replaceOnce = () => {
        replaced ??= replace()
        return replaced
      }
      const listing = async () => {
        if (kind === 'scan') {
          await kv.scan({ prefix: 'k', pageSize: 10 }, replaceOnce)
          return
        }
        for await (const _ of kv.iterate({ prefix: 'k', pageSize: 10 })) await replaceOnce()
      }
      await expect(listing()).rejects.toMatchObject({ code: 'cluster_changed' })
      await replaced
    },
  )

  test('asks for the next page before it hands over the one it has', async () => {
    const { kv, servers } = await serve([store(30)])
    const askedAt: number[] = []
    await kv.scan({ prefix: 'k', pageSize: 10 }, () => askedAt.push(servers[0]!.calls.filter(isRange).length))
    expect(servers[0]!.calls.filter(isRange)).toHaveLength(3)
    expect(askedAt).toHaveLength(3)
  })

  test('gets through fields it does not know, in any order', async () => {
    const known = RangeResponse.encode({
      kvs: [{ key: 'k', value: 'v', modRevision: 300, lease: -1n, version: 200 }],
    })
    const tail = RangeResponse.encode({ header: { revision: 5 }, count: 1 })
    const unknown = Buffer.from('a00101a20102ffff', 'hex')
    const body = Buffer.concat([unknown, known, unknown, tail])
    const frame = Buffer.concat([Buffer.alloc(5), body])
    frame.writeUInt32BE(body.length, 1)
    const { kv } = await serve([(call) => call.answer(frame)])
    const pages: ScanPage[] = []
    await kv.scan({ prefix: 'k' }, (page) => pages.push(page))
    expect(pages).toMatchObject([
      { keys: ['k'], values: ['v'], modRevisions: [300], revision: 5, notText: [] },
    ])
  })

  test('leaves away what it is told to of every key, be the rest text or not', async () => {
    const prefix = 'ä/'
    const keys = [Buffer.from('ä/ä'), Buffer.from('ä/'), Buffer.concat([Buffer.from('ä/x'), Buffer.of(0xff)])]
    const { kv } = await serve([
      (call) =>
        call.answer(
          encodeFrame(RangeResponse, { header: { revision: 5 }, kvs: keys.map((key) => ({ key })) }),
        ),
    ])
    const pages: ScanPage[] = []
    await kv.scan({ prefix, skipKeyBytes: Buffer.byteLength(prefix) }, (page) => pages.push(page))
    expect(pages).toMatchObject([{ keys: ['ä', '', 'x\ufffd'], notText: [{ index: 2 }] }])
    expect(pages[0]!.notText[0]!.key).toEqual(Buffer.of(0x78, 0xff))
  })

  test('refuses what is no RangeResponse', async () => {
    const { kv } = await serve([(call) => call.answer(Buffer.from('000000000412ff0a01', 'hex'))])
    expect((await failure(kv.scan({ prefix: 'k' }, () => undefined))).code).toBe('malformed_message')
  })
})

describe('compact', () => {
  const scripts = (call: FakeCall): void => {
    if (call.name === 'KV/Range') at(9)(call)
    else if (isLost) call.session.destroy()
    else call.refuse(11, 'etcdserver: mvcc: required revision has been compacted')
    if (call.name !== 'KV/Range') isLost = false
  }
  let isLost = true

  beforeEach(() => {
    isLost = true
  })

  test('of unknown outcome is sent again, and "compacted" means done, then and later', async () => {
    const { kv, servers } = await serve([scripts])
    await kv.get('k')
    await kv.compact(5)
    expect(servers[0]!.calls.filter(({ name }) => name === 'KV/Compact')).toHaveLength(2)
    await kv.compact(5)
  })

  test('is not sent again where no cluster is known that it would be sent to', async () => {
    const { kv, servers } = await serve([scripts])
    expect((await failure(kv.compact(5))).code).toBe('outcome_unknown')
    expect(servers[0]!.calls).toHaveLength(1)
  })
})
