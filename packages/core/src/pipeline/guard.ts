import { itemAt } from '../item-at.ts'
import type { IssueWriter } from './issue-writer.ts'
import type { GuardMemory, SeenTree } from './guard-memory.ts'
import type { GuardedSource } from './guarded-source.ts'
import type { LayerTree } from './layer-tree.ts'
import type { Issue } from '../issue.ts'
import type { EarlierMemory } from './outcome.ts'
import type { RemovalPermission, ReplaceUpdate } from '../source/source.ts'
import { type GuardOptions, type Known, RemovalJudge } from './removal-judge.ts'
import {
  absorbedCount,
  allowedCount,
  hasReplacement,
  isForgiven,
  leafCount,
  replacedIn,
  sum,
} from './removals.ts'

interface Watched extends GuardedSource, Known {
  since: number | undefined
  /** The staged tree is a fallback for the source: the guard neither checks nor accepts it. */
  isFallback: boolean
  /** A removal was allowed since the last check of a tree. */
  isAllowedAnew: boolean
  /** What an earlier process was allowed to lose; the source has not handed over a tree since. */
  remembered:
    | { readonly seen: SeenTree | undefined; readonly allowed: readonly ReadonlySet<string>[] }
    | undefined
}

/**
 * Compares what is staged with what was accepted: in one change, and over all changes of a window. Refuses where a
 * source has lost too much of its leaves, or all that was in a directory which the schema requires, unless the source
 * says that it is meant. That permission covers what is gone when it comes, and nothing that goes later.
 */
export class Guard {
  readonly #tree: LayerTree
  readonly #windowMs: number
  readonly #judge: RemovalJudge
  readonly #sources: readonly Watched[]

