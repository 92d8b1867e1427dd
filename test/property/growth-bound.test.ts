import { expect, test } from 'vitest'
import * as z from 'zod'
import { createPipeline } from '../../packages/core/src/pipeline/create-pipeline.ts'
import { compileSchema } from '../../packages/core/src/schema/compile-schema.ts'
import { hostPort } from '../../packages/core/src/schema/host-port.ts'
import { bytes, duration, port } from '../../packages/core/src/schema/units.ts'
import type { LayerInfo } from '../../packages/core/src/source/source.ts'
import { hostileShapes, SCALAR_KINDS } from '../support/hostile-shapes.ts'

/** What a value may take, in milliseconds of the processor's time, however strange it is: `npm run bench -- growth`. */
const AIM_MS = 20
/** For slow machines, and for compilation and collection that fall into a measurement. */
const SLACK = 10
/** As many walks over the text, letter by letter, are taken for as slow where the machine is slower than that. */
const WALKS = 100
const MOST_TRIES = 4

const LAYER: LayerInfo = { name: 'etcd:/bound', keyPrefix: '/bound/', separator: '/', naming: 'stored' }
const SHAPES = hostileShapes()
const KINDS = { ...SCALAR_KINDS, duration: duration(), bytes: bytes(), hostPort: hostPort(), port: port() }

function cpuMs(run: () => void): number {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

function readTime(schema: z.ZodType, value: string): number {
  const pipeline = createPipeline<unknown>(compileSchema(z.object({ it: schema.optional() })), [
    { name: 'etcd', layers: [LAYER] },
  ])
  const changes = [{ layer: 0, leaf: { path: 'it', value, revision: 1 } }]
  return cpuMs(() => {
    pipeline.stage(0, { type: 'patch', update: { revision: 1, changes } })
    pipeline.evaluate()
  })
}

/** The floor of this machine, in this run: one walk over the text. */
function walkTime(value: string): number {
  let sum = 0
  const time = cpuMs(() => {
    for (let at = 0; at < value.length; at++) sum = (sum + value.charCodeAt(at)) | 0
  })
  return sum === 0 ? time + 0.001 : time
}

/** The shortest of several, of both, since whatever else the machine does only makes them longer. */
function isWithin(schema: z.ZodType, value: string): { isFast: boolean; shortest: number; limit: number } {
  let shortest = Infinity
  let walk = Infinity
  let limit = AIM_MS * SLACK
  for (let tries = 0; tries < MOST_TRIES && shortest > limit; tries++) {
    shortest = Math.min(shortest, readTime(schema, value))
    walk = Math.min(walk, walkTime(value))
    limit = Math.max(AIM_MS * SLACK, WALKS * walk)
  }
  return { isFast: shortest <= limit, shortest, limit }
}

test.each(Object.entries(KINDS))(
  `%s reads each text of 1.5 MB in ${AIM_MS} ms, give or take`,
  (_kind, schema) => {
    for (const [shape, value] of Object.entries(SHAPES)) {
      const { isFast, shortest, limit } = isWithin(schema, value)
      expect(isFast, `${shape}: ${shortest} ms, and at most ${limit} ms are taken for linear`).toBe(true)
    }
  },
)

test('a reader that goes over part of the text again and again is found', () => {
  const twice = z.string().refine((text) => {
    let count = 0
    for (let at = 0; at < text.length; at += 4_000) count += text.slice(at).replace(/./g, '').length
    return count >= 0
  })
  expect(isWithin(twice, SHAPES.digits!).isFast).toBe(false)
})
