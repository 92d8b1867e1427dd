import { isDeepStrictEqual, types } from 'node:util'
import { copyOfArray } from '../format/own-copy.ts'
import { isReadBytes } from './bytes-text.ts'

/**
 * A copy that cannot be written, of a value whose content `Object.freeze` does not reach: a Date, Map, Set, URL,
 * URLSearchParams, Buffer or typed array. Where `previous` says the same, that is given back instead, so that `===` means
 * unchanged. undefined for anything else: an instance of another class, also of a subclass of these, has methods that
 * nobody here knows. Bytes that were read from text for `z.instanceof` are locked themselves, of whatever class they are.
 *
 * The copy is an instance of the same class, which libraries and Node itself take as any other. Its writing methods throw,
 * and the memory of bytes is handed out as a copy only. What remains is assignment to a byte (`key[0] = 1`, a
 * compile error by `DeepReadonly`), a function that fills the bytes it is given (`crypto.randomFillSync`), and what takes
 * the inner slots by force (`Date.prototype.setTime.call(date, 0)`).
 */
export function lockedCopy(previous: unknown, next: object): object | undefined {
  if (types.isTypedArray(next)) return lockedArray(previous, next)
  switch (Object.getPrototypeOf(next)) {
    case Date.prototype:
      return isDeepStrictEqual(previous, next)
        ? (previous as Date)
        : lock(new Date(next as Date), DATE_WRITERS)
    case URL.prototype:
      return lockedUrl(previous, next as URL)
    case URLSearchParams.prototype: {
      const isSame = previous instanceof URLSearchParams && String(previous) === String(next)
      return isSame ? previous : lock(new URLSearchParams(next as URLSearchParams), PARAMETER_WRITERS)
    }
    default:
      return undefined
  }
}

export const MAP_WRITERS = ['set', 'delete', 'clear']
export const SET_WRITERS = ['add', 'delete', 'clear']
const DATE_WRITERS = Object.getOwnPropertyNames(Date.prototype).filter((name) => name.startsWith('set'))
const PARAMETER_WRITERS = ['append', 'delete', 'set', 'sort']
const URL_WRITERS = Object.entries(Object.getOwnPropertyDescriptors(URL.prototype)).filter(
  ([, { set }]) => set !== undefined,
)
const BYTE_WRITERS = /^(copyWithin|fill|reverse|set|setFrom\w+|sort|swap\d+|\w*write\w*)$/i

/** Takes methods that write away: `Object.freeze` does not reach what an object holds in its inner slots. */
export function lock<O extends object>(value: O, writers: readonly string[]): O {
  for (const name of writers) Object.defineProperty(value, name, { value: () => refuse(`call ${name}()`) })
  return Object.freeze(value)
}

function refuse(what: string): never {
  throw new TypeError(`Cannot ${what}: the configuration is immutable`)
}

function lockedUrl(previous: unknown, next: URL): URL {
  if (previous instanceof URL && previous.href === next.href) return previous
  const url = new URL(next)
  const searchParams = lock(new URLSearchParams(url.search), PARAMETER_WRITERS)
  for (const [name, { get }] of URL_WRITERS) {
    Object.defineProperty(url, name, { get: () => get?.call(url), set: () => refuse(`set ${name}`) })
  }
  return Object.freeze(Object.defineProperty(url, 'searchParams', { value: searchParams }))
}

type AnyArray = NodeJS.TypedArray

const locked = new WeakSet<object>()

function lockedArray(previous: unknown, next: AnyArray): AnyArray | undefined {
  const copy = copyOfArray(next) ?? (isReadBytes(next) ? next : undefined)
  if (copy === undefined) return undefined
  if (isDeepStrictEqual(previous, copy)) return previous as AnyArray
  // Bytes of an own class are locked in place, and may come again.
  if (locked.has(copy)) return copy
  locked.add(copy)
  for (const name of arrayWriters(copy)) {
    Object.defineProperty(copy, name, { value: () => refuse(`call ${name}()`) })
  }
  // Each call makes another copy: whoever gets one may write, transfer or wipe it.
  const view = () => copyOfArray(copy) ?? (Uint8Array.prototype.slice.call(copy) as AnyArray)
  const subarray = (begin?: number, end?: number) => view().subarray(begin, end)
  Object.defineProperties(copy, { buffer: { get: () => view().buffer }, subarray: { value: subarray } })
  if (Buffer.isBuffer(copy)) Object.defineProperty(copy, 'slice', { value: subarray })
  return Object.preventExtensions(copy)
}

function arrayWriters(array: AnyArray): Set<string> {
  const names = new Set<string>()
  for (let from = prototypeOf(array); from !== Object.prototype; from = prototypeOf(from)) {
    for (const name of Object.getOwnPropertyNames(from)) if (BYTE_WRITERS.test(name)) names.add(name)
  }
  return names
}

function prototypeOf(value: object): object {
  return Object.getPrototypeOf(value) as object
}
