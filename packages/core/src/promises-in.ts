import { types } from 'node:util'
import { Sealed } from './sealed.ts'
import { fieldOf } from './thrown.ts'

/** At most this many parts of a value are inspected, so that the time is bounded whatever is given. */
const MOST_PARTS = 100_000

/** Whether the value is a thenable that `await` would wait for. Never throws: a value whose `then` cannot be read is none. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return canHold(value) && typeof fieldOf(value, 'then') === 'function'
}

/**
 * The promises that a value is or holds: in plain objects, lists, maps, sets and holders of secrets. Neither calls a getter
 * nor enters an instance of another class or a Proxy, which are their owner's. Never throws.
 *
 * @param mostParts inspects no more parts than this. Default 100,000
 */
export function promisesIn(given: unknown, mostParts = MOST_PARTS): PromiseLike<unknown>[] {
  const found: PromiseLike<unknown>[] = []
  if (!canHold(given)) return found
  const seen = new Set<object>([given])
  let left = mostParts
  // A set hands out what is added while it is walked.
  for (const value of seen) {
    if (isPromise(value)) {
      found.push(value)
      continue
    }
    for (const part of partsOf(value)) {
      if (left-- <= 0) return found
      if (canHold(part)) seen.add(part)
    }
  }
  return found
}

function canHold(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

function* partsOf(value: object): Iterable<unknown> {
  if (typeof value === 'function' || types.isProxy(value)) return
  if (value instanceof Sealed) yield value.reveal()
  else if (types.isMap(value)) for (const entry of Map.prototype.entries.call(value)) yield* entry
  else if (types.isSet(value)) yield* Set.prototype.values.call(value)
  else if (Array.isArray(value))
    for (let index = 0; index < value.length; index++) yield dataOf(value, `${index}`)
  else if (isPlain(value)) for (const name of Object.keys(value)) yield dataOf(value, name)
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** A property's value; undefined for a getter. */
function dataOf(value: object, name: string): unknown {
  return Object.getOwnPropertyDescriptor(value, name)?.value
}
