import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { guardChild } from '../../support/child-guard.ts'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

/** Arguments of Node that run `livetree-etcd` from the sources. */
export const livetreeEtcd: readonly string[] = [
  `--import=${path('../../support/source-loader.ts')}`,
  path('../../../packages/embedded/src/bin.ts'),
]

/** `livetree-etcd` in a process of its own, which can be killed. */
export class ServerProcess {
  readonly endpoint: string
  readonly #child: ChildProcess
  readonly #ended: Promise<void>

  private constructor(child: ChildProcess, ended: Promise<void>, endpoint: string) {
    this.#child = child
    this.#ended = ended
    this.endpoint = endpoint
  }

  /**
   * Resolves when it listens. Rejects with what it said when it does not come up. A launcher is a program and its
   * arguments that run the command which stands behind them.
   */
  static async start(args: readonly string[], launcher: readonly string[] = []): Promise<ServerProcess> {
    const command = [...launcher, process.execPath, ...livetreeEtcd, '--port=0', ...args]
    const child = spawn(command[0]!, command.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const dropGuard = guardChild(child.pid!)
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
    ended.then(dropGuard)
    let said = ''
    child.stderr.on('data', (chunk) => {
      said += chunk
    })
    for await (const line of createInterface(child.stdout)) {
      const endpoint = /listens on (\S+);/.exec(line)?.[1]
      if (endpoint !== undefined) {
        child.stdout.resume()
        return new ServerProcess(child, ended, endpoint)
      }
    }
    await ended
    throw new Error(`livetree-etcd did not come up: ${said}`)
  }

  /** Resolves with the exit code when it ends by itself. */
  async ended(): Promise<number | null> {
    await this.#ended
    return this.#child.exitCode
  }

  /** Resolves with the exit code, or null when the signal ended it. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    this.#child.kill(signal)
    await this.#ended
    return this.#child.exitCode
  }
}
