import * as z from 'zod'
import { createPipeline } from '../../packages/core/src/pipeline/create-pipeline.ts'
import { inputOf } from '../../packages/core/src/pipeline/input.ts'
import { LayerTree } from '../../packages/core/src/pipeline/layer-tree.ts'
import { compileSchema } from '../../packages/core/src/schema/compile-schema.ts'
import type { LayerInfo } from '../../packages/core/src/source/source.ts'
import { amount } from './support/amount.ts'
import { nestedLeaves, nestedSchema, servicePaths } from './support/bench-tree.ts'
import { type Contender, race } from './support/measure.ts'
import { publish } from './support/report.ts'

const LAYER: LayerInfo = { name: 'etcd:/bench', keyPrefix: '/bench/', separator: '/', naming: 'stored' }
/** One measurement is this many changes, since one alone is shorter than a clock can tell. */
const CHANGES = amount(200, 5)
const ROUNDS = amount(40, 2)
const DEPTHS = amount([2, 3, 4], [1, 1, 2])

/**
 * A live pipeline over 10 ** (depth + 1) leaves; each run changes leaf after leaf and has each change judged
 * and told apart.
 */
function oneLeaf(depth: number): Contender {
  const leaves = nestedLeaves(depth)
  const pipeline = createPipeline<object>(compileSchema(nestedSchema(depth)), [
    { name: 'etcd', layers: [LAYER] },
  ])
  const all = leaves.map(([path, value]) => ({ path, value, revision: 1 }))
  pipeline.stage(0, { type: 'replace', update: { revision: 1, epoch: 0, layers: [all] } })
  const first = pipeline.evaluate()
  if (first.type !== 'accepted') throw new Error(`the tree of depth ${depth} is ${first.type}`)
  let current = first.value
  let revision = 1
  const services = servicePaths(depth)
  const change = () => {
    revision++
    const path = `${services[(revision * 7919) % services.length]!}/timeoutMs`
    const leaf = { path, value: String(2000 + revision), revision }
    pipeline.stage(0, { type: 'patch', update: { revision, changes: [{ layer: 0, leaf }] } })
    const outcome = pipeline.evaluate()
    if (outcome.type !== 'accepted') throw new Error(`a change was ${outcome.type}`)
    if (pipeline.diff(current, outcome.value).length !== 1)
      throw new Error('a change of one leaf is not one change')
    current = outcome.value
  }
  return {
    name: `one changed leaf of ${leaves.length.toLocaleString('en')}`,
    run: () => {
      const startedAt = performance.now()
      for (let count = 0; count < CHANGES; count++) change()
      return (performance.now() - startedAt) / CHANGES
    },
  }
}

/** What everyone else does at each change: read the whole tree again and have zod parse it. */
function wholeTree(depth: number): Contender {
  const leaves = nestedLeaves(depth)
  const schema = nestedSchema(depth)
  const plan = compileSchema(schema)
  return {
    name: `decode and zod parse of all ${leaves.length.toLocaleString('en')}`,
    run: () => {
      const startedAt = performance.now()
      const tree = new LayerTree(plan, [LAYER], { isRenamed: false })
      for (const [path, value] of leaves) tree.set(0, { path, value, revision: 1 })
      const result = z.safeParse(schema, inputOf(plan, tree.root, -1, []))
      if (!result.success) throw new Error('the tree does not parse')
      return performance.now() - startedAt
    },
  }
}

const [small, middle, large] = await race(DEPTHS.map(oneLeaf), ROUNDS)
const [whole] = await race([wholeTree(DEPTHS.at(-1)!)], amount(5, 1))
publish({
  bench: 'apply',
  method:
    `Trees of directories of ten, ten leaves in each of the lowest. One leaf is changed; the change is staged, validated and compared; ` +
    `${CHANGES} changes per sample, the three sizes in turns. Compared with decoding the largest tree completely and parsing it with zod.`,
  timings: [small!, middle!, large!, whole!],
  ratios: [
    { what: '100,000 leaves against 1,000', value: large!.median / small!.median, aim: 3 },
    {
      what: '100,000 leaves against decode and parse of all',
      value: large!.median / whole!.median,
      aim: 0.01,
    },
  ],
  plots: [
    {
      name: 'apply-flatness',
      title: 'One changed leaf, by the size of the tree',
      steps: ['1,000 leaves', '10,000 leaves', '100,000 leaves'],
      lines: [
        { name: 'stage, judge, tell apart', values: [small!, middle!, large!].map((one) => one.median) },
      ],
    },
  ],
})
