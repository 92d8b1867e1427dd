import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { waitFor } from '../../../support/wait-for.ts'
import type { Belief } from './check-history.ts'

const LOADER = fileURLToPath(new URL('../../../support/source-loader.ts', import.meta.url))
const SCRIPT = fileURLToPath(new URL('./contender-process.ts', import.meta.url))

/** Options of a contender process. */
export interface ContenderOptions {
  readonly endpoint: string
  readonly tasks: number
  readonly ttlSeconds: number
  /** A fault that the checker has to find. */
  readonly fault?: 'unguarded' | 'ignores-loss'
}

/** A process that contends for the lock, and what it said. */
export class ContenderProcess {
  readonly beliefs: Belief[] = []
  readonly acquired: number[] = []
  readonly #child: ChildProcess
  #rest = ''
  #isReady = false
  #isDone = false
  #errors = ''

  constructor(id: string, { endpoint, tasks, ttlSeconds, fault = undefined }: ContenderOptions) {
    const env = {
      ...process.env,
      ENDPOINT: endpoint,
      TASKS: String(tasks),
      TTL: String(ttlSeconds),
      FAULT: fault ?? '',
      ID: id,
    }
    this.#child = spawn(process.execPath, ['--import', LOADER, SCRIPT], { env })
    this.#child.stdout?.on('data', (chunk: Buffer) => this.#read(String(chunk)))
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#errors += String(chunk)
    })
  }

  get isAlive(): boolean {
    return !this.#hasEnded
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  async ready(): Promise<void> {
    await waitFor(() => this.#isReady, { timeoutMs: 30_000, what: `a contender to start: ${this.#errors}` })
  }

  /** Freezes it; `resume` lets it go on. */
  pause(): void {
    this.#child.kill('SIGSTOP')
  }

  resume(): void {
    this.#child.kill('SIGCONT')
  }

  async kill(): Promise<void> {
    if (this.#hasEnded) return
    const ended = new Promise((resolve) => this.#child.once('close', resolve))
    this.#child.kill('SIGKILL')
    await ended
  }

  /** Lets it close its session and end by itself. */
  async stop(): Promise<void> {
    this.#child.stdin?.write('stop\n')
    await waitFor(() => this.#isDone && this.#hasEnded, {
      timeoutMs: 30_000,
      what: `a contender to end: ${this.#errors}`,
    })
    if (this.#child.exitCode !== 0)
      throw new Error(`a contender ended with ${this.#child.exitCode}: ${this.#errors}`)
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      const [what, token, atMicros] = JSON.parse(line) as [string, number, number]
      if (what === 'belief') this.beliefs.push({ token, atMicros })
      else if (what === 'acquired') this.acquired.push(token)
      else if (what === 'ready') this.#isReady = true
      else this.#isDone = true
    }
  }
}
