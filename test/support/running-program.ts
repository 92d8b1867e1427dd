import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import { guardChild } from './child-guard.ts'
import { waitFor } from './wait-for.ts'

/** A program that runs beside a test, and what it printed. It is killed when the test has finished. */
export interface RunningProgram {
  /** What it has printed, standard error included. */
  readonly output: string
  readonly lines: readonly string[]
  readonly hasEnded: boolean
  /** Waits until its output contains this. */
  printed(text: string | RegExp): Promise<unknown>
  /** Writes a line to its standard input. */
  say(line: string): void
  kill(signal: NodeJS.Signals): void
  /** Waits until it has ended by itself, or by a signal. Returns its exit code, or the signal. */
  ended(): Promise<number | NodeJS.Signals>
  /** Closes its standard input, then as `ended`. */
  end(): Promise<number | NodeJS.Signals>
}

/** How a program is started. */
export interface ProgramOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** How long `printed` and `ended` wait. Default 30,000. */
  readonly timeoutMs?: number
}

/** Starts a program. */
export function startProgram(
  program: string,
  args: readonly string[],
  { timeoutMs = 30_000, ...options }: ProgramOptions = {},
): RunningProgram {
  const child = spawn(program, args, { stdio: 'pipe', ...options })
  const stopGuard = guardChild(child.pid!)
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  // A program that was killed does not read what it is told.
  child.stdin.on('error', () => undefined)
  let hasEnded = false
  const closed = once(child, 'close').finally(() => {
    hasEnded = true
    stopGuard()
  })
  const what = [program, ...args].join(' ').slice(0, 200)
  const shown = () => `${what}, which printed:\n${output.slice(-2_000)}`
  const ended = async () => {
    await waitFor(() => hasEnded, { timeoutMs, what: 'the end' }).catch((cause) => {
      throw new Error(`Waited for the end of ${shown()}`, { cause })
    })
    return child.exitCode ?? child.signalCode!
  }
  onTestFinished(async () => {
    if (hasEnded) return
    child.kill('SIGKILL')
    await closed
  })
  return {
    get output() {
      return output
    },
    get lines() {
      return output.split('\n').filter((line) => line !== '')
    },
    get hasEnded() {
      return hasEnded
    },
    printed: (text) =>
      waitFor(() => (typeof text === 'string' ? output.includes(text) : text.test(output)), {
        timeoutMs,
      }).catch((cause) => {
        throw new Error(`Waited for ${text} from ${shown()}`, { cause })
      }),
    say: (line) => void child.stdin.write(`${line}\n`),
    kill: (signal) => void child.kill(signal),
    ended,
    end: () => {
      child.stdin.end()
      return ended()
    },
  }
}
