import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const file = (path: string) => join(root, path)

/** The command, with the configuration of the benches. */
export const livetree = (...args: readonly string[]): readonly string[] => [
  file('packages/cli/bin/livetree.js'),
  ...args,
  ...['--config', file('test/bench/support/command-config.ts'), '--timeout', '10m'],
]

/** A process that has ended well. */
export interface Ended {
  /** Wall time from its start to its end, in milliseconds. */
  readonly ms: number
  /** The most memory that it had, in MB; of a process of Node only. */
  readonly peakMb: number
  readonly stdout: string
}

/** Written by a process of Node when it ends. */
const writesPeak = `data:text/javascript,${encodeURIComponent(
  'import{writeFileSync as w}from"node:fs";process.on("exit",()=>w(process.env.BENCH_PEAK,String(process.resourceUsage().maxRSS)))',
)}`

/**
 * Runs a process of Node from its start to its end.
 *
 * @param measuresMemory costs some milliseconds of start
 * @throws Error with what it said if it fails
 */
export function runNode(
  args: readonly string[],
  endpoint = '',
  { measuresMemory = false }: { readonly measuresMemory?: boolean } = {},
): Ended {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  try {
    const peak = join(folder, 'peak')
    const env = { ...process.env, NO_COLOR: '1', BENCH_ENDPOINT: endpoint, BENCH_PEAK: peak }
    const hook = measuresMemory ? ['--import', writesPeak] : []
    const ended = runProgram(process.execPath, [...hook, ...args], env)
    return { ...ended, peakMb: measuresMemory ? Number(readFileSync(peak, 'utf8')) / 1024 : Number.NaN }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Runs a program from its start to its end. @throws Error with what it said if it fails */
export function runProgram(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Ended {
  const startedAt = performance.now()
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: root,
    env,
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  })
  const ms = performance.now() - startedAt
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${stderr}`)
  return { ms, peakMb: Number.NaN, stdout }
}
