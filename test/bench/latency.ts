import { connect } from 'node:http2'
import { createEtcdClient } from '@livetree/etcd'
import { KV } from '@livetree/etcd/wire'
import { defineConfig, etcd } from 'livetree'
import { RawClient } from '../contract/raw-client.ts'
import { startEtcd } from '../support/start-etcd.ts'
import { amount } from './support/amount.ts'
import { openBareWatch } from './support/bare-watch.ts'
import { nestedLeaves, nestedSchema, servicePaths } from './support/bench-tree.ts'
import { fillTree } from './support/fill-tree.ts'
import { percentile, type Timing, timing } from './support/measure.ts'
import { publish } from './support/report.ts'
import type { Ratio } from './support/ratio.ts'

/** Puts of each kind on each tree. */
const PUTS = amount(4_000, 5)
const WARM_UPS = amount(500, 2)
const DEPTHS = amount([2, 3, 4], [1, 1, 2])
const SHARES = [0.5, 0.75, 0.9, 0.99, 0.999]

await using server = await startEtcd()
await using client = createEtcdClient({ endpoints: [server.endpoint] })
await using cleanup = new AsyncDisposableStack()
/** Puts by a connection of its own, which is neither's. */
const writer = new RawClient(server.endpoint)
cleanup.defer(() => writer.close())

/** Waits for values; each watcher says when it has seen one. */
class Sightings {
  #wanted = ''
  #seen: ((at: number) => void) | undefined

  next(value: string): Promise<number> {
    this.#wanted = value
    return new Promise((resolve) => {
      this.#seen = resolve
    })
  }

  see(value: string | undefined, at: number): void {
    if (value === this.#wanted) this.#seen?.(at)
  }
}

/**
 * A tree of so many leaves, with a live configuration on it; and a directory that only a bare watch is on.
 */
interface Tree {
  readonly leaves: string
  readonly services: readonly string[]
  readonly root: string
  readonly bareRoot: string
  readonly ours: Sightings
  readonly bare: Sightings
  /** Sees the puts that the configuration sees. */
  readonly besides: Sightings
}

async function plant(depth: number, index: number): Promise<Tree> {
  const leaves = nestedLeaves(depth)
  const [root, bareRoot] = [`/ours/${index}`, `/bare/${index}`]
  await fillTree(client, root, leaves)
  const services = servicePaths(depth)
  const tree = { leaves: leaves.length.toLocaleString('en'), services, root, bareRoot }
  const [ours, bare, besides] = [new Sightings(), new Sightings(), new Sightings()]
  const definition = defineConfig({ name: 'bench', schema: nestedSchema(depth) })
  const config = cleanup.use(
    await definition.load({ sources: [etcd({ endpoints: [server.endpoint], ownClient: true, root })] }),
  )
  config.watch(
    (all) => all,
    (all, _previous, change) => {
      const at = performance.now()
      const [changed] = change!.changes
      ours.see(String(valueAt(all, changed!.path)), at)
    },
  )
  await watchBare(bareRoot, bare)
  return { ...tree, ours, bare, besides }
}

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Record<string, unknown>)[key], value)
}

async function watchBare(root: string, sightings: Sightings): Promise<void> {
  const session = connect(server.endpoint)
  cleanup.defer(() => session.destroy())
  await openBareWatch(session, `${root}/`, (events) => {
    const at = performance.now()
    sightings.see(events.at(-1)!.kv?.value.toString(), at)
  })
}

let count = 0
/** One put below a root; gives for each watcher how long after it was sent the watcher had it. */
async function put(root: string, tree: Tree, watchers: readonly Sightings[]): Promise<number[]> {
  count++
  const path = `${tree.services[(count * 7919) % tree.services.length]!}/timeoutMs`
  const value = String(10_000 + count)
  const seen = watchers.map((watcher) => watcher.next(value))
  const startedAt = performance.now()
  const [times] = await Promise.all([
    Promise.all(seen),
    writer.call(KV.put, { key: Buffer.from(`${root}/${path}`), value: Buffer.from(value) }),
  ])
  return times.map((at) => at - startedAt)
}

/**
 * In turns: a put that only the configuration sees, one that only the bare watch sees; then the other way
 * round.
 */
