import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { run } from '@livetree/cli'
import { guardChild } from '../../../support/child-guard.ts'

/** The command, as npm links it. */
export const BIN = fileURLToPath(new URL('../../../../packages/cli/bin/livetree.js', import.meta.url))
const CACHE = fileURLToPath(new URL('../../../../.cache/', import.meta.url))

/** How a run of the command ended. */
export interface Run {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Options of a run. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  /** What stdin holds. Default: nothing, as from `/dev/null`. */
  readonly input?: string
  /** Give the input once a process has printed this: a terminal drops Ctrl-D before somebody reads. Default: at once. */
  readonly inputAfter?: string
  /** Called with what was printed so far, and may end the process. */
  readonly onOutput?: (text: string, kill: (signal: NodeJS.Signals) => void) => void
  /** Called once a process of its own runs; what it rejects with fails the run. */
  readonly onStart?: (kill: (signal: NodeJS.Signals) => void) => Promise<void>
}

/** A folder with a `livetree.config.ts`, in which the command is run. */
export interface Workplace {
  readonly folder: string
  write(name: string, text: string): void
  /** Runs the command in this process, from its sources. */
  run(args: readonly string[], options?: RunOptions): Promise<Run>
  /** Runs the command, as it is built, in a process of its own with pipes. */
  spawn(args: readonly string[], options?: RunOptions): Promise<Run>
  /** Runs the command on a pseudo-terminal: what it shows is in `stdout`, with line ends of a terminal removed. */
  runOnTerminal(args: readonly string[], options?: RunOptions): Promise<Run>
  remove(): void
}

/** Makes a folder inside the repository, from where the packages are found. */
export function makeWorkplace(
  config: string | undefined,
  env: Readonly<Record<string, string>> = {},
): Workplace {
  mkdirSync(CACHE, { recursive: true })
  const folder = mkdtempSync(join(CACHE, 'cli-test-'))
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
  if (config !== undefined) write('livetree.config.ts', config)
  const environment = (more: Readonly<Record<string, string>> = {}) => {
    const own = Object.entries(process.env).filter(
      ([name]) => !/^(LIVETREE_|ETCDCTL_|NO_COLOR|FORCE_COLOR)/.test(name),
    )
    return {
      ...Object.fromEntries(own),
      TERM: 'xterm',
      BANNER: '1',
      LIVETREE_TIMEOUT: '60s',
      ...env,
      ...more,
    }
  }
  return {
    folder,
    write,
    run: (args, options = {}) => runHere(args, folder, environment(options.env), options),
    spawn: (args, options = {}) =>
      start(process.execPath, [BIN, ...args], folder, environment(options.env), options),
    async runOnTerminal(args, options = {}) {
      const command = [process.execPath, BIN, ...args]
        .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
        .join(' ')
      const run = await start(
        'script',
        ['-qefc', command, '/dev/null'],
        folder,
        environment(options.env),
        options,
      )
      return { ...run, stdout: run.stdout.replaceAll('\r\n', '\n') }
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

async function runHere(
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
  { input, onOutput }: RunOptions,
): Promise<Run> {
  const text = { stdout: '', stderr: '' }
  let interrupt: (signal?: string) => void = () => {}
  const sink = (name: 'stdout' | 'stderr') => ({
    isTTY: false,
    write(part: string, done?: () => void) {
      text[name] += part
      onOutput?.(text.stdout + text.stderr, () => interrupt())
      done?.()
      return true
    },
  })
  const stdin = Readable.from(input === undefined ? [] : [input])
  const io = { stdin, stdout: sink('stdout'), stderr: sink('stderr'), env, cwd }
  const onSignal = (given: typeof interrupt) => {
    interrupt = given
    return () => {}
  }
  const exitCode = await run(args, io, { onSignal })
  return { exitCode, ...text }
}

function start(
  program: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
  { input, inputAfter = '', onOutput, onStart }: RunOptions,
): Promise<Run> {
  const child = spawn(program, args, {
    cwd,
    env,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  const stopGuard = guardChild(child.pid ?? 0)
  let stdout = ''
  let stderr = ''
  const kill = (signal: NodeJS.Signals) => void child.kill(signal)
  let isGiven = false
  const giveInput = () => {
    if (isGiven || !(stdout + stderr).includes(inputAfter)) return
    isGiven = true
    child.stdin?.end(input)
  }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    giveInput()
    onOutput?.(stdout + stderr, kill)
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    giveInput()
    onOutput?.(stdout + stderr, kill)
  })
  child.stdin?.on('error', () => {})
  giveInput()
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    onStart?.(kill).catch(reject)
    child.on('close', (exitCode) => {
      stopGuard()
      resolve({ exitCode, stdout, stderr })
    })
  })
}