  constructor(tree: LayerTree, sources: readonly GuardedSource[], options: GuardOptions) {
    this.#tree = tree
    const { maxRemovedShare = 0.5, minRemoved = 5, windowMs = 600_000 } = options
    this.#windowMs = windowMs
    this.#judge = new RemovalJudge(tree, { maxRemovedShare, minRemoved, windowMs })
    this.#sources = sources.map((source) => ({
      ...source,
      accepted: 0,
      peak: 0,
      since: undefined,
      isRefused: false,
      isFallback: false,
      isAllowedAnew: false,
      remembered: undefined,
    }))
  }

  /** A whole tree of a source was staged: its own, or a fallback for it. */
  replaced(
    source: number,
    { revision, store }: Pick<ReplaceUpdate, 'revision' | 'store'>,
    isFallback: boolean,
  ): void {
    const watched = itemAt(this.#sources, source)
    const { remembered } = watched
    // Where there was nothing to compare with, what is served is compared with.
    const isKnown = watched.layers.some((layer) => this.#tree.losses.of(layer).newcomers !== undefined)
    watched.isFallback = isFallback && isKnown
    if (isFallback || remembered === undefined) return
    watched.remembered = undefined
    // It is unknown whether leaves whose removal was allowed have been back before a later tree.
    const { seen, allowed } = remembered
    if (seen?.revision === revision && seen.store === store) this.allowAgain(source, allowed)
  }

  /**
   * What a source has lost is meant, in the layers that the permission is for: what the update itself removed (by layer),
   * or, if it removed nothing from them, all that is gone.
   */
  allow(source: number, removed: readonly ReadonlySet<string>[], permission: RemovalPermission): void {
    const watched = itemAt(this.#sources, source)
    const own = watched.layers
    watched.isAllowedAnew = true
    const layers = typeof permission === 'boolean' ? own : permission.map((index) => itemAt(own, index))
    const isAll = layers.every((layer) => itemAt(removed, layer).size === 0)
    for (const layer of layers)
      this.#tree.losses.allow(layer, (key) => isAll || itemAt(removed, layer).has(key))
  }

  /** Leaves of a source that are gone and allowed to be. */
  allowed(source: number): readonly ReadonlySet<string>[] {
    return itemAt(this.#sources, source).layers.map((layer) => {
      const { allowed, forgiven } = this.#tree.losses.of(layer)
      return new Set([...allowed, ...forgiven])
    })
  }

  /** The leaves `allowed` gave have been back for a while, and are gone again. */
  allowAgain(source: number, allowed: readonly ReadonlySet<string>[]): void {
    for (const [index, layer] of itemAt(this.#sources, source).layers.entries()) {
      this.#tree.losses.allow(layer, (key) => allowed[index]?.has(key) === true)
    }
  }

  /**
   * Must be called before a tree is judged, so that a second judgement gives the same result. A permission is only for leaves
   * that are gone. Leaves that a substitute replaces, such as text that cannot be read, may or may not be meant to
   * go; and those that moved count alike with a permission and without.
   */
  settle(): void {
    for (const watched of this.#sources) {
      const { layers, isAllowedAnew } = watched
      watched.isAllowedAnew = false
      if (!isAllowedAnew) continue
      for (const layer of layers)
        this.#tree.losses.disallow(layer, (key) => hasReplacement(this.#tree, layer, key, layers))
    }
  }

  /** What was removed without being allowed. `now` in ms since the epoch. */
  issues(writer: IssueWriter, now: number): Issue[] {
    return this.#sources.flatMap((watched) => {
      const { since, isFallback } = watched
      if (isFallback) return []
      const isOver = since !== undefined && !(now >= since && now - since < this.#windowMs)
      if (isOver && !watched.isRefused) this.#renew(watched)
      const issues = this.#judge.issuesOf(watched, writer)
      if (issues.length === 0 || watched.isRefused) {
        watched.isRefused = issues.length > 0
        return issues
      }
      watched.isRefused = true
      // As it is refused, more counts: the same tree gets the same answer however often it is checked.
      return this.#judge.issuesOf(watched, writer)
    })
  }

  /** The sources with a rejected removal; to be passed to `takeBack`. */
  refused(): ReadonlySet<string> {
    return new Set(this.#sources.filter(({ isRefused }) => isRefused).map(({ name }) => name))
  }

  /** The tree that was checked last was only staged as a trial, and has been taken out again. */
  takeBack(refused: ReadonlySet<string>): void {
    for (const watched of this.#sources) watched.isRefused = refused.has(watched.name)
  }

  /** Begins a trial; what it returns restores what was known, once the staged tree holds what it held before. */
  beginTrial(): () => void {
    const before = this.#sources.map((watched) => ({ ...watched }))
    const restoreLosses = this.#tree.losses.beginTrial()
    return () => {
      restoreLosses()
      for (const [source, watched] of this.#sources.entries()) Object.assign(watched, before[source])
    }
  }

  /** The staged tree was accepted at `now`. */
  accept(now: number): void {
    for (const watched of this.#sources) if (!watched.isFallback) this.#accept(watched, now)
  }

  #accept(watched: Watched, now: number): void {
    const { losses } = this.#tree
    const { layers } = watched
    const isPardoned = isForgiven(losses, layers)
    const hasEarlier = isPardoned && layers.some((layer) => losses.earlier(layer).length > 0)
    // All layers are compared before any is accepted: a leaf that is new in one may be one that another has lost.
    const replaced = layers.map((layer) => replacedIn(this.#tree, layer, layers))
    watched.peak -= absorbedCount(this.#tree, layers) + allowedCount(losses, layers)
    watched.accepted = leafCount(losses, layers)
    for (const [index, layer] of layers.entries()) losses.accept(layer, replaced[index])
    const recent = sum(layers.map((layer) => losses.of(layer).recent.size))
    if (isPardoned) watched.peak = Math.min(watched.peak, watched.accepted + recent)
    watched.peak = Math.max(watched.peak, watched.accepted)
    // A window in which all was allowed is over.
    const since = isPardoned && !hasEarlier ? undefined : watched.since
    watched.since = recent > 0 || watched.peak > watched.accepted ? (since ?? now) : undefined
    watched.isRefused = false
    watched.isAllowedAnew = false
  }

  memory(source: number): GuardMemory {
    const { accepted, peak, since, isRefused, layers, remembered } = itemAt(this.#sources, source)
    const removed = layers.map((layer) => [...this.#tree.losses.of(layer).recent])
    const allowed = (remembered?.allowed ?? this.allowed(source)).map((keys) => [...keys])
    return { leafCount: accepted, peak, since, removed, isRefused, allowed, seen: remembered?.seen }
  }

  /** The staged tree of a source is the one that an earlier process accepted last. Goes on from what that one remembered. */
  restore(source: number, memory: EarlierMemory | undefined, now: number): void {
    const watched = itemAt(this.#sources, source)
    this.#accept(watched, now)
    for (const [index, layer] of watched.layers.entries())
      this.#tree.losses.forget(layer, memory?.removed[index])
    if (memory === undefined) return
    watched.accepted = memory.leafCount ?? watched.accepted
    watched.peak = memory.peak ?? watched.accepted + sum(memory.removed.map((keys) => keys.length))
    // A clock that was set back since then must not end the window.
    watched.since = memory.since === undefined ? undefined : Math.min(memory.since, now)
    watched.isRefused = memory.isRefused
    watched.remembered = { seen: memory.seen, allowed: memory.allowed.map((keys) => new Set(keys)) }
  }

  #renew(watched: Watched): void {
    watched.peak = watched.accepted
    watched.since = undefined
    for (const layer of watched.layers) this.#tree.losses.forget(layer)
  }
}
