import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { guardChild } from '../support/child-guard.ts'
import { waitFor } from '../support/wait-for.ts'

export type ShopName = 'express-shop' | 'nestjs-shop' | 'fastify-shop'

/** One of `examples/`, running in a process of its own, as built. */
export interface RunningShop extends AsyncDisposable {
  readonly url: string
  /** All it has printed. */
  readonly output: string
  /** Asks it to end, and waits until it has. Gives its exit code, or the signal that ended it. */
  stop(signal?: 'SIGTERM' | 'SIGINT'): Promise<number | string>
}

/** Starts it on a free port. Throws with its output when it does not open in 20 s. */
export async function startShop(name: ShopName, env: Record<string, string>): Promise<RunningShop> {
  const cwd = fileURLToPath(new URL(`../../examples/${name}/`, import.meta.url))
  const child = spawn(process.execPath, ['dist/main.js'], { cwd, env: { ...process.env, PORT: '0', ...env } })
  const stopGuard = guardChild(child.pid!)
  const ended = once(child, 'close').finally(stopGuard)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const stop = async (signal: 'SIGTERM' | 'SIGINT' = 'SIGTERM') => {
    child.kill(signal)
    await ended
    return child.exitCode ?? child.signalCode!
  }
  const isOpen = () => hasEnded(child) || output.includes('The shop is open')
  await waitFor(isOpen, { timeoutMs: 20_000, what: `${name} to open` }).catch(async (cause) => {
    child.kill('SIGKILL')
    await ended
    throw new Error(`${name} did not open:\n${output}`, { cause })
  })
  const url = /The shop is open: (http:\S+)\/articles\/1/.exec(output)?.[1]
  if (url === undefined) throw new Error(`${name} ended instead of opening:\n${output}`)
  return {
    url,
    get output() {
      return output
    },
    stop,
    async [Symbol.asyncDispose]() {
      if (!hasEnded(child)) child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await ended
      clearTimeout(timer)
    },
  }
}

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null
