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

/** What rests is bounded, because names may come from outside. */
const MOST_REMEMBERED = 100

/**
 * Looks up a host name as Node does. Callers that ask the same share one lookup, so that many endpoints, clients and
 * attempts to connect do not occupy the threads of the process. A host whose lookup hangs delays no other host, as long as
 * fewer than four hang for the first time at once; nobody ever waits for a turn.
 */
export class SharedLookup {
  /** Lookups in progress, by what is asked, the newest last. */
  readonly #running = new Map<string, Lookup[]>()
  /** Until when what was asked rests. */
  readonly #resting = new Map<string, number>()

  readonly lookup: LookupFunction = (host, options, callback) => {
    const key = JSON.stringify([host, options.all, options.family, options.hints, options.order])
    const own = this.#running.get(key) ?? []
    const newest = own.at(-1)
    if (newest !== undefined && !this.#mayAskAgain(own, newest)) {
      newest.callers.push(callback)
      return
    }
    const restMs = (this.#resting.get(key) ?? 0) - performance.now()
    if (newest === undefined && restMs > 0) {
      process.nextTick(refuse, host, restMs, callback)
      return
    }
    const lookup: Lookup = { startedAt: performance.now(), callers: [callback] }
    this.#running.set(key, [...own, lookup])
    dns.lookup(host, options, (...answer: Parameters<Answer>) => {
      const others = (this.#running.get(key) ?? []).filter((each) => each !== lookup)
      if (others.length === 0) this.#running.delete(key)
      else this.#running.set(key, others)
      this.#rest(key, answer[0] !== null && isSlow(lookup) ? ageOf(lookup) : 0)
      for (const caller of lookup.callers) caller(...answer)
    })
  }

  /** True if a host whose lookup is slow is to be asked for once more, in case the question was lost. */
  #mayAskAgain(own: readonly Lookup[], newest: Lookup): boolean {
    const count = [...this.#running.values()].reduce((sum, lookups) => sum + lookups.length, 0)
    return own.length === 1 && isSlow(newest) && count < MOST_WITH_SECOND
  }

  #rest(key: string, tookMs: number): void {
    this.#resting.delete(key)
    if (tookMs === 0) return
    this.#resting.set(key, performance.now() + Math.min(tookMs, LONGEST_REST_MS))
    const [oldest] = this.#resting.keys()
    if (this.#resting.size > MOST_REMEMBERED && oldest !== undefined) this.#resting.delete(oldest)
  }
}

/** The lookup of this process, because it is the threads of the process that calls share. */
export const sharedLookup: LookupFunction = new SharedLookup().lookup

function ageOf({ startedAt }: Lookup): number {
  return performance.now() - startedAt
}

function isSlow(lookup: Lookup): boolean {
  return ageOf(lookup) >= SLOW_MS
}

function refuse(host: string, restMs: number, callback: Answer): void {
  const message = `getaddrinfo EAI_AGAIN ${host}: its last lookup failed slowly; the next one begins in ${Math.ceil(restMs)} ms`
  callback(
    Object.assign(new Error(message), { code: 'EAI_AGAIN', syscall: 'getaddrinfo', hostname: host }),
    '',
  )
}
