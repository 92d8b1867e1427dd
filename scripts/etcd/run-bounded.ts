import { spawn } from 'node:child_process'

/** What a finished program left behind. */
export interface RunResult {
  /** Exit code; `undefined` when a signal ended it or it never started. */
  readonly code: number | undefined
  readonly stdout: string
  readonly stderr: string
  /** One line that says how it ended, for messages: `exit code 100`, `no answer within 60 s`. */
  readonly ending: string
}

/** Options of {@link runBounded}. */
export interface RunOptions {
  /** The program is killed after this time. Default 60,000. */
  readonly timeoutMs?: number
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** Written to the program's standard input, which is closed afterwards. */
  readonly input?: string
}

/** Runs a program to its end, at most `timeoutMs` long. Never rejects: a program that cannot start is a result too. */
export function runBounded(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const timeoutMs = options.timeoutMs ?? 60_000
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      child.kill('SIGKILL')
    }, timeoutMs)
    const settle = (code: number | undefined, ending: string) => {
      clearTimeout(timer)
      resolve({ code, stdout, stderr, ending: isLate ? `no answer within ${timeoutMs / 1000} s` : ending })
    }
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.stdin?.on('error', () => {}).end(options.input)
    child.on('error', (error) => settle(undefined, error.message))
    child.on('close', (code, signal) =>
      settle(code ?? undefined, signal === null ? `exit code ${code}` : `ended by ${signal}`),
    )
  })
}
