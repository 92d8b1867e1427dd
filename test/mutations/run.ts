import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { mutations } from './mutations.ts'

/**
 * Puts in one fault after the other and runs the test that has to notice it: `npm run mutations [-- P4]`. Ends with 1
 * when a fault went unnoticed.
 */
const wanted = process.argv[2] ?? ''
const chosen = mutations.filter(({ name }) => name.startsWith(wanted))
const root = fileURLToPath(new URL('../../', import.meta.url))
let unnoticed = 0
for (const { name, test } of chosen) {
  const env = { ...process.env, LIVETREE_MUTATION: name, LIVETREE_PROPERTY_RUNS: '300', NO_COLOR: '1' }
  // One failed test is enough; with a fault others may wait for what never comes.
  const run = spawnSync('npx', ['vitest', 'run', '--fsModuleCache=false', '--bail=1', test], {
    cwd: root,
    env,
    encoding: 'utf8',
    timeout: 300_000,
  })
  const isApplied = !/stands \d+ times in/.test(run.stdout + run.stderr)
  const isFailure = isApplied && /\d+ passed, [1-9]\d* failed/.test(run.stdout)
  if (!isFailure) unnoticed++
  console.log(`${isFailure ? 'noticed  ' : 'UNNOTICED'}  ${name}  (${test})`)
  if (!isFailure && process.env.CI === undefined) console.log(run.stdout.slice(-1500))
}
console.log(`${chosen.length - unnoticed} faults noticed, ${unnoticed} not`)
process.exitCode = unnoticed === 0 ? 0 : 1
