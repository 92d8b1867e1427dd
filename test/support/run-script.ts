import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const LOADER = fileURLToPath(new URL('./source-loader.ts', import.meta.url))
/** What Node made of the sources is kept: a test run starts some hundred of these. */
const CACHE = fileURLToPath(new URL('../../.cache/node', import.meta.url))
const HERE = fileURLToPath(new URL('../integration/', import.meta.url))

export interface ScriptResult {
  /** null: it was killed, by the signal. */
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface ScriptOptions {
  /** Run by a shell in the place of `node`; `$NODE` is the command up to the script's arguments. */
  readonly shell?: string
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Killed after so many milliseconds. Default 30,000. */
  readonly timeoutMs?: number
}

/** Runs a script of its own process against the packages' sources, to see what it prints and how it ends. */
export function runScript(code: string, options: ScriptOptions = {}): Promise<ScriptResult> {
  const { shell, env = {}, cwd = HERE, timeoutMs = 30_000 } = options
  const args = ['--import', LOADER, '--input-type=module-typescript', '--eval', code]
  const given = {
    cwd,
    env: { ...process.env, NODE_COMPILE_CACHE: CACHE, ...env },
    timeout: timeoutMs,
    killSignal: 'SIGKILL' as const,
  }
  const child =
    shell === undefined
      ? spawn(process.execPath, args, given)
      : spawn('bash', ['-c', shell, process.execPath, ...args], given)
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (exitCode, signal) => resolve({ exitCode, signal, stdout, stderr }))
  })
}
