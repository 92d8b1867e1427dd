import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { guardChild } from './child-guard.ts'

/** A signal comes to threads one by one, and one that runs goes on for a moment: long enough for an answer. */
export function isStopped(pid: number): boolean {
  const threads = `/proc/${pid}/task`
  // Where there is no such folder there is no better word than the signal's own.
  if (!existsSync(threads)) return true
  const state = (thread: string) => /\) (.)/.exec(readFileSync(`${threads}/${thread}/stat`, 'utf8'))?.[1]
  return readdirSync(threads).every((thread) => state(thread) === 'T')
}

/** One process of an etcd, from its start to its end. */
export class RunningEtcd {
  log = ''
  ending = ''
  readonly #child: ChildProcess
  readonly #ended: Promise<void>

  constructor(program: string, args: readonly string[], ownFolder: string | undefined) {
    // The settings come by arguments alone; a stray ETCD_… in the environment would clash with them.
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ETCD_')))
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env, detached: true })
    this.#child = child
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.log = (this.log + text).slice(-65_536)
      })
    }
    const dropGuard = child.pid === undefined ? () => {} : guardChild(child.pid, ownFolder)
    this.#ended = new Promise((resolve) => {
      const settle = (ending: string) => {
        this.ending = ending
        dropGuard()
        resolve()
      }
      child.on('error', (error) => settle(error.message))
      child.on('close', (code, signal) =>
        settle(signal === null ? `exit code ${code}` : `ended by ${signal}`),
      )
    })
  }

  get pid(): number | undefined {
    return this.ending === '' ? this.#child.pid : undefined
  }

  signal(signal: NodeJS.Signals): void {
    if (this.pid === undefined)
      throw new Error(`etcd does not run (${this.ending}), so it cannot get ${signal}`)
    this.#child.kill(signal)
  }

  /** Sends the signal and waits for the end; a server that ignores SIGTERM for 20 s is killed, and that is an error. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.pid === undefined) return
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      this.#child.kill('SIGKILL')
    }, 20_000)
    this.#child.kill(signal)
    await this.#ended
    clearTimeout(timer)
    if (isLate)
      throw new Error(
        `etcd did not end within 20 s of ${signal}. The end of its log:\n${this.log.slice(-2000)}`,
      )
  }
}
