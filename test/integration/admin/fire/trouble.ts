import { setTimeout as sleep } from 'node:timers/promises'
import { type EtcdClient, isFinalError } from '@livetree/etcd'
import { inject } from 'vitest'
import { runBounded } from '../../../../scripts/etcd/run-bounded.ts'
import type { StoreUnderFire } from '../../../support/store-under-fire.ts'

/** The faults that have taken effect. */
export interface Faults {
  kills: number
  losses: number
}

/** Every so many faults a member is killed; the others lose answers. */
const KILL_EVERY = 8

/**
 * Kills members, and loses answers and connections, one at a time, until it is stopped.
 *
 * @param ended how many turns have ended so far
 */
export async function makeTrouble(
  store: StoreUnderFire,
  faults: Faults,
  ended: () => number,
  stop: AbortSignal,
): Promise<void> {
  /**
   * A slow machine gets as far between two faults as a fast one, and no fault in a row keeps every apply from its end: without
   * faults some turn always ends.
   */
  const waitForAnother = async () => {
    const next = ended() + 1
    await sleep(100)
    while (!stop.aborted && ended() < next) await sleep(10)
  }
  for (let turn = 0; !stop.aborted; turn++) {
    if (turn % KILL_EVERY === 0) {
      await store.withoutMember(waitForAnother)
      faults.kills += 1
    } else if (await store.loseReplies(300)) faults.losses += 1
    await waitForAnother()
  }
}

/** What other tools write into the parts that admins write too begins with this number. */
export const OF_TOOLS = 9_000_000
/** How often each of them does. It is a number, since an admin never comes to an end beside one that goes on for ever. */
const OVERLAPS = 5

/** Writes as other tools do, without conditions: keys of its own for ever, and a few times those of the admins. */
export async function writeAsTool(
  put: (key: string, text: string | undefined) => Promise<unknown>,
  root: string,
  index: number,
  stop: AbortSignal,
): Promise<void> {
  for (let turn = 0; !stop.aborted; turn++) {
    await put(`${root}tools/t${index}`, turn % 3 === 2 ? undefined : String(turn))
    const isOverlap = turn % 4 === 3 && turn < 4 * OVERLAPS
    if (isOverlap) await put(`${root}parts/p${index % 4}`, String(OF_TOOLS + turn))
    await sleep(200)
  }
}

/**
 * Puts and deletes by the client, or by a process of etcdctl for each write. A write that fails, since its member is killed, may
 * have been made or not, and nobody looks.
 */
export function putterOf(client: EtcdClient, endpoints: readonly string[], isEtcdctl: boolean) {
  const etcdctl = inject('testedEtcdctls').at(-1)
  if (!isEtcdctl || etcdctl === undefined)
    return (key: string, text: string | undefined): Promise<unknown> =>
      (text === undefined ? client.kv.delete(key) : client.kv.put(key, text)).catch(assertAway)
  const env = { ...process.env, ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: endpoints.join(',') }
  return (key: string, text: string | undefined): Promise<unknown> =>
    runBounded(etcdctl.path, text === undefined ? ['del', key] : ['put', key, text], {
      timeoutMs: 30_000,
      env,
    })
}

function assertAway(error: unknown): void {
  if (isFinalError(error)) throw error
}
