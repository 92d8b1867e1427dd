import { parseArgs } from 'node:util'
import { startEtcd } from '../support/start-etcd.ts'
import type { ShopName } from '../apps/start-shop.ts'
import { type LoadOptions, type LoadResult, runLoad } from './run-load.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    connections: { type: 'string', default: '50' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

/** The runs without pin or drain must show what the others must not. */
const runs: readonly { shop: ShopName; without?: NonNullable<LoadOptions['without']> }[] = [
  { shop: 'express-shop' },
  { shop: 'nestjs-shop' },
  { shop: 'fastify-shop' },
  { shop: 'express-shop', without: 'pin' },
  { shop: 'nestjs-shop', without: 'pin' },
  { shop: 'fastify-shop', without: 'pin' },
  { shop: 'express-shop', without: 'drain' },
]

interface Verdict extends LoadResult {
  readonly shop: ShopName
  readonly without: string
  readonly isGood: boolean
}

if (values.help) {
  console.log(`npm run load [-- --seconds 20 --connections 50 --json]

Loads the example shops while their configuration changes 20 times a second and their pool is rebuilt each second.
Fails when a request fails, sees two states, or meets a disposed pool; and when the runs that have the pin or the
drain switched off do not show it.`)
} else {
  const results: Verdict[] = []
  for (const run of runs) {
    await using etcd = await startEtcd()
    const result = await runLoad({
      ...run,
      endpoint: etcd.endpoint,
      durationMs: Number(values.seconds) * 1_000,
      connections: Number(values.connections),
    })
    results.push({
      shop: run.shop,
      without: run.without ?? '',
      isGood: isAsExpected(result, run.without),
      ...result,
    })
    if (!values.json) say(results.at(-1)!)
  }
  if (values.json) console.log(JSON.stringify(results, undefined, 2))
  process.exitCode = results.every(({ isGood }) => isGood) ? 0 : 1
}

function isAsExpected({ failed, mixed, disposedUses }: LoadResult, without: LoadOptions['without']): boolean {
  if (without === 'pin') return mixed > 0 && failed === 0 && disposedUses === 0
  if (without === 'drain') return disposedUses > 0 && failed === 0 && mixed === 0
  return failed === 0 && mixed === 0 && disposedUses === 0
}

function say({ shop, without, isGood, examples, ...counts }: Verdict): void {
  const name = `${shop}${without === '' ? '' : ` without ${without}`}`.padEnd(28)
  const text = Object.entries(counts).map(([what, count]) => `${count} ${what}`)
  console.log(`${isGood ? 'as expected' : 'NOT AS EXPECTED'}  ${name} ${text.join(', ')}`)
  if (!isGood) for (const example of examples) console.log(`    ${example}`)
}
