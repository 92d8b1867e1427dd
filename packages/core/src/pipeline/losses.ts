import { decodeSegment, encodeSegment, isEmptyObject } from './document.ts'
import type { Entry } from './tree-node.ts'

/** Names of leaves of earlier accepted trees that are kept for each layer; the oldest make room. */
const MOST_RECENT = 10_000

/** What one layer has lost; each set holds paths, to be read by `namesOfLoss`. */
interface LayerLosses {
  /** Leaves there are; an empty object says only that there is a directory, and is none. */
  count: number
  /** Of the last accepted tree, gone in the staged one. */
  readonly lost: Set<string>
  /** The same, where the source has allowed it. */
  readonly allowed: Set<string>
  /** Gone in an accepted tree since the window began, and not back. */
  readonly recent: Set<string>
}

/** Tells what the staged tree has lost against the last accepted one, layer by layer. */
export class Losses {
  readonly #layers: readonly LayerLosses[]
  /** Entries that came after the last accepted tree; undefined before the first, when all did. */
  #newcomers: Set<Entry> | undefined

  constructor(layerCount: number) {
    this.#layers = Array.from({ length: layerCount }, () => ({
      count: 0,
      lost: new Set<string>(),
      allowed: new Set<string>(),
      recent: new Set<string>(),
    }))
  }

  of(layer: number): Readonly<LayerLosses> {
    return this.#layers[layer]!
  }

  isNew(entry: Entry): boolean {
    return this.#newcomers?.has(entry) === true
  }

  came(entry: Entry, names: readonly string[]): void {
    const losses = this.#layers[entry.layer]!
    losses.count += weightOf(entry)
    const { lost, allowed, recent } = losses
    const mayBeBack = lost.size > 0 || allowed.size > 0 || recent.size > 0
    const key = mayBeBack ? lossKey(names) : ''
    if (mayBeBack) recent.delete(key)
    const isBack = mayBeBack && (lost.delete(key) || allowed.delete(key))
    if (!isBack) this.#newcomers?.add(entry)
  }

  /** An entry took the place of another of its layer. */
  changed(before: Entry, entry: Entry): void {
    this.#layers[entry.layer]!.count += weightOf(entry) - weightOf(before)
    if (this.#newcomers?.delete(before) === true) this.#newcomers.add(entry)
  }

  /** `heir`: what the same layer still has there. */
  went(entry: Entry, names: readonly string[], heir: Entry | undefined): void {
    const losses = this.#layers[entry.layer]!
    losses.count -= weightOf(entry)
    if (this.#newcomers === undefined || this.#newcomers.delete(entry)) return
    if (heir !== undefined) this.#newcomers.delete(heir)
    else if (weightOf(entry) > 0) losses.lost.add(lossKey(names))
  }

  /** What a layer has lost is meant to be gone, as far as `isMeant` says so. Gives how much that is. */
  allow(layer: number, isMeant: (key: string) => boolean): number {
    const { lost, allowed } = this.#layers[layer]!
    const before = allowed.size
    for (const key of lost) {
      if (!isMeant(key)) continue
      allowed.add(key)
      lost.delete(key)
    }
    return allowed.size - before
  }

  /** The staged tree is the accepted one. */
  accept(): void {
    if (this.#newcomers === undefined) this.#newcomers = new Set()
    else this.#newcomers.clear()
    for (const { lost, allowed, recent } of this.#layers) {
      for (const key of lost) recent.add(key)
      lost.clear()
      allowed.clear()
      if (recent.size > MOST_RECENT) dropOldest(recent, recent.size - MOST_RECENT)
    }
  }

  /** What earlier trees have lost counts no more, or is what `keys` says. */
  forget(layer: number, keys: Iterable<string> = []): void {
    const { recent } = this.#layers[layer]!
    recent.clear()
    for (const key of keys) recent.add(key)
  }
}

/** A path as one text; a name that holds a slash is not two names. */
function lossKey(names: readonly string[]): string {
  return names.map((name) => `/${encodeSegment(name)}`).join('')
}

/** The path that a key of `LayerLosses` stands for. */
export function namesOfLoss(key: string): string[] {
  return key === ''
    ? []
    : key
        .slice(1)
        .split('/')
        .map((segment) => decodeSegment(segment) ?? segment)
}

function weightOf(entry: Entry): 0 | 1 {
  return isEmptyObject(entry.value) ? 0 : 1
}

function dropOldest(keys: Set<string>, count: number): void {
  let left = count
  for (const key of keys) {
    if (left-- === 0) return
    keys.delete(key)
  }
}
