import { LivetreeError } from '../errors.ts'
import type { GuardMemory, SeenTree } from '../pipeline/guard-memory.ts'
import type { WithheldLeaf } from '../pipeline/withheld.ts'
import type { Leaf } from '../source/source.ts'

/** What one layer held. */
export interface StoredLayer {
  readonly name: string
  /** Where it was mounted in the schema; undefined: at the top, or in a file of an earlier version. */
  readonly at?: string | undefined
  readonly leaves: readonly Leaf[]
  /** What was left out, since it may hold a secret or cannot be stored; undefined in files of earlier versions. */
  readonly withheld?: readonly WithheldLeaf[] | undefined
}

/** What one source held when the snapshot was taken. */
export interface StoredSource {
  readonly name: string
  readonly revision: number
  readonly epoch: number
  /** When the source last proved that nothing was missing, ms since the epoch. */
  readonly provenAt: number
  /** See `ReplaceUpdate.store`. */
  readonly store?: string | undefined
  /** What the guard remembers; undefined in files of earlier versions. */
  readonly guard?: GuardMemory | undefined
  readonly layers: readonly StoredLayer[]
}

/** The raw leaves of every remote source at the last good state; validated again by the schema before they are used. */
export interface SnapshotDocument {
  /** Name of the configuration. */
  readonly name: string
  /** The fingerprint of the schema that the snapshot was valid for. */
  readonly fingerprint: string
  readonly takenAt: number
  /** false when it was written without a key, and all that may hold a secret was left out. */
  readonly hasSecrets: boolean
  readonly sources: readonly StoredSource[]
}

/** More leaves than a document of any store has. */
const MOST_IN_DOCUMENT = 1_000_000

/** @throws Error when a source holds a value that JSON cannot carry */
export function encodeDocument(document: SnapshotDocument): Buffer {
  const sources = document.sources.map((source) => ({
    ...source,
    layers: source.layers.map(({ name, at, leaves, withheld }) => ({
      name,
      at,
      withheld: withheld?.map(({ path, revision, count }) => [path, revision, count]),
      leaves: leaves.map(({ path, value, revision }) => [path, storable(value, path), revision]),
    })),
  }))
  return Buffer.from(JSON.stringify({ ...document, sources }))
}

function storable(value: unknown, path: string): unknown {
  if (typeof value === 'string') return value
  const isPlain = JSON.stringify(value) !== undefined && isJson(value)
  if (!isPlain) throw new Error(`the value at "${path}" is not text and not JSON`)
  return value
}

function isJson(value: unknown): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (Array.isArray(value)) return value.every(isJson)
  return (
    isRecord(value) && Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every(isJson)
  )
}

/** @throws LivetreeError `snapshot_damaged` when the text is anything but a snapshot */
export function decodeDocument(bytes: Uint8Array, path: string): SnapshotDocument {
  const damaged = (what: string) =>
    new LivetreeError(
      'snapshot_damaged',
      `The snapshot ${path} cannot be used: ${what}. Delete it to have it written anew.`,
    )
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(bytes).toString())
  } catch {
    throw damaged('its content is not JSON')
  }
  const read = {
    text: (value: unknown) => {
      if (typeof value !== 'string') throw damaged('a text is missing in it')
      return value
    },
    number: (value: unknown) => {
      if (typeof value !== 'number') throw damaged('a number is missing in it')
      return value
    },
    list: (value: unknown) => {
      if (!Array.isArray(value)) throw damaged('a list is missing in it')
      return value as unknown[]
    },
    record: (value: unknown) => {
      if (!isRecord(value)) throw damaged('an object is missing in it')
      return value
    },
  }
  const leaf = (value: unknown): Leaf => {
    const [path, content, revision] = read.list(value)
    if (content === undefined) throw damaged('a value is missing in it')
    return { path: read.text(path), value: content, revision: read.number(revision) }
  }
  const withheldLeaf = (value: unknown): WithheldLeaf => {
    const [path, revision, count] = read.list(value)
    if (!isCount(count)) throw damaged('a count is wrong in it')
    return { path: read.text(path), revision: read.number(revision), count }
  }
  const layer = (value: unknown): StoredLayer => {
    const { name, at, leaves, withheld } = read.record(value)
    const place = at === undefined ? {} : { at: read.text(at) }
    return {
      name: read.text(name),
      ...place,
      leaves: read.list(leaves).map(leaf),
      ...(withheld !== undefined && { withheld: read.list(withheld).map(withheldLeaf) }),
    }
  }
  const seenTree = (value: unknown): SeenTree => {
    const { revision, store } = read.record(value)
    return { revision: read.number(revision), store: store === undefined ? undefined : read.text(store) }
  }
  const guardMemory = (value: unknown): GuardMemory => {
    const { leafCount, peak, since, removed, isRefused, allowed, seen } = read.record(value)
    return {
      leafCount: read.number(leafCount),
      peak: read.number(peak),
      since: since === undefined ? undefined : read.number(since),
      removed: read.list(removed).map((keys) => read.list(keys).map(read.text)),
      isRefused: isRefused === true,
      // An older file does not say which tree this is of, and may have none.
      allowed: seen === undefined ? [] : read.list(allowed).map((keys) => read.list(keys).map(read.text)),
      seen: seen === undefined ? undefined : seenTree(seen),
    }
  }
  const source = (value: unknown): StoredSource => {
    const { name, revision, epoch, provenAt, store, guard, layers } = read.record(value)
    return {
      name: read.text(name),
      revision: read.number(revision),
      epoch: read.number(epoch),
      provenAt: read.number(provenAt),
      store: store === undefined ? undefined : read.text(store),
      guard: guard === undefined ? undefined : guardMemory(guard),
      layers: read.list(layers).map(layer),
    }
  }
  const { name, fingerprint, takenAt, hasSecrets, sources } = read.record(parsed)
  return {
    name: read.text(name),
    fingerprint: read.text(fingerprint),
    takenAt: read.number(takenAt),
    hasSecrets: hasSecrets === true,
    sources: read.list(sources).map(source),
  }
}

/** A document has at most as many leaves as its bytes; what says more would only cost memory. */
function isCount(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MOST_IN_DOCUMENT
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
