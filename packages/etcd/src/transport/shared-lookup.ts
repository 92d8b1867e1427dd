import dns from 'node:dns'
import type { LookupFunction } from 'node:net'

type Answer = Parameters<LookupFunction>[2]

/** One lookup in progress. */
interface Lookup {
  readonly startedAt: number
  /** Notified together; those that gave up ignore it. */
  readonly callers: Answer[]
}

/** A lookup that takes longer may be one that is lost, in milliseconds. A resolver answers sooner, or asks again. */
const SLOW_MS = 1_000

/**
 * Lookups occupy threads that the whole process shares, of which Node has four by default. So a host whose lookup is slow
 * gets a second one only while a thread is left for others.
 */
const MOST_WITH_SECOND = 3

/** Hosts whose last lookup failed slowly are looked up this many at a time, which leaves threads for others, too. */
const MOST_FAILING = 2

/** Lookups in progress, by what is asked, the newest last. */
const RUNNING = new Map<string, Lookup[]>()
/** What was asked last in vain, and slowly. Bounded, because names may come from outside. */
const FAILING = new Set<string>()
const MOST_REMEMBERED = 100

/**
 * Looks up a host name as Node does. Callers that ask the same share one lookup, so that many endpoints, clients and
 * attempts to connect do not occupy the threads of the process. A host whose lookup hangs delays no other host, as long as
 * fewer than four hang for the first time at once; nobody ever waits for a turn.
 */
export const sharedLookup: LookupFunction = (host, options, callback) => {
  const key = JSON.stringify([host, options.all, options.family, options.hints, options.order])
  const own = RUNNING.get(key) ?? []
  const newest = own.at(-1)
  if (newest !== undefined && !mayAskAgain(own, newest)) {
    newest.callers.push(callback)
    return
  }
  if (newest === undefined && FAILING.has(key) && runningOf(FAILING) >= MOST_FAILING) {
    process.nextTick(refuse, host, callback)
    return
  }
  const lookup: Lookup = { startedAt: performance.now(), callers: [callback] }
  RUNNING.set(key, [...own, lookup])
  dns.lookup(host, options, (...answer: Parameters<Answer>) => {
    const others = (RUNNING.get(key) ?? []).filter((each) => each !== lookup)
    if (others.length === 0) RUNNING.delete(key)
    else RUNNING.set(key, others)
    remember(key, answer[0] !== null && isSlow(lookup))
    for (const caller of lookup.callers) caller(...answer)
  })
}

function isSlow({ startedAt }: Lookup): boolean {
  return performance.now() - startedAt >= SLOW_MS
}

/** True if a host whose lookup is slow is to be asked for once more, in case the question was lost. */
function mayAskAgain(own: readonly Lookup[], newest: Lookup): boolean {
  return own.length === 1 && isSlow(newest) && runningOf(RUNNING.keys()) < MOST_WITH_SECOND
}

function runningOf(keys: Iterable<string>): number {
  let count = 0
  for (const key of keys) count += RUNNING.get(key)?.length ?? 0
  return count
}

function remember(key: string, isFailing: boolean): void {
  FAILING.delete(key)
  if (!isFailing) return
  FAILING.add(key)
  const [oldest] = FAILING
  if (FAILING.size > MOST_REMEMBERED && oldest !== undefined) FAILING.delete(oldest)
}

function refuse(host: string, callback: Answer): void {
  const message = `getaddrinfo EAI_AGAIN ${host}: its last lookup failed slowly, and those of other hosts do not end either`
  callback(
    Object.assign(new Error(message), { code: 'EAI_AGAIN', syscall: 'getaddrinfo', hostname: host }),
    '',
  )
}
