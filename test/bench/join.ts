import { createEtcdClient, op } from '@livetree/etcd'
import { defineConfig, etcd, type EtcdTreeOptions } from 'livetree'
import * as z from 'zod'
import { type EtcdServer, startEtcd } from '../support/start-etcd.ts'
import { amount } from './support/amount.ts'
import { fillTree } from './support/fill-tree.ts'
import { type Contender, race, type Timing } from './support/measure.ts'
import type { Ratio } from './support/ratio.ts'
import { publish } from './support/report.ts'

const PUTS = amount(2_000, 5)
const LAYERS = ['redis', 'telemetry', 'base', 'prod', 'zone'] as const
/** Leaves in each layer. */
const LEAVES = amount(200, 3)

const layer = z.object({ values: z.record(z.string(), z.number()).default({}) }).default({ values: {} })
const definition = defineConfig({
  name: 'bench',
  schema: z.object({ redis: layer, telemetry: layer, base: layer, prod: layer, zone: layer }),
})

let count = 0

/** A configuration on directories of its own; its puts go to one layer, or with `isWhole` to all at once. */
async function contend(
  { server, cleanup }: { server: EtcdServer; cleanup: AsyncDisposableStack },
  root: string,
  name: string,
  { tree, isWhole = false }: { tree: EtcdTreeOptions; isWhole?: boolean },
): Promise<Contender> {
  const writer = cleanup.use(createEtcdClient({ endpoints: [server.endpoint] }))
  for (const each of LAYERS) {
    const leaves = Array.from({ length: LEAVES }, (_, index) => [`${each}/values/k${index}`, '0'] as const)
    await fillTree(
      writer,
      `${root}/${each}`,
      leaves.map(([path, text]) => [isNamed(tree) ? path : path.slice(each.length + 1), text]),
    )
  }
  const source = etcd({ endpoints: [server.endpoint], ...tree })
  const config = cleanup.use(await definition.load({ sources: [source], logger: false }))
  let seen: (at: number) => void = () => undefined
  let wanted = 0
  config.watch(
    (all) => all,
    (all) => {
      const at = performance.now()
      if (Object.values(all).some(({ values }) => values['k0'] === wanted)) seen(at)
    },
  )
  const keyOf = (each: string) => `${root}/${each}/${isNamed(tree) ? `${each}/` : ''}values/k0`
  return {
    name,
    run: async () => {
      wanted = ++count
      const at = new Promise<number>((resolve) => {
        seen = resolve
      })
      const written = isWhole ? LAYERS : [LAYERS[count % LAYERS.length] ?? 'base']
      const ops = written.map((each) => op.put(keyOf(each), `${wanted}`))
      const startedAt = performance.now()
      const [seenAt] = await Promise.all([
        at,
        writer.kv
          .txn()
          .then(...ops)
          .commit(),
      ])
      return seenAt - startedAt
    },
  }
}

/** Whether the keys of a layer begin with its name in the schema, because it is not mounted there. */
function isNamed({ overlays }: EtcdTreeOptions): boolean {
  return overlays !== undefined
}

const rootTree = (root: string): EtcdTreeOptions => ({ root, overlays: LAYERS })
const joinedTree = (root: string): EtcdTreeOptions => ({
  layers: LAYERS.map((each) => ({ prefix: `${root}/${each}`, at: each })),
})
const timings: Timing[] = []
const ratios: Ratio[] = []
for (const series of ['3.5', '3.4'] as const) {
  await using server = await startEtcd({ version: series === '3.5' ? 'current' : series })
  await using cleanup = new AsyncDisposableStack()
  const on = { server, cleanup }
  const of = (name: string) => `etcd ${server.version}, ${name}`
  const [single, joined, whole, wholeJoined, plain] = await race(
    [
      await contend(on, '/single', of('a put, one watch over the root'), { tree: rootTree('/single') }),
      await contend(on, '/joined', of('a put, five watches joined'), { tree: joinedTree('/joined') }),
      await contend(on, '/whole', of('a transaction over all, one watch'), {
        tree: rootTree('/whole'),
        isWhole: true,
      }),
      await contend(on, '/wjoined', of('a transaction over all, joined'), {
        tree: joinedTree('/wjoined'),
        isWhole: true,
      }),
      await contend(on, '/plain', of('a put, a root without layers'), { tree: { root: '/plain' } }),
    ],
    PUTS,
  )
  if (!single || !joined || !whole || !wholeJoined || !plain)
    throw new Error('five contenders have five timings')
  timings.push(single, joined, whole, wholeJoined, plain)
  ratios.push(
    {
      what: of('p50 of a put to a handler, joined against one watch'),
      value: joined.median / single.median,
      aim: 1.5,
    },
    {
      what: of('p50 of a transaction over all layers, joined against one watch'),
      value: wholeJoined.median / whole.median,
      aim: 1.5,
    },
    {
      what: of('p50 of a put to a handler, five layers under one root against that root alone'),
      value: single.median / plain.median,
      aim: 1.1,
    },
  )
}

publish({
  bench: 'join',
  method:
    `Time from sending a put, or a transaction over all layers, until a watch() handler runs, in one process. Five layers of ${LEAVES} leaves each: ` +
    `once overlays of a root that one watch covers, once directories that are watched by themselves and joined by revision. ` +
    `All are live at once and take turns, ${PUTS} puts each; a put changes one of the layers in turn. ` +
    `The same leaves below a root without layers are one watch as well, so that the layers below one range show what they cost more. etcd 3.5 orders progress with changes, so that the join requests progress; 3.4.23 does not, so that it reads the other ranges.`,
  timings,
  ratios,
})
