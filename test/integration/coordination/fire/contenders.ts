import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { waitFor } from '../../../support/wait-for.ts'
import type { HeldKind, Observation } from './history.ts'

const LOADER = fileURLToPath(new URL('../../../support/source-loader.ts', import.meta.url))
const SCRIPT = fileURLToPath(new URL('./contender-process.ts', import.meta.url))

/** A fault of contenders that the checker has to find. */
export type ContenderFault = 'unguarded' | 'ignores-loss'

/** Options of a contender process. */
export interface ContenderOptions {
  readonly endpoints: readonly string[]
  /** At most 10. Six of ten hold something, the others put and take. */
  readonly tasks: number
  readonly ttlSeconds: number
  /** Each task rests so long after each call, at most. */
  readonly restMs: number
  readonly fault?: ContenderFault
}

/** A process that contends for everything, and what it observed. */
export class ContenderProcess {
  readonly observations: Observation[] = []
  readonly #child: ChildProcess
  readonly #tokens = new Set<number>()
  readonly #holds = new Map<string, number>()
  #rest = ''
  #isReady = false
  #isDone = false
  #errors = ''

  constructor(id: string, { endpoints, tasks, ttlSeconds, restMs, fault }: ContenderOptions) {
    const env = {
      ...process.env,
      ENDPOINTS: endpoints.join(','),
      TASKS: String(tasks),
      TTL: String(ttlSeconds),
      REST_MS: String(restMs),
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
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** How often each of its tasks held something so far. */
  get holds(): ReadonlyMap<string, number> {
    return this.#holds
  }

  /** How many holds it observed, of all its tasks. */
  get holdCount(): number {
    return this.#tokens.size
  }

  /** True if it observed that it holds something by this token. */
  hasHeld(token: number): boolean {
    return this.#tokens.has(token)
  }

  async ready(): Promise<void> {
    await waitFor(() => this.#isReady, {
      timeoutMs: 60_000,
      what: `a contender to start: ${this.#errors}`,
    })
  }

  /** Freezes it; `resume` lets it go on. */
  pause(): void {
    this.#child.kill('SIGSTOP')
  }

  resume(): void {
    this.#child.kill('SIGCONT')
  }

  /** Steps its wall clock. */
  stepClock(ms: number): void {
    this.#child.stdin?.write(`clock ${ms}\n`)
  }

  async kill(): Promise<void> {
    if (!this.isAlive) return
    const ended = new Promise((resolve) => this.#child.once('close', resolve))
    this.#child.kill('SIGKILL')
    await ended
  }

  /** Lets it close its session and end by itself. */
  async stop(): Promise<void> {
    this.#child.stdin?.write('stop\n')
    await waitFor(() => this.#isDone && !this.isAlive, {
      timeoutMs: 60_000,
      what: `a contender to end: ${this.#errors}`,
    })
    if (this.#child.exitCode !== 0)
      throw new Error(`a contender ended with ${this.#child.exitCode}: ${this.#errors}`)
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      const seen = JSON.parse(line) as Observation | 'ready' | 'done'
      if (seen === 'ready') this.#isReady = true
      else if (seen === 'done') this.#isDone = true
      else this.#onSeen(seen)
    }
  }

  #onSeen(seen: Observation): void {
    this.observations.push(seen)
    if (seen.type !== 'held') return
    this.#tokens.add(seen.token)
    this.#holds.set(taskOf(seen), (this.#holds.get(taskOf(seen)) ?? 0) + 1)
  }
}

/** Names the task that holds something. */
export function taskOf({ kind, who }: { readonly kind: HeldKind; readonly who: string }): string {
  return `${kind} of ${who}`
}
