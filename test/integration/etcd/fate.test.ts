import { readFileSync } from 'node:fs'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Random } from '../../chaos/world/random.ts'
import { type Break, startBrokenWire } from '../../fate/broken-wire.ts'
import { type CallerAct, callerActs, runTrials, trial } from '../../fate/judge.ts'
import { type WriteName, writeNames, writes } from '../../fate/writes.ts'
import { startWrongPeer, wrongAnswers } from '../../fate/wrong-peer.ts'
import { oneEtcd } from '../../support/each-etcd.ts'
import { type Certificates, makeCertificates } from '../../support/make-certificates.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'

/** `npm run fate` takes every byte and every way; otherwise a sample does, which `LIVETREE_FATE_SEED` repeats. */
const isLong = process.env['LIVETREE_FATE'] === 'all'
const seed = Number(process.env['LIVETREE_FATE_SEED'] ?? Date.now() % 1_000_000)

/** Only TLS notices a byte that was changed on the way: in cleartext it makes another request, or another answer. */
const BREAKS = {
  plain: ['reset', 'close', 'stall'],
  TLS: ['reset', 'close', 'stall', 'garble'],
} as const satisfies Record<string, readonly Break[]>
/** What was said of a write, and what the store held. */
const OUTCOMES = ['done, present', 'not_sent, absent', 'unknown, absent', 'unknown, present']

const DIRECTIONS = ['toServer', 'toClient'] as const
type Direction = (typeof DIRECTIONS)[number]

/** Trials of a sample in one direction, and for each wrong answer. */
const SAMPLES = 56
const SAMPLES_OF_AN_ANSWER = 2
const AT_A_TIME = isLong ? 16 : 8

/** Everything but the place that one trial depends on. */
interface Way {
  readonly write: WriteName
  readonly act: CallerAct
  /** There is no other endpoint. */
  readonly isAlone: boolean
}
interface BrokenWay extends Way {
  readonly how: Break
  readonly isOnce: boolean
}

const BOTH = [true, false]

function pickWay(random: Random): Way {
  return { write: random.pick(writeNames), act: random.pick(callerActs), isAlone: random.chance(0.5) }
}

function inWords({ write, act, isAlone }: Way): string {
  return `${write}, caller ${act}, ${isAlone ? 'alone' : 'with another'}`
}

/** Every way but for the write. */
function allBrokenWays(breaks: readonly Break[]): Omit<BrokenWay, 'write'>[] {
  return breaks.flatMap((how) =>
    callerActs.flatMap((act) =>
      BOTH.flatMap((isAlone) => BOTH.map((isOnce) => ({ how, act, isAlone, isOnce }))),
    ),
  )
}

/** Where a wire breaks, and how. `lengths` are those of whole writes. */
type Place = BrokenWay & { readonly afterBytes: number }

/** Every byte with every way in cleartext; over TLS, which is longer, with eight of them. The writes go round. */
function allPlaces(breaks: readonly Break[], lengths: ReadonlyMap<WriteName, number>): Place[] {
  const ways = allBrokenWays(breaks)
  const count = breaks.length === BREAKS.plain.length ? ways.length : 8
  const bytes = Array.from({ length: Math.max(...lengths.values()) }, (_, index) => index)
  return bytes.flatMap((afterBytes) =>
    Array.from({ length: count }, (_, at) => ({
      ...ways[(afterBytes * 7 + at * 25) % ways.length]!,
      write: writeNames[(afterBytes + at) % writeNames.length]!,
      afterBytes,
    })).filter(({ write }) => afterBytes < lengths.get(write)!),
  )
}

function somePlaces(
  breaks: readonly Break[],
  lengths: ReadonlyMap<WriteName, number>,
  { random, count }: { readonly random: Random; readonly count: number },
): Place[] {
  return Array.from({ length: count }, (_, index) => {
    const write = writeNames[index % writeNames.length]!
    const afterBytes = random.between(0, lengths.get(write)! - 1)
    return {
      ...pickWay(random),
      write,
      how: random.pick(breaks),
      isOnce: random.chance(0.5),
      afterBytes,
    }
  })
}

/** What one peer is asked for, for each of its wrong answers. */
type PeerWay = Way & { readonly forwards: boolean }

function allPeerWays(): PeerWay[] {
  return writeNames.flatMap((write) =>
    callerActs.flatMap((act) =>
      BOTH.flatMap((isAlone) => BOTH.map((forwards) => ({ write, act, isAlone, forwards }))),
    ),
  )
}

