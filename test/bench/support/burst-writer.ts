import { KV } from '@livetree/etcd/wire'
import { RawClient } from '../../contract/raw-client.ts'
import { type BurstShape, burstShapes } from './burst-shapes.ts'
import { sharedNow } from './shared-clock.ts'

/** What to put: `count` puts, `inFlight` of them under way, with values from `from` on. */
export interface BurstOrder {
  readonly shape: keyof typeof burstShapes
  readonly root: string
  readonly size: number
  readonly count: number
  readonly inFlight: number
  readonly from: number
}

/** On the shared clock, and the revision of the last put. */
export interface BurstDone {
  readonly firstSentAt: number
  readonly lastSentAt: number
  readonly revision: number
}

/** Writes bursts as it is told: a child of burst.ts. */
const client = new RawClient(process.argv[2]!)
process.on('message', (order: BurstOrder) => void write(order).then((done) => process.send!(done)))
process.on('disconnect', () => process.exit())
process.send!('ready')

async function write({ shape, root, size, count, inFlight, from }: BurstOrder): Promise<BurstDone> {
  const puts = requestsOf(burstShapes[shape], root, size, count, from)
  const firstSentAt = sharedNow()
  let lastSentAt = firstSentAt
  let revision = 0
  let next = 0
  const worker = async () => {
    while (next < count) {
      lastSentAt = sharedNow()
      const { header } = await client.call(KV.put, puts[next++]!)
      revision = Math.max(revision, Number(header!.revision))
    }
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
  return { firstSentAt, lastSentAt, revision }
}

function requestsOf(shape: BurstShape, root: string, size: number, count: number, from: number) {
  return Array.from({ length: count }, (_, index) => ({
    key: Buffer.from(`${root}/${shape.path(index, size)}`),
    value: Buffer.from(String(from + index)),
  }))
}
