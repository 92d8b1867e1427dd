import dns from 'node:dns'
import type { LookupFunction } from 'node:net'

type Answer = Parameters<LookupFunction>[2]

/** Lookups of names occupy threads that the whole process shares, of which Node has four by default. */
const MAX_LOOKUPS = 2

/** Callers of each lookup that is in progress or waits, by what is asked. */
const CALLERS = new Map<string, Answer[]>()
const WAITING: (() => void)[] = []
let running = 0

/**
 * Looks up a host name as Node does. Callers that ask the same share one lookup, and the process runs few at a time: a
 * resolver that does not answer, many endpoints and many attempts to connect leave threads for others.
 */
export const sharedLookup: LookupFunction = (host, options, callback) => {
  const key = JSON.stringify([host, options.all, options.family, options.hints, options.order])
  const callers = CALLERS.get(key)
  if (callers !== undefined) {
    callers.push(callback)
    return
  }
  CALLERS.set(key, [callback])
  WAITING.push(() => {
    dns.lookup(host, options, (...answer: Parameters<Answer>) => {
      running -= 1
      const asking = CALLERS.get(key) ?? []
      CALLERS.delete(key)
      startNext()
      for (const each of asking) each(...answer)
    })
  })
  startNext()
}

function startNext(): void {
  while (running < MAX_LOOKUPS) {
    const start = WAITING.shift()
    if (start === undefined) return
    running += 1
    start()
  }
}
