import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { measureScale } from './measure-scale.ts'
import type { InstanceKind, ScaleCase, ScaleResult } from './scale-case.ts'
import { type KeptScale, scalePage } from './scale-page.ts'

const usage = `npm run scale -- [options]

Measures what instances cost the store: memory, sockets and processor time of etcd, a change to all, and all connecting again.

  --sizes 100,1000,5000   how many instances
  --only KIND             config, "config, fleet", lock or discovery; may be repeated
  --direct                without etcd's grpc-proxy
  --report FILE           writes the page of results there, as Markdown; results of before stay where nothing was measured`

const kinds: readonly InstanceKind[] = ['config', 'config, fleet', 'lock', 'discovery']
const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '100,1000,5000' },
    only: { type: 'string', multiple: true },
    direct: { type: 'boolean', default: false },
    report: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

function chosenCases(): ScaleCase[] {
  const sizes = values.sizes.split(',').map(Number)
  if (!sizes.every((size) => Number.isInteger(size) && size >= 20))
    throw new Error(`--sizes ${values.sizes}: give whole numbers from 20 on, such as 100,1000`)
  const unknown = values.only?.find((kind) => !kinds.some((each) => each === kind))
  if (unknown !== undefined) throw new Error(`--only ${unknown}: give one of ${kinds.join(' | ')}`)
  const chosen = kinds.filter((kind) => values.only?.includes(kind) ?? true)
  return chosen.flatMap((kind) =>
    (kind === 'config' && !values.direct
      ? (['direct', 'grpc-proxy'] as const)
      : (['direct'] as const)
    ).flatMap((way) => sizes.map((instances) => ({ kind, way, instances }))),
  )
}

const keptAt = fileURLToPath(new URL('./results.json', import.meta.url))

function readKept(): readonly ScaleResult[] {
  try {
    return (JSON.parse(readFileSync(keptAt, 'utf8')) as KeptScale).results
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

const isSame = (one: ScaleCase, other: ScaleCase) =>
  one.kind === other.kind && one.way === other.way && one.instances === other.instances

if (values.help) console.log(usage)
else {
  const results: ScaleResult[] = []
  for (const one of chosenCases()) {
    const result = await measureScale(one)
    console.log(JSON.stringify(result))
    results.push(result)
  }
  if (values.report !== undefined) {
    const before = readKept().filter((one) => !results.some((result) => isSame(result, one)))
    const kept: KeptScale = {
      at: new Date().toISOString().slice(0, 10),
      node: process.version,
      results: [...before, ...results],
    }
    writeFileSync(keptAt, `${JSON.stringify(kept, undefined, 1)}\n`)
    mkdirSync(dirname(values.report), { recursive: true })
    writeFileSync(values.report, scalePage(kept))
  }
}
