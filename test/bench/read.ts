import { ConfigModule, ConfigService } from '@nestjs/config'
import { NestFactory } from '@nestjs/core'
import { defineConfig, memory } from 'livetree'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as z from 'zod'
import { amount } from './support/amount.ts'
import { type Contender, race } from './support/measure.ts'
import { publish } from './support/report.ts'

/** Reads of a sample: of those that take nanoseconds, and of those that take longer. */
const FAST_READS = amount(4_000_000, 6_400)
const SLOW_READS = amount(40_000, 640)
const ROUNDS = amount(100, 2)
/**
 * Configurations and objects that are read in turn. With one alone, the compiler would read it once and never
 * again.
 */
const INSTANCES = 16
const READS_AT_ONCE = 4

const definition = defineConfig({
  name: 'bench',
  schema: z.object({
    http: z.object({ port: z.number(), timeouts: z.object({ readMs: z.number(), writeMs: z.number() }) }),
    db: z.object({ url: z.string(), pool: z.object({ min: z.number(), max: z.number() }) }),
  }),
})
type Tree = ReturnType<typeof treeOf>
const treeOf = (index: number) => ({
  http: { port: 3000 + index, timeouts: { readMs: 1500 + index, writeMs: 2500 + index } },
  db: { url: 'postgres://127.0.0.1/bench', pool: { min: 2 + index, max: 20 + index } },
})

const trees = Array.from({ length: INSTANCES }, (_, index) => treeOf(index))
const configs = await Promise.all(
  trees.map(async (tree) => await definition.load({ sources: [memory(tree)] })),
)
const frozen = trees.map((tree) => freezeDeeply(structuredClone(tree)))
const holders = trees.map((tree) => ({ current: freezeDeeply(structuredClone(tree)) }))

function freezeDeeply(tree: Tree): Tree {
  for (const part of [tree.http.timeouts, tree.http, tree.db.pool, tree.db]) Object.freeze(part)
  return Object.freeze(tree)
}

/** Sums what it reads, so that nothing can be left out, and checks the sum. */
function reading(name: string, reads: number, sumOf: (times: number) => number): Contender {
  const times = reads / READS_AT_ONCE
  const perTree = trees.map(({ http, db }) => {
    return http.timeouts.readMs + http.timeouts.writeMs + db.pool.min + db.pool.max
  })
  const expected = (perTree.reduce((sum, one) => sum + one, 0) / INSTANCES) * times
  return {
    name,
    run() {
      const startedAt = performance.now()
      const sum = sumOf(times)
      const time = performance.now() - startedAt
      if (sum !== expected) throw new Error(`${name} summed up to ${sum}, not to ${expected}`)
      return time / reads
    },
  }
}

// One loop for each, written out: a function given to a shared loop would be measured with it.
const ours = reading('config.current.a.b.c', FAST_READS, (times) => {
  let sum = 0
  for (let index = 0; index < times; index++) {
    const config = configs[index % INSTANCES]!
    sum += config.current.http.timeouts.readMs
    sum += config.current.http.timeouts.writeMs
    sum += config.current.db.pool.min
    sum += config.current.db.pool.max
  }
  return sum
})
const plain = reading('frozen.a.b.c', FAST_READS, (times) => {
  let sum = 0
  for (let index = 0; index < times; index++) {
    const tree = frozen[index % INSTANCES]!
    sum += tree.http.timeouts.readMs
    sum += tree.http.timeouts.writeMs
    sum += tree.db.pool.min
    sum += tree.db.pool.max
  }
  return sum
})
const held = reading('holder.current.a.b.c', FAST_READS, (times) => {
  let sum = 0
  for (let index = 0; index < times; index++) {
    const holder = holders[index % INSTANCES]!
    sum += holder.current.http.timeouts.readMs
    sum += holder.current.http.timeouts.writeMs
    sum += holder.current.db.pool.min
    sum += holder.current.db.pool.max
  }
  return sum
})

/** What both of the others offer: a path as text. */
interface Getter {
  get(path: string): unknown
}

function getting(name: string, getters: readonly Getter[]): Contender {
  return reading(name, SLOW_READS, (times) => {
    let sum = 0
    for (let index = 0; index < times; index++) {
      const getter = getters[index % getters.length]!
      sum += getter.get('http.timeouts.readMs') as number
      sum += getter.get('http.timeouts.writeMs') as number
      sum += getter.get('db.pool.min') as number
      sum += getter.get('db.pool.max') as number
    }
    return sum
  })
}

async function nestService(tree: Tree, cache: boolean): Promise<Getter> {
  const options = { load: [() => tree], ignoreEnvFile: true, cache }
  const app = await NestFactory.createApplicationContext(ConfigModule.forRoot(options), { logger: false })
  return app.get(ConfigService)
}

/** node-config is one object for a process; as many of its parts stand for as many configurations. */
async function nodeConfig(): Promise<Getter[]> {
  const folder = mkdtempSync(join(tmpdir(), 'livetree-bench-'))
  process.env.NODE_CONFIG_DIR = folder
  process.env.NODE_CONFIG = JSON.stringify(
    Object.fromEntries(trees.map((tree, index) => [`t${index}`, tree])),
  )
  process.env.SUPPRESS_NO_CONFIG_WARNING = '1'
  const { default: all } = await import('config')
  rmSync(folder, { recursive: true })
  return trees.map((_, index) => all.get<Getter>(`t${index}`))
}

const nest = await Promise.all(trees.map((tree) => nestService(tree, false)))
const nestCached = await Promise.all(trees.map((tree) => nestService(tree, true)))
const timings = await race(
  [
    ours,
    plain,
    held,
    getting('@nestjs/config get', nest),
    getting('@nestjs/config get, cache: true', nestCached),
    getting('node-config get', await nodeConfig()),
  ],
  ROUNDS,
)
for (const config of configs) await config.close()
const [mine, plainly, byHolder, ...getters] = timings

publish({
  bench: 'read',
  method:
    `Time of one read of a number three levels down. ${INSTANCES} live configurations, and as many frozen plain objects with the same data, are read in turn, four paths of each; the values are summed and the sum is checked, so that the compiler cannot remove reads. ` +
    `A sample is ${FAST_READS.toLocaleString('en')} reads, or ${SLOW_READS.toLocaleString('en')} of those that take a path as text; samples in turns, each with a loop of its own. ` +
    'The holder is an object whose field `current` is a frozen plain object: the minimum cost of a value that can be replaced.',
  timings,
  ratios: [
    { what: 'against a frozen plain object', value: mine!.median / plainly!.median, aim: 1 },
    { what: 'against a plain object in a field', value: mine!.median / byHolder!.median },
    ...getters.map(({ name, median }) => ({
      what: `times faster than ${name}`,
      value: median / mine!.median,
      aim: 20,
      isFloor: true,
    })),
  ],
})
