import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { inject } from 'vitest'
import { runBounded } from '../../../../scripts/etcd/run-bounded.ts'
import { KEYS } from './history.ts'
import type { Witness } from './witness.ts'

const LONGEST_MS = 30_000
/** The TTL of the session of `elect`, which it does not always revoke. */
const ELECT_TTL_SECONDS = 60

/** Every `etcdctl` of this machine takes the lock and leads, again and again, until the signal aborts. */
export async function contendByEtcdctl(
  endpoints: readonly string[],
  witness: Witness,
  signal: AbortSignal,
): Promise<void> {
  const contending = inject('testedEtcdctls').flatMap(({ path, version }) => [
    repeat(signal, () => lockOnce(path, endpoints)),
    repeat(signal, () => leadOnce(path, endpoints, `etcdctl ${version}`, witness, signal)),
  ])
  await Promise.all(contending)
  await witness.revokeLeases(ELECT_TTL_SECONDS)
}

async function repeat(signal: AbortSignal, once: () => Promise<unknown>): Promise<void> {
  while (!signal.aborted) {
    await once()
    await sleep(300)
  }
}

const env = { ...process.env, ETCDCTL_API: '3' }

/** Its lease is short, so one that has to be killed blocks the others for no longer than that. */
function lockOnce(path: string, endpoints: readonly string[]): Promise<unknown> {
  const args = ['--endpoints', endpoints.join(','), 'lock', '--ttl', '2', KEYS.name('lock'), 'true']
  return runBounded(path, args, { timeoutMs: LONGEST_MS, env })
}

/**
 * Leads for a moment and resigns. The session of `elect` lasts a minute, so what a killed one leaves is deleted by hand.
 */
async function leadOnce(
  path: string,
  endpoints: readonly string[],
  value: string,
  witness: Witness,
  signal: AbortSignal,
): Promise<void> {
  const child = spawn(path, ['--endpoints', endpoints.join(','), 'elect', KEYS.name('leader'), value], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const interrupt = (): void => void child.kill('SIGINT')
  const kill = (): void => void child.kill('SIGKILL')
  // It prints key and value once it leads.
  child.stdout?.once('data', () => setTimeout(interrupt, 50).unref())
  signal.addEventListener('abort', kill, { once: true })
  const late = setTimeout(interrupt, LONGEST_MS / 2)
  const lost = setTimeout(kill, LONGEST_MS)
  await ended
  signal.removeEventListener('abort', kill)
  clearTimeout(late)
  clearTimeout(lost)
  await witness.deleteHolders('leader', value)
}
