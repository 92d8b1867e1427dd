import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { benches } from './benches.ts'
import { writePage } from './support/write-page.ts'

const usage = `npm run bench [-- [--smoke] [name…]]

Runs the benches, or only those that are named, one after another, and writes what they found to
test/bench/results/<name>.json and, with what the others found before, to docs/benchmarks.md.

  --smoke   tiny counts, only to see that each bench runs; writes nothing
  --page    runs nothing; writes the page again from the results there are

${Object.entries(benches)
  .map(([name, what]) => `  ${name.padEnd(10)} ${what}`)
  .join('\n')}`

/** The names to run, or what is wrong with the arguments. */
function readArguments(): { names: readonly string[]; isSmoke: boolean; isPageOnly: boolean } | string {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { smoke: { type: 'boolean', default: false }, page: { type: 'boolean', default: false } },
    })
    const unknown = positionals.filter((name) => !Object.hasOwn(benches, name))
    if (unknown.length > 0) return `There is no bench "${unknown.join('", "')}".`
    if (values.page && (values.smoke || positionals.length > 0)) return '--page runs no bench; give it alone.'
    const names = Object.keys(benches).filter(
      (name) => positionals.length === 0 || positionals.includes(name),
    )
    return { names: values.page ? [] : names, isSmoke: values.smoke, isPageOnly: values.page }
  } catch (error) {
    return (error as Error).message
  }
}

/** Runs one bench, in a process of its own, and says whether it ended well. */
async function isRun(name: string, isSmoke: boolean): Promise<boolean> {
  const script = fileURLToPath(new URL(`${name}.ts`, import.meta.url))
  const env = { ...process.env, LIVETREE_BENCH_SMOKE: isSmoke ? '1' : '0' }
  const [code] = await once(spawn(process.execPath, [script], { stdio: 'inherit', env }), 'exit')
  return code === 0
}

const wanted = process.argv.includes('--help') ? '' : readArguments()
if (typeof wanted === 'string') {
  if (wanted === '') console.log(usage)
  else console.error(`${wanted}\n\n${usage}`)
  process.exitCode = wanted === '' ? 0 : 2
} else {
  const left = wanted.names.values()
  const failed: string[] = []
  const work = async () => {
    for (const name of left) if (!(await isRun(name, wanted.isSmoke))) failed.push(name)
  }
  // What is measured has the machine for itself.
  await Promise.all(Array.from({ length: wanted.isSmoke ? 2 : 1 }, work))
  if (!wanted.isSmoke) writePage()
  if (failed.length > 0) {
    console.error(`\nThese benches failed; what they said is above: ${failed.join(', ')}`)
    process.exitCode = 1
  }
}
