import { itemAt } from '../item-at.ts'
import { decodeSegment, encodeSegment } from '../format/key-segment.ts'
import { isEmptyObject } from './document.ts'
import type { Entry } from './tree-node.ts'

/** Names of leaves of earlier accepted trees that are kept for each layer; the oldest make room. */
const MOST_RECENT = 10_000

/** What one layer has lost; each set holds paths, to be read by `namesOfLoss`. */
interface LayerLosses {
  /** Leaves there are that the schema reads; an empty object says only that there is a directory, and is none. */
  count: number
  /** Leaves of the last accepted tree that are gone in the staged one. */
  lost: Set<string>
  /** The same, where the source has allowed it. */
  allowed: Set<string>
  /** Gone in an accepted tree since the window began, and not back in one. */
  recent: Set<string>
  /** Leaves of `recent` that are back in the staged tree. */
  back: Set<string>
  /** Leaves of `recent` that are gone in the staged tree too, and whose removal the source has allowed since. */
  forgiven: Set<string>
  /** Entries that came after the last accepted tree; undefined before the first, when all did. */
  newcomers: Set<Entry> | undefined
}

/**
 * Tells what the staged tree has lost against the last accepted one, layer by layer. What is staged changes nothing that
 * is known of accepted trees; only `accept` and `forget` do.
 */
export class Losses {
  readonly #layers: readonly LayerLosses[]
  /** What an update that is being staged has removed by itself, by layer. */
  #removed: readonly Set<string>[] | undefined
  /** While entries are moved: by layer, whether those that were taken out are newcomers. */
  #moved: Map<number, boolean> | undefined