async function takeTurns(trees: readonly Tree[]): Promise<Measured[]> {
  const all = trees.map((): Measured => ({ ours: [], bare: [] }))
  for (let round = -WARM_UPS; round < PUTS; round++) {
    for (const [index, tree] of trees.entries()) {
      const turns = [
        async () => all[index]!.ours.push((await put(tree.root, tree, [tree.ours]))[0]!),
        async () => all[index]!.bare.push((await put(tree.bareRoot, tree, [tree.bare]))[0]!),
      ]
      for (const turn of round % 2 === 0 ? turns : turns.toReversed()) await turn()
    }
    if (round === -1) for (const measured of all) measured.ours.length = measured.bare.length = 0
  }
  return all
}

/** Both watches see each put; the server decides who is told first. */
async function shareEachPut(trees: readonly Tree[]): Promise<Measured[]> {
  const all = trees.map((): Measured => ({ ours: [], bare: [] }))
  for (const tree of trees) await watchBare(tree.root, tree.besides)
  for (let round = -WARM_UPS; round < PUTS; round++) {
    for (const [index, tree] of trees.entries()) {
      const [ours, bare] = await put(tree.root, tree, [tree.ours, tree.besides])
      if (round < 0) continue
      all[index]!.ours.push(ours!)
      all[index]!.bare.push(bare!)
    }
  }
  return all
}

/** Milliseconds from put to sight; of shared puts, the same place is the same put. */
interface Measured {
  readonly ours: number[]
  readonly bare: number[]
}

const trees: Tree[] = []
for (const [index, depth] of DEPTHS.entries()) trees.push(await plant(depth, index))
const turns = await takeTurns(trees)
const shared = await shareEachPut(trees)

const timings: Timing[] = []
const ratios: Ratio[] = []
for (const [index, { leaves }] of trees.entries()) {
  const kinds = [
    ['puts in turns', turns[index]!],
    ['the same puts', shared[index]!],
  ] as const
  for (const [kind, { ours, bare }] of kinds) {
    const [mine, floor] = [
      timing(`${leaves} leaves, ${kind}: livetree`, ours),
      timing(`${leaves} leaves, ${kind}: bare watch`, bare),
    ]
    timings.push(mine, floor)
    ratios.push({ what: `${leaves} leaves, ${kind}, p50`, value: mine.median / floor.median, aim: 1.1 })
    ratios.push({ what: `${leaves} leaves, ${kind}, p99`, value: mine.p99 / floor.p99, aim: 1.3 })
  }
  const { ours, bare } = shared[index]!
  const later = ours.map((time, at) => time - bare[at]!)
  timings.push(timing(`${leaves} leaves, the same puts: livetree later than bare watch`, later))
}
const flatness = (who: keyof Measured) =>
  timing('', turns.at(-1)![who]).median / timing('', turns[0]![who]).median
ratios.push({ what: 'p50 of livetree at 100,000 leaves against 1,000', value: flatness('ours'), aim: 1.1 })
ratios.push({ what: 'p50 of the bare watch in the same rounds', value: flatness('bare') })

publish({
  bench: 'latency',
  etcd: server.version,
  method:
    `Time from sending a put until a watch() handler runs, and until the event of a bare gRPC watch on node:http2 is decoded, all in one process. ` +
    `Writer, livetree and bare watch have one connection each. The three trees are live at once and take turns, put by put, ${PUTS} puts each; each put waits until the previous one was seen. ` +
    `"Puts in turns": livetree and the bare watch each see their own puts, alternately, so that neither waits for the other's work. ` +
    `"The same puts": both watch the same directory; the server decides which is notified first, and the second waits for the first in the shared thread.`,
  timings,
  ratios,
  plots: [
    {
      name: 'latency-percentiles',
      title: 'From put to sight, puts in turns',
      steps: SHARES.map((share) => `p${share * 100}`),
      lines: trees.flatMap(({ leaves }, index) =>
        (['ours', 'bare'] as const).map((who) => {
          const sorted = turns[index]![who].toSorted((a, b) => a - b)
          const name = `${who === 'ours' ? 'livetree' : 'bare watch'}, ${leaves} leaves`
          return { name, values: SHARES.map((share) => percentile(sorted, share)) }
        }),
      ),
      isLogarithmic: true,
    },
    {
      name: 'latency-flatness',
      title: 'From put to sight, p50, by the number of leaves',
      steps: trees.map(({ leaves }) => `${leaves} leaves`),
      lines: (['ours', 'bare'] as const).map((who) => ({
        name: who === 'ours' ? 'livetree' : 'bare watch',
        values: turns.map((measured) => timing('', measured[who]).median),
      })),
    },
  ],
})
