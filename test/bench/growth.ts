import * as z from 'zod'
import { createPipeline } from '../../packages/core/src/pipeline/create-pipeline.ts'
import { compileSchema } from '../../packages/core/src/schema/compile-schema.ts'
import type { LayerInfo } from '../../packages/core/src/source/source.ts'
import { HOSTILE_LENGTH, hostileShapes, SCALAR_KINDS } from '../support/hostile-shapes.ts'
import { amount } from './support/amount.ts'
import { type Timing, timing } from './support/measure.ts'
import { publish } from './support/report.ts'

const LAYER: LayerInfo = { name: 'etcd:/bench', keyPrefix: '/bench/', separator: '/', naming: 'stored' }
const SHAPES = hostileShapes(amount(HOSTILE_LENGTH, 15_000))
const ROUNDS = amount(9, 1)
/** What a value may take, in milliseconds, however strange it is. */
const AIM_MS = 20

/** How long it takes until one value is read and judged, in a pipeline of its own. */
function timeOf(schema: z.ZodType, value: string): number {
  const pipeline = createPipeline<unknown>(compileSchema(z.object({ it: schema.optional() })), [
    { name: 'etcd', layers: [LAYER] },
  ])
  const changes = [{ layer: 0, leaf: { path: 'it', value, revision: 1 } }]
  const startedAt = performance.now()
  pipeline.stage(0, { type: 'patch', update: { revision: 1, changes } })
  pipeline.evaluate()
  return performance.now() - startedAt
}

/** The times of the shape that takes a kind longest. */
function slowest(kind: string, schema: z.ZodType): Timing {
  let found: Timing | undefined
  for (const [shape, value] of Object.entries(SHAPES)) {
    const times = Array.from({ length: ROUNDS }, () => timeOf(schema, value))
    const one = timing(`${kind}: ${shape}`, times)
    if (found === undefined || one.fastest > found.fastest) found = one
  }
  return found!
}

const timings = Object.entries(SCALAR_KINDS).map(([kind, schema]) => slowest(kind, schema))
publish({
  bench: 'growth',
  method:
    `${Object.keys(SHAPES).length} texts of 1.5 MB, each designed to cause repeated scanning, each passed to each kind of scalar. ` +
    `The time to read and validate the slowest text of each kind: the fastest of ${ROUNDS} rounds, to exclude other load on the machine. The aim is ${AIM_MS} ms for each.`,
  timings,
  ratios: timings.map(({ name, fastest }) => ({
    what: `${name}, against ${AIM_MS} ms`,
    value: fastest / AIM_MS,
    aim: 1,
  })),
})