  constructor(layerCount: number) {
    this.#layers = Array.from({ length: layerCount }, () => ({
      count: 0,
      lost: new Set<string>(),
      allowed: new Set<string>(),
      recent: new Set<string>(),
      back: new Set<string>(),
      forgiven: new Set<string>(),
      newcomers: undefined,
    }))
  }

  of(layer: number): Readonly<LayerLosses> {
    return itemAt(this.#layers, layer)
  }

  isNew(entry: Entry): boolean {
    return itemAt(this.#layers, entry.layer).newcomers?.has(entry) === true
  }

  /** Leaves of a layer that earlier accepted trees of the window have lost, which are neither back nor allowed to be gone. */
  earlier(layer: number): string[] {
    const { recent, back, forgiven } = itemAt(this.#layers, layer)
    return [...recent].filter((key) => !back.has(key) && !forgiven.has(key))
  }

  /** Gives what `stage` itself removes, by layer, whether or not it was ever accepted: what it puts elsewhere is not removed. */
  removedBy(stage: () => void): readonly ReadonlySet<string>[] {
    const removed = this.#layers.map(() => new Set<string>())
    this.#removed = removed
    try {
      stage()
    } finally {
      this.#removed = undefined
    }
    return removed
  }

  /** Entries that `move` takes out and puts elsewhere are not lost. */
  moving(move: () => void): void {
    this.#moved = new Map()
    try {
      move()
    } finally {
      this.#moved = undefined
    }
  }

  came(entry: Entry, names: readonly string[]): void {
    const losses = itemAt(this.#layers, entry.layer)
    losses.count += weightOf(entry)
    if (this.#moved !== undefined) {
      if (this.#moved.get(entry.layer) !== false) losses.newcomers?.add(entry)
      return
    }
    const { lost, allowed, recent, back, forgiven, newcomers } = losses
    const removed = this.#removed?.[entry.layer]
    const mayBeBack = lost.size > 0 || allowed.size > 0 || recent.size > 0 || removed !== undefined
    const key = mayBeBack ? lossKey(names) : ''
    removed?.delete(key)
    if (mayBeBack && recent.has(key)) {
      back.add(key)
      forgiven.delete(key)
    }
    const isBack = mayBeBack && (lost.delete(key) || allowed.delete(key))
    if (!isBack) newcomers?.add(entry)
  }

  /** An entry took the place of another of its layer. */
  changed(before: Entry, entry: Entry): void {
    const losses = itemAt(this.#layers, entry.layer)
    losses.count += weightOf(entry) - weightOf(before)
    if (losses.newcomers?.delete(before) === true) losses.newcomers.add(entry)
  }

  /** `replacement`: what the same layer still has there. */
  went(entry: Entry, names: readonly string[], replacement: Entry | undefined): void {
    const losses = itemAt(this.#layers, entry.layer)
    const { back, lost, newcomers } = losses
    losses.count -= weightOf(entry)
    if (this.#moved !== undefined) {
      const isNew = newcomers?.delete(entry) !== false
      this.#moved.set(entry.layer, isNew && this.#moved.get(entry.layer) !== false)
      return
    }
    if (replacement === undefined && (this.#removed !== undefined || back.size > 0)) {
      const key = lossKey(names)
      this.#removed?.[entry.layer]?.add(key)
      back.delete(key)
    }
    if (newcomers === undefined || newcomers.delete(entry)) return
    if (replacement !== undefined) newcomers.delete(replacement)
    else if (weightOf(entry) > 0) lost.add(lossKey(names))
  }

  /** A key that has no place in the tree came (`isThere`) or went. */
  unplaceable(layer: number, path: string, isThere: boolean): void {
    if (this.#moved !== undefined) return
    const removed = this.#removed?.[layer]
    // Keys of leaves begin with a slash.
    if (isThere) removed?.delete(`?${path}`)
    else removed?.add(`?${path}`)
  }

  /** What a layer has lost is meant to be gone, as far as `isMeant` says so. */
  allow(layer: number, isMeant: (key: string) => boolean): void {
    const { lost, allowed, forgiven } = itemAt(this.#layers, layer)
    for (const key of lost) {
      if (!isMeant(key)) continue
      allowed.add(key)
      lost.delete(key)
    }
    for (const key of this.earlier(layer)) if (isMeant(key)) forgiven.add(key)
  }

  /**
   * Revokes the permission for leaves lost since the last accepted tree, where `isDoubtful` says that it is unknown
   * whether it was given for them. Leaves that an earlier accepted tree has lost stay removed.
   */
  disallow(layer: number, isDoubtful: (key: string) => boolean): void {
    const { lost, allowed } = itemAt(this.#layers, layer)
    for (const key of allowed) {
      if (!isDoubtful(key)) continue
      lost.add(key)
      allowed.delete(key)
    }
  }

  /** The staged tree of a layer is the accepted one. Of what it has lost, `replaced` is not gone. */
  accept(layer: number, replaced: readonly string[] = []): void {
    const losses = itemAt(this.#layers, layer)
    const { lost, allowed, recent, back, forgiven } = losses
    if (losses.newcomers?.size !== 0) losses.newcomers = new Set()
    for (const key of [...back, ...forgiven]) recent.delete(key)
    for (const key of replaced) lost.delete(key)
    for (const key of lost) recent.add(key)
    for (const keys of [lost, allowed, back, forgiven]) if (keys.size > 0) keys.clear()
    if (recent.size > MOST_RECENT) dropOldest(recent, recent.size - MOST_RECENT)
  }

  /** What earlier trees have lost counts no more, or is what `keys` says. */
  forget(layer: number, keys: Iterable<string> = []): void {
    // new sets, since a trial keeps the old ones
    const losses = itemAt(this.#layers, layer)
    Object.assign(losses, { recent: new Set(keys), back: new Set(), forgiven: new Set() })
  }

  /**
   * Begins a trial, which stages and does not accept; what it returns restores what was known, once the staged tree holds
   * what it held before. Costs what is lost and not accepted yet.
   */
  beginTrial(): () => void {
    const before = this.#layers.map(({ lost, allowed, recent, back, forgiven }) => ({
      lost: new Set(lost),
      allowed: new Set(allowed),
      recent,
      back: new Set(back),
      forgiven: new Set(forgiven),
    }))
    return () => {
      for (const [layer, losses] of this.#layers.entries()) Object.assign(losses, before[layer])
    }
  }
}

/** A path as one text; a name that holds a slash is not two names. */
export function lossKey(names: readonly string[]): string {
  return names.map((name) => `/${encodeSegment(name)}`).join('')
}

/** The path that a key of `LayerLosses` represents. */
export function namesOfLoss(key: string): string[] {
  return key === ''
    ? []
    : key
        .slice(1)
        .split('/')
        .map((segment) => decodeSegment(segment) ?? segment)
}

/**
 * How much an entry counts. It goes by the schema and the path alone, not by what else is there, so that a running process,
 * one that starts and a preview count the same.
 */
export function weightOf(entry: Pick<Entry, 'value' | 'isUnread'>): 0 | 1 {
  return entry.isUnread === true || isEmptyObject(entry.value) ? 0 : 1
}

function dropOldest(keys: Set<string>, count: number): void {
  let left = count
  for (const key of keys) {
    if (left-- === 0) return
    keys.delete(key)
  }
}
