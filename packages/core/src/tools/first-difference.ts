import { isDeepStrictEqual, types } from 'node:util'
import type { Path } from '../issue.ts'
import { isPlainObject } from '../pipeline/document.ts'
import { Sealed, unsealed } from '../sealed.ts'

/** What a comparison leaves out. */
export interface ComparisonOptions {
  /** Names that only the wanted value has do not count. */
  readonly ignoresMore: boolean
}

/**
 * Where a value that was read differs from the wanted one, from the root of both; undefined if they are equal. Names and
 * keys count, their order does not; a property that is undefined counts as missing.
 */
export function firstDifference(
  wanted: unknown,
  read: unknown,
  options: ComparisonOptions = { ignoresMore: false },
  path: Path = [],
): Path | undefined {
  if (Object.is(wanted, read)) return undefined
  if (wanted instanceof Sealed || read instanceof Sealed)
    return firstDifference(unsealed(wanted), unsealed(read), options, path)
  if (typeof wanted !== 'object' || typeof read !== 'object' || wanted === null || read === null) return path
  const inside = (one: unknown, other: unknown, name: string | number) =>
    firstDifference(one, other, options, [...path, name])
  if (Array.isArray(wanted)) return Array.isArray(read) ? ofLists(wanted, read, path, inside) : path
  if (types.isSet(wanted)) return types.isSet(read) ? ofLists([...wanted], [...read], path, inside) : path
  if (types.isMap(wanted)) return types.isMap(read) ? ofMaps(wanted, read, path, inside) : path
  if (isPlainObject(wanted)) return isPlainObject(read) ? ofObjects(wanted, read, options, inside) : path
  return isSameInstance(wanted, read) ? undefined : path
}

type Inside = (one: unknown, other: unknown, name: string | number) => Path | undefined

function ofLists(
  wanted: readonly unknown[],
  read: readonly unknown[],
  path: Path,
  inside: Inside,
): Path | undefined {
  for (const [index, item] of wanted.entries()) {
    // optional items at the end of a tuple may be missing
    const found = inside(item, read[index], index)
    if (found !== undefined) return found
  }
  return read.length > wanted.length ? [...path, wanted.length] : undefined
}

function ofMaps(
  wanted: ReadonlyMap<unknown, unknown>,
  read: ReadonlyMap<unknown, unknown>,
  path: Path,
  inside: Inside,
): Path | undefined {
  const others = new Map(read)
  // two dates of the same time are two keys
  const dates = new Map([...read.keys()].filter(types.isDate).map((key) => [key.getTime(), key]))
  for (const [key, value] of wanted) {
    const other = types.isDate(key) ? dates.get(key.getTime()) : key
    const found = others.has(other) ? inside(value, others.get(other), nameOf(key)) : [...path, nameOf(key)]
    if (found !== undefined) return found
    others.delete(other)
  }
  const [more] = others.keys()
  return others.size > 0 ? [...path, nameOf(more)] : undefined
}

function nameOf(key: unknown): string | number {
  return typeof key === 'number' ? key : String(key)
}

function ofObjects(
  wanted: Record<string, unknown>,
  read: Record<string, unknown>,
  options: ComparisonOptions,
  inside: Inside,
): Path | undefined {
  for (const name of new Set([...Object.keys(wanted), ...Object.keys(read)])) {
    if (options.ignoresMore && !Object.hasOwn(read, name)) continue
    const found = inside(ownPart(wanted, name), ownPart(read, name), name)
    if (found !== undefined) return found
  }
  return undefined
}

function ownPart(value: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined
}

function isSameInstance(one: object, other: object): boolean {
  if (one instanceof URL && other instanceof URL) return one.href === other.href
  if (one instanceof Uint8Array && other instanceof Uint8Array) return Buffer.compare(one, other) === 0
  return isDeepStrictEqual(one, other)
}
