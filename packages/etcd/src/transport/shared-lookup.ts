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

/**
 * A host whose lookup failed slowly rests for as long as that took, at most for this time in milliseconds: it occupies a thread half
 * of the time, and whether it is looked up depends on no other host.
 */
const LONGEST_REST_MS = 10_000

/** Lookups in progress, by what is asked, the newest last. */
const RUNNING = new Map<string, Lookup[]>()
/** Until when what was asked rests. Bounded, because names may come from outside. */
const RESTING = new Map<string, number>()
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
  const restMs = (RESTING.get(key) ?? 0) - performance.now()
  if (newest === undefined && restMs > 0) {
    process.nextTick(refuse, host, restMs, callback)
    return
  }
  const lookup: Lookup = { startedAt: performance.now(), callers: [callback] }
  RUNNING.set(key, [...own, lookup])
  dns.lookup(host, options, (...answer: Parameters<Answer>) => {
    const others = (RUNNING.get(key) ?? []).filter((each) => each !== lookup)
    if (others.length === 0) RUNNING.delete(key)
    else RUNNING.set(key, others)
    rest(key, answer[0] !== null && isSlow(lookup) ? ageOf(lookup) : 0)
    for (const caller of lookup.callers) caller(...answer)
  })
}

function ageOf({ startedAt }: Lookup): number {
  return performance.now() - startedAt
}

function isSlow(lookup: Lookup): boolean {
  return ageOf(lookup) >= SLOW_MS
}

/** True if a host whose lookup is slow is to be asked for once more, in case the question was lost. */
function mayAskAgain(own: readonly Lookup[], newest: Lookup): boolean {
  const count = [...RUNNING.values()].reduce((sum, lookups) => sum + lookups.length, 0)
  return own.length === 1 && isSlow(newest) && count < MOST_WITH_SECOND
}

function rest(key: string, tookMs: number): void {
  RESTING.delete(key)
  if (tookMs === 0) return
  RESTING.set(key, performance.now() + Math.min(tookMs, LONGEST_REST_MS))
  const [oldest] = RESTING.keys()
  if (RESTING.size > MOST_REMEMBERED && oldest !== undefined) RESTING.delete(oldest)
}

function refuse(host: string, restMs: number, callback: Answer): void {
  const message = `getaddrinfo EAI_AGAIN ${host}: its last lookup failed slowly; the next one begins in ${Math.ceil(restMs)} ms`
  callback(
    Object.assign(new Error(message), { code: 'EAI_AGAIN', syscall: 'getaddrinfo', hostname: host }),
    '',
  )
}
