import { readFileSync } from 'node:fs'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Break, startBrokenWire } from '../../fate/broken-wire.ts'
import { callerActs, runTrials, trial, writes } from '../../fate/judge.ts'
import { startWrongPeer, wrongAnswers } from '../../fate/wrong-peer.ts'
import { eachEtcd } from '../../support/each-etcd.ts'
import { type Certificates, makeCertificates } from '../../support/make-certificates.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'

/** `npm run fate` takes every byte and every way; otherwise a sample does. */
const isLong = process.env['LIVETREE_FATE'] === 'all'

/** Only TLS notices a byte that was changed on the way: in cleartext it makes another request, or another answer. */
const BREAKS = {
  plain: ['reset', 'close', 'stall'],
  TLS: ['reset', 'close', 'stall', 'garble'],
} as const satisfies Record<string, readonly Break[]>
/** What was said of a write, and what the store held. */
const OUTCOMES = ['done, present', 'not_sent, absent', 'unknown, absent', 'unknown, present']

const SAMPLES = 28
const AT_A_TIME = isLong ? 16 : 8

/** Bytes at which the wire breaks: all, or one in `share` of a sample over the whole length. */
function boundaries(length: number, share: number): number[] {
  const count = isLong ? length : Math.min(length, Math.ceil(SAMPLES / share))
  return [...new Set(Array.from({ length: count }, (_, index) => Math.floor((index * length) / count)))]
}

eachEtcd('the fate of a write', (etcd) => {
  let certificates: Certificates
  let trials = 0
  const tally = new Map<string, number>()
  // The fate is the client's word; other servers than the one in the process see a part of the sample.
  const share = isLong || etcd.kind === 'embedded' ? 1 : 3

  beforeAll(async () => {
    certificates = await makeCertificates()
  })

  afterAll(async () => {
    await certificates.close()
    // A suite in which nothing is sent, or nothing breaks, shows nothing.
    expect([...tally.keys()].sort()).toEqual(OUTCOMES)
  })

  describe.each(['plain', 'TLS'] as const)('over %s', (kind) => {
    let server: EtcdServer
    let store: EtcdClient
    const tlsOf = () => (kind === 'TLS' ? { tls: { ca: readFileSync(certificates.ca, 'utf8') } } : {})

    beforeAll(async () => {
      server = await etcd.start(kind === 'TLS' ? { tls: { certificates } } : {})
      store = createEtcdClient({ endpoints: server.endpoint, ...tlsOf() })
      await store.kv.get('/warm')
    })

    afterAll(async () => {
      await store.close()
      await server.close()
    })

    const clientOf = (endpoint: string, isAlone: boolean) => ({
      endpoints: isAlone ? [endpoint] : [endpoint, server.endpoint],
      ...tlsOf(),
    })

    test.each(['toServer', 'toClient'] as const)(
      'is what the store holds, wherever the wire breaks %s',
      { timeout: isLong ? 3_600_000 : 60_000 },
      async (direction) => {
        const whole = await startBrokenWire(server.endpoint)
        const client = createEtcdClient({ endpoints: whole.endpoint, ...tlsOf() })
        await client.kv.put('/whole', 'the value')
        await client.close()
        await whole[Symbol.asyncDispose]()
        const list = boundaries(whole.carried[direction], share).flatMap((afterBytes, index) =>
          combinations(BREAKS[kind], index).map(({ how, act, isAlone, isOnce, write }) => ({
            name: `${write} ${how} after ${afterBytes}, caller ${act}, ${isAlone ? 'alone' : 'with another'}, ${isOnce ? 'once' : 'always'}`,
            async run() {
              await using wire = await startBrokenWire(server.endpoint, {
                direction,
                afterBytes,
                how,
                isOnce,
              })
              trials += 1
              const [id, point] = [`${trials}`, wire.broke]
              return await trial({
                client: clientOf(wire.endpoint, isAlone),
                store,
                write: writes[write]!,
                id,
                act,
                point,
                tally,
              })
            },
          })),
        )
        expect(await runTrials(list, AT_A_TIME)).toEqual([])
      },
    )

    test('is what the store holds, whatever wrong answer comes', {
      timeout: isLong ? 600_000 : 60_000,
    }, async () => {
      const pem = (path: string): string => readFileSync(path, 'utf8')
      const identity =
        kind === 'TLS'
          ? { cert: pem(certificates.server.cert), key: pem(certificates.server.key) }
          : undefined
      const list = Object.keys(wrongAnswers).flatMap((answer, index) =>
        (isLong ? ALL_PEERS : [ALL_PEERS[index % 2]!, ALL_PEERS[2 + (index % 2)]!]).map(
          ({ forwards, isAlone, write }) => ({
            name: `${write}, ${answer} ${forwards ? 'after' : 'without'} handing it on, ${isAlone ? 'alone' : 'with another'}`,
            async run() {
              const options = { answer, forwards, tls: identity, ca: tlsOf().tls?.ca }
              await using peer = await startWrongPeer(server.endpoint, options)
              trials += 1
              const never = new Promise<void>(() => undefined)
              const client = clientOf(peer.endpoint, isAlone)
              return await trial({
                client,
                store,
                write: writes[write]!,
                id: `${trials}`,
                act: 'waits',
                point: never,
                tally,
              })
            },
          }),
        ),
      )
      expect(await runTrials(list, AT_A_TIME)).toEqual([])
    })
  })
})

const ALL_PEERS = [
  { forwards: true, isAlone: true, write: 'put' },
  { forwards: true, isAlone: false, write: 'put' },
  { forwards: true, isAlone: true, write: 'grant' },
  { forwards: false, isAlone: false, write: 'put' },
  { forwards: true, isAlone: false, write: 'grant' },
  { forwards: false, isAlone: true, write: 'put' },
] as const

/** Every way at one byte; over TLS six of them, in a sample two, so that all come round. */
function combinations(breaks: readonly Break[], index: number) {
  const all = breaks.flatMap((how) =>
    callerActs.flatMap((act) =>
      [true, false].flatMap((isAlone) => [true, false].map((isOnce) => ({ how, act, isAlone, isOnce }))),
    ),
  )
  const count = !isLong ? 2 : breaks === BREAKS.plain ? all.length : 6
  const some = Array.from({ length: count }, (_, at) => all[(index * 7 + at * 25) % all.length]!)
  return some.map((each, at) => ({ ...each, write: (index + at) % 5 === 0 ? 'grant' : 'put' }))
}
