import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { createMutex, type Lock, openSession, type Session } from '@livetree/coordination'
import { createEtcdClient, op } from '@livetree/etcd'

/**
 * Contends for one lock with several tasks and writes what it believes to its standard output, one JSON list a line:
 * `["belief", token, microseconds]` for each moment at which it relied on the lock. The clock is the machine's monotonic
 * one, the same for all processes. Ends when a line comes on its standard input.
 */
const { ENDPOINT = '', TASKS = '1', TTL = '2', FAULT = '', ID = '' } = process.env
const client = createEtcdClient({
  endpoints: ENDPOINT,
  watch: { progressIntervalMs: 200, progressGraceMs: 1_000, openTimeoutMs: 2_000 },
  timeouts: { connectMs: 500, callMs: 2_000 },
  backoff: { minMs: 5, maxMs: 100 },
})
let session: Promise<Session> | undefined
let isStopping = false

function say(...what: unknown[]): void {
  process.stdout.write(`${JSON.stringify(what)}\n`)
}

/** Microseconds of the machine's monotonic clock. */
function now(): number {
  return Number(process.hrtime.bigint() / 1_000n)
}

/** The session of this process; a new one when the former is lost. */
async function currentSession(): Promise<Session> {
  const former = await session?.catch(() => undefined)
  if (former === undefined || former.isLost) {
    void former?.close()
    session = openSession(client, { ttlSeconds: Number(TTL) })
  }
  return session ?? Promise.reject(new Error('no session'))
}

/** Relies on the lock: the moment is taken before the question, so that a pause in between does not count. */
function rely(lock: Lock): boolean {
  const at = now()
  const isHeld = FAULT === 'ignores-loss' || lock.isHeld
  if (isHeld) say('belief', lock.token, at)
  return isHeld
}

async function write(lock: Lock): Promise<void> {
  const put = op.put('fire/register', `${lock.token} ${ID}`)
  if (FAULT === 'unguarded') await client.kv.txn().then(put).commit()
  else if (FAULT === 'ignores-loss') await lock.commit(put).catch(() => undefined)
  else await lock.commit(put)
}

async function holdOnce(): Promise<void> {
  const mutex = createMutex(await currentSession(), 'fire/lock')
  const lock = await mutex.acquire({ timeoutMs: 500 + Math.random() * 5_000 })
  say('acquired', lock.token, now())
  try {
    for (let step = 0; step < 3 && rely(lock); step += 1) {
      await sleep(Math.random() * 20)
      await write(lock)
    }
    rely(lock)
  } finally {
    await lock.release()
  }
}

async function contend(): Promise<void> {
  while (!isStopping) await holdOnce().catch(() => sleep(20))
}

const tasks = Array.from({ length: Number(TASKS) }, contend)
say('ready')
createInterface({ input: process.stdin }).once('line', async () => {
  isStopping = true
  // Those who wait for the lock give up with the session.
  const last = await session?.catch(() => undefined)
  await last?.close()
  await Promise.all(tasks)
  const another = await session?.catch(() => undefined)
  await another?.close()
  await client.close()
  say('done')
  process.stdin.destroy()
})
