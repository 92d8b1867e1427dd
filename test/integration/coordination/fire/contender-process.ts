import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  createElection,
  createMutex,
  createQueue,
  createSemaphore,
  createWorkQueue,
  type Held,
  type Leadership,
} from '@livetree/coordination'
import { type Clock, createEtcdClient, EtcdError, op } from '@livetree/etcd'
import { CurrentSession } from './contender-session.ts'
import { type HeldKind, KEYS, type Observation, type QueueKind } from './history.ts'

/**
 * Contends with several tasks for everything in `KEYS`, and writes what it observes to its standard output, one observation
 * a line. Lines on its standard input: `clock <ms>` steps its wall clock, and any other ends it.
 */
const { ENDPOINTS = '', TASKS = '1', TTL = '2', REST_MS = '0', FAULT = '', ID = '' } = process.env
let stepMs = 0
const clock: Clock = {
  now: () => Date.now() + stepMs,
  setTimeout: (run, ms) => setTimeout(run, ms).unref(),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
}
const client = createEtcdClient({
  endpoints: ENDPOINTS.split(','),
  watch: { progressIntervalMs: 200, progressGraceMs: 1_000, openTimeoutMs: 2_000 },
  timeouts: { connectMs: 500, callMs: 2_000 },
  backoff: { minMs: 5, maxMs: 100 },
  clock,
})
const current = new CurrentSession(client, Number(TTL))
const stop = new AbortController()
let written = 0
let made = 0

function say(seen: Observation | 'ready' | 'done'): void {
  process.stdout.write(`${JSON.stringify(seen)}\n`)
}

/** Microseconds of the machine's monotonic clock. */
function now(): number {
  return Number(process.hrtime.bigint() / 1_000n)
}

/** Relies on it: the moment is taken before the question, so that a pause in between does not count. */
function rely(kind: HeldKind, held: Held): boolean {
  const at = now()
  const isHeld = FAULT === 'ignores-loss' || held.isHeld
  if (isHeld) say({ type: 'relied', kind, token: held.token, at })
  return isHeld
}

async function write(kind: HeldKind, held: Held): Promise<void> {
  written += 1
  const text = `${held.token} ${ID}-${written}`
  const put = op.put(KEYS.written(kind), text)
  const start = now()
  if (FAULT === 'unguarded') return void (await client.kv.txn().then(put).commit())
  try {
    await held.commit(put)
    say({ type: 'wrote', kind, text, start, end: now() })
  } catch (error) {
    // Anything else leaves it open whether it is written.
    if (['lock_lost', 'closed'].includes((error as { code?: string }).code ?? ''))
      say({ type: 'refused', kind, text, start, end: now() })
    if (FAULT !== 'ignores-loss') throw error
  }
}

/** Holds something once, writes while it relies on it, and releases it. */
async function hold(kind: HeldKind, who: string, acquire: () => Promise<Held>): Promise<void> {
  const start = now()
  const held = await acquire()
  const { token } = held
  say({ type: 'held', kind, token, who, start, end: now() })
  try {
    for (let step = 0; step < 2 && rely(kind, held); step += 1) {
      await sleep(Math.random() * 10)
      await write(kind, held)
      if (kind === 'leader') await (held as Leadership).proclaim(`${ID}-${step}`)
    }
    rely(kind, held)
  } finally {
    const released = now()
    const session = await current.get().catch(() => undefined)
    const isHeld = held.isHeld
    await held.release()
    // The end of its session would delete the key later.
    if (isHeld && session?.isLost === false)
      say({ type: 'released', kind, token, start: released, end: now() })
  }
}

async function holdOnce(kind: HeldKind, who: string): Promise<void> {
  const session = await current.get()
  const name = KEYS.name(kind)
  // Few give up: were the waits shorter than the queue, those whose turn is next would mostly give up just then.
  const limits = Math.random() < 0.1 ? { timeoutMs: 1_000 * Math.random() } : {}
  if (kind === 'lock') await hold(kind, who, () => createMutex(session, name).acquire(limits))
  else if (kind === 'leader') await hold(kind, who, () => createElection(session, name).campaign(ID, limits))
  else await hold(kind, who, () => createSemaphore(session, name, { limit: 3 }).acquire(limits))
}

async function putOnce(kind: QueueKind): Promise<void> {
  made += 1
  const id = `${kind}-${ID}-${made}`
  const start = now()
  const to =
    kind === 'jobs'
      ? createWorkQueue(await current.get(), KEYS.name(kind))
      : createQueue(client, KEYS.name(kind))
  const fate = await to.put(id).then(
    () => 'applied' as const,
    (error: unknown) => (error instanceof EtcdError && error.fate !== 'unknown' ? 'not_applied' : 'unknown'),
  )
  say({ type: 'put', kind, id, fate, start, end: now() })
  await sleep(10 + Math.random() * 30)
}

async function takeOnce(): Promise<void> {
  const start = now()
  try {
    const { value } = await createQueue(client, KEYS.name('queue')).take({ signal: stop.signal })
    say({ type: 'took', kind: 'queue', id: String(value), start, end: now() })
  } catch (error) {
    if ((error as { code?: string }).code === 'outcome_unknown') say({ type: 'unknown-take', kind: 'queue' })
    throw error
  }
}

async function workOnce(): Promise<void> {
  const start = now()
  const job = await createWorkQueue(await current.get(), KEYS.name('jobs')).take({ signal: stop.signal })
  try {
    // One in ten is not done, and given again.
    if (Math.random() < 0.1) return
    const id = String(job.value)
    await job.complete(op.put(KEYS.effect(id), ID))
    say({ type: 'took', kind: 'jobs', id, start, end: now() })
  } finally {
    await job.release()
  }
}

async function repeat(once: () => Promise<void>): Promise<void> {
  while (!stop.signal.aborted) {
    await once().catch(() => sleep(20))
    await sleep(Math.random() * Number(REST_MS))
  }
}

/** Ten tasks for each round: six that hold, and four at the queues. */
const KINDS: readonly HeldKind[] = ['lock', 'leader', 'permit', 'lock', 'permit', 'lock']
const ofQueues = [() => putOnce('queue'), takeOnce, () => putOnce('jobs'), workOnce]
const tasks = Array.from({ length: Number(TASKS) }, (_, index) => {
  const kind = KINDS[index]
  if (kind !== undefined) return repeat(() => holdOnce(kind, `${ID}-${index}`))
  return repeat(ofQueues[(index - KINDS.length) % ofQueues.length] ?? takeOnce)
})
say('ready')
createInterface({ input: process.stdin }).on('line', async (line) => {
  const [command, value] = line.split(' ')
  if (command === 'clock') {
    stepMs += Number(value)
    return
  }
  stop.abort()
  await current.close()
  await Promise.all(tasks)
  await current.close()
  await client.close()
  say('done')
  process.stdin.destroy()
})