oneEtcd(`the fate of a write (seed ${seed})`, (etcd) => {
  let certificates: Certificates
  let trials = 0
  const random = new Random(seed)
  const tally = new Map<string, number>()
  // The fate is the client's word; other servers than the one in the process see a part of the sample.
  const share = isLong || etcd.kind === 'embedded' ? 1 : 3

  beforeAll(async () => {
    certificates = await makeCertificates()
  })

  afterAll(async () => {
    await certificates.close()
    // A suite in which nothing is sent, or nothing breaks, shows nothing.
    expect([...tally.keys()].sort()).toEqual(expect.arrayContaining(OUTCOMES))
  })

  describe.each(['plain', 'TLS'] as const)('over %s', (kind) => {
    let server: EtcdServer
    let store: EtcdClient
    const lengths: Record<Direction, Map<WriteName, number>> = { toServer: new Map(), toClient: new Map() }
    const tlsOf = () => (kind === 'TLS' ? { tls: { ca: readFileSync(certificates.ca, 'utf8') } } : {})

    beforeAll(async () => {
      server = await etcd.start(kind === 'TLS' ? { tls: { certificates } } : {})
      store = createEtcdClient({ endpoints: server.endpoint, ...tlsOf() })
      for (const name of writeNames) {
        await using wire = await startBrokenWire(server.endpoint)
        await using client = createEtcdClient({ endpoints: wire.endpoint, ...tlsOf() })
        const [write, id] = [writes[name], `whole${name.length}${name}`]
        const revision = 'prepare' in write ? await write.prepare(store, id) : 0
        await write.run(client, id, { signal: new AbortController().signal }, revision)
        for (const direction of DIRECTIONS) lengths[direction].set(name, wire.carried[direction])
      }
    })

    afterAll(async () => {
      await store.close()
      await server.close()
    })

    const clientOf = (endpoint: string, isAlone: boolean) => ({
      endpoints: isAlone ? [endpoint] : [endpoint, server.endpoint],
      ...tlsOf(),
    })

    const run = (endpoint: string, { write, act, isAlone }: Way, point: Promise<void>) => {
      trials += 1
      const [id, client] = [`${trials}`, clientOf(endpoint, isAlone)]
      return trial({ client, store, write: writes[write], id, act, point, tally })
    }

    test.each(DIRECTIONS)(
      'is what the store holds, wherever the wire breaks %s',
      { timeout: isLong ? 7_200_000 : 60_000 },
      async (direction) => {
        const [breaks, own] = [BREAKS[kind], lengths[direction]]
        const count = Math.ceil(SAMPLES / share)
        const places = isLong ? allPlaces(breaks, own) : somePlaces(breaks, own, { random, count })
        const list = places.map((place) => ({
          name: `${inWords(place)}: ${place.how} after ${place.afterBytes}, ${place.isOnce ? 'once' : 'always'}`,
          async run() {
            await using wire = await startBrokenWire(server.endpoint, { direction, ...place })
            return await run(wire.endpoint, place, wire.broke)
          },
        }))
        expect(await runTrials(list, AT_A_TIME)).toEqual([])
      },
    )

    test('is what the store holds, whatever wrong answer comes', {
      timeout: isLong ? 7_200_000 : 60_000,
    }, async () => {
      const pem = (path: string): string => readFileSync(path, 'utf8')
      const { cert, key } = certificates.server
      const tls = kind === 'TLS' ? { cert: pem(cert), key: pem(key) } : undefined
      const list = Object.keys(wrongAnswers).flatMap((answer) => {
        const some = () => ({ ...pickWay(random), forwards: random.chance(0.7) })
        const ways = isLong ? allPeerWays() : Array.from({ length: SAMPLES_OF_AN_ANSWER }, some)
        return ways.map((way) => ({
          name: `${inWords(way)}: ${answer} ${way.forwards ? 'after' : 'without'} handing it on`,
          async run() {
            const { path } = writes[way.write]
            const options = { answer, path, forwards: way.forwards, tls, ca: tlsOf().tls?.ca }
            await using peer = await startWrongPeer(server.endpoint, options)
            return await run(peer.endpoint, way, peer.reached)
          },
        }))
      })
      expect(await runTrials(list, AT_A_TIME)).toEqual([])
    })
  })
})
