import { connect } from 'node:http2'
import { createEtcdClient, prefixEnd } from '@livetree/etcd'
import { encodeFrame, RangeRequest } from '@livetree/etcd/wire'
import { Etcd3 } from 'etcd3'
import { defineConfig, etcd } from 'livetree'
import * as z from 'zod'
import { startEtcd } from '../support/start-etcd.ts'
import { amount } from './support/amount.ts'
import { nestedLeaves, nestedSchema } from './support/bench-tree.ts'
import { fillTree } from './support/fill-tree.ts'
import { type Contender, race, type Timing } from './support/measure.ts'
import { publish } from './support/report.ts'
import type { Ratio } from './support/ratio.ts'

/** Of the three sizes; a large tree takes as long as many small ones. */
const ROUNDS = amount([60, 30, 6], [1, 1, 1])
const DEPTHS = amount([2, 3, 4], [1, 1, 2])

await using server = await startEtcd()
const client = createEtcdClient({ endpoints: [server.endpoint] })
const etcd3 = new Etcd3({ hosts: server.endpoint })
const session = connect(server.endpoint)

/**
 * Ours: a configuration from nothing to a validated snapshot, on a connection that stands already, as the
 * others have.
 */
function livetree(root: string, depth: number): Contender {
  const definition = defineConfig({ name: 'bench', schema: nestedSchema(depth) })
  return {
    name: `livetree load()`,
    async run() {
      const startedAt = performance.now()
      const config = await definition.load({ sources: [etcd({ client, root })] })
      const time = performance.now() - startedAt
      await config.close()
      return time
    },
  }
}

/** What is done by hand today: npm etcd3, a tree put together from the keys, and a schema that coerces. */
function byHand(root: string, depth: number): Contender {
  const schema = coercing(depth)
  return {
    name: 'npm etcd3 + tree + zod',
    async run() {
      const all = await etcd3.getAll().prefix(`${root}/`).strings()
      const tree: Record<string, unknown> = {}
      for (const [key, text] of Object.entries(all)) {
        const segments = key.slice(root.length + 1).split('/')
        const last = segments.pop()!
        let node = tree
        for (const segment of segments) {
          node[segment] ??= {}
          node = node[segment] as Record<string, unknown>
        }
        node[last] = text
      }
      schema.parse(tree)
    },
  }
}

function coercing(depth: number): z.ZodType {
  const text = z.string()
  let schema: z.ZodType = z.object({
    name: text,
    url: text,
    owner: text,
    note: text,
    region: text,
    zone: text,
    image: text,
    replicas: z.coerce.number(),
    timeoutMs: z.coerce.number(),
    enabled: z.stringbool(),
  })
  for (let level = 0; level < depth; level++) schema = z.record(z.string(), schema)
  return z.object({ services: schema })
}

/** The floor: the bytes of the same range over node:http2, not looked at. */
function bareBytes(root: string): Contender {
  const key = Buffer.from(`${root}/`)
  const body = encodeFrame(RangeRequest, { key, rangeEnd: prefixEnd(key) })
  return {
    name: 'bare HTTP/2 bytes',
    run: () =>
      new Promise<void>((resolve, reject) => {
        const request = session.request({
          ':method': 'POST',
          ':path': '/etcdserverpb.KV/Range',
          'content-type': 'application/grpc',
          te: 'trailers',
        })
        let bytes = 0
        request.on('data', (chunk: Buffer) => {
          bytes += chunk.length
        })
        request.on('end', () => (bytes > 100 ? resolve() : reject(new Error(`only ${bytes} bytes came`))))
        request.on('error', reject)
        request.end(body)
      }),
  }
}

const ratios: Ratio[] = []
const bySize: Timing[][] = []
for (const [index, depth] of DEPTHS.entries()) {
  const root = `/bench/${index}`
  const leaves = nestedLeaves(depth)
  await fillTree(client, root, leaves)
  const count = leaves.length.toLocaleString('en')
  const timings = await race([livetree(root, depth), byHand(root, depth), bareBytes(root)], ROUNDS[index]!)
  const [ours, theirs, floor] = timings
  bySize.push(timings.map((one) => ({ ...one, name: `${count} keys: ${one.name}` })))
  ratios.push({
    what: `${count} keys against npm etcd3 + tree + zod`,
    value: ours!.median / theirs!.median,
    aim: 0.45,
  })
  ratios.push({
    what: `${count} keys against bare HTTP/2 bytes`,
    value: ours!.median / floor!.median,
    aim: 1.4,
  })
}
publish({
  bench: 'load',
  etcd: server.version,
  method:
    'Keys of 60-byte values in directories of ten. Each contender reads the same range over an established connection, in turns: ' +
    'livetree to a validated snapshot with a watch behind it, npm etcd3 to strings that are put into a tree and parsed by zod, node:http2 to undecoded bytes.',
  timings: bySize.flat(),
  ratios,
  plots: [
    {
      name: 'load-sizes',
      title: 'Cold load, medians, by the number of keys',
      steps: ['1,000 keys', '10,000 keys', '100,000 keys'],
      lines: ['livetree load()', 'npm etcd3 + tree + zod', 'bare HTTP/2 bytes'].map((name, way) => ({
        name,
        values: bySize.map((timings) => timings[way]!.median),
      })),
      isLogarithmic: true,
    },
  ],
})
session.close()
etcd3.close()
await client.close()
