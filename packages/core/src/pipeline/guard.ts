import { schemaNodeAt } from '../schema/describe.ts'
import { isMadeWhenAbsent } from '../schema/schema-node.ts'
import { isEmptyObject } from './document.ts'
import type { IssueWriter } from './issues.ts'
import type { LayerTree } from './layer-tree.ts'
import { namesOfLoss } from './losses.ts'
import type { Issue, Path } from './outcome.ts'
import { pathText } from './path-text.ts'
import { entriesOf, keyEntry, nodeAt, type TreeNode } from './tree-node.ts'

/** When a removal is too large to be taken for meant. */
export interface GuardOptions {
  /** Share (0 to 1) of a source's leaves that may be removed, as long as no directory the schema requires is emptied. Default 0.5. */
  readonly maxRemovedShare?: number
  /** Removals of fewer leaves than this always pass. Default 5. */
  readonly minRemoved?: number
  /** Removals within so many milliseconds count together, as those of a loop that deletes key by key. Default 600,000. */
  readonly windowMs?: number
}

/** What the guard knows of one source. */
export interface GuardedSource {
  readonly name: string
  /** Numbers of its layers in the tree. */
  readonly layers: readonly number[]
  /** The command that allows a removal, if the source has one. */
  readonly removalCommand: string | undefined
}

/** What the guard compares with, as it is kept on disk: with it a restarted process judges as the one before it would. */
export interface GuardMemory {
  /** Leaves of the last accepted tree. */
  readonly leafCount: number
  /** The most leaves of any tree accepted in the window. */
  readonly peak: number
  /** When the window began, ms since the epoch; undefined while nothing has been removed. */
  readonly since: number | undefined
  /** What was removed in the window, layer by layer. */
  readonly removed: readonly (readonly string[])[]
  /** A tree that came after it was refused, and the refusal stood. */
  readonly isRefused: boolean
}

interface Watched extends GuardedSource {
  accepted: number
  peak: number
  since: number | undefined
  /** A refusal stands, which no waiting ends. */
  isRefused: boolean
}

/**
 * Compares what is staged with what was accepted: in one change, and over all changes of a window. Refuses where a
 * source has lost too much of its leaves, or all that was in a directory which the schema requires, unless the source
 * says that it is meant. That permission covers what is gone when it comes, and nothing that goes later.
 */
export class Guard {
  readonly #tree: LayerTree
  readonly #options: Required<GuardOptions>
  readonly #sources: readonly Watched[]

  constructor(tree: LayerTree, sources: readonly GuardedSource[], options: GuardOptions) {
    this.#tree = tree
    const { maxRemovedShare = 0.5, minRemoved = 5, windowMs = 600_000 } = options
    this.#options = { maxRemovedShare, minRemoved, windowMs }
    this.#sources = sources.map((source) => ({
      ...source,
      accepted: 0,
      peak: 0,
      since: undefined,
      isRefused: false,
    }))
  }

  /** Leaves of a source that are gone; handed back to `allow` when an update that allows its own removals is staged. */
  lost(source: number): readonly ReadonlySet<string>[] {
    return this.#sources[source]!.layers.map((layer) => new Set(this.#tree.losses.of(layer).lost))
  }

  /** What a source has lost is meant: what the update itself removed, or, if it removed nothing, all that is gone. */
  allow(source: number, before: readonly ReadonlySet<string>[]): void {
    const watched = this.#sources[source]!
    const { losses } = this.#tree
    let own = 0
    for (const [index, layer] of watched.layers.entries())
      own += losses.allow(layer, (key) => !before[index]!.has(key))
    watched.peak -= own
    if (own > 0) return
    for (const layer of watched.layers) losses.allow(layer, () => true)
    this.#renew(watched, this.#countOf(watched))
  }

  /** Leaves of a source that are gone and allowed to be. */
  allowed(source: number): readonly ReadonlySet<string>[] {
    return this.#sources[source]!.layers.map((layer) => new Set(this.#tree.losses.of(layer).allowed))
  }

  /** The leaves `allowed` gave have been back for a while, and are gone again. */
  allowAgain(source: number, allowed: readonly ReadonlySet<string>[]): void {
    for (const [index, layer] of this.#sources[source]!.layers.entries()) {
      this.#tree.losses.allow(layer, (key) => allowed[index]!.has(key))
    }
  }

  /** What was removed without being allowed. `now` in ms since the epoch. */
  issues(writer: IssueWriter, now: number): Issue[] {
    return this.#sources.flatMap((watched) => {
      const { since } = watched
      const isOver = since !== undefined && !(now >= since && now - since < this.#options.windowMs)
      if (isOver && !watched.isRefused) this.#renew(watched, watched.accepted)
      const issues = this.#issuesOf(watched, writer)
      watched.isRefused = issues.length > 0
      return issues
    })
  }

  /** What was refused last was staged to try it, after a tree that was good, and is gone again. */
  takeBack(): void {
    for (const watched of this.#sources) watched.isRefused = false
  }

  /** The staged tree was accepted at `now`. */
  accept(now: number): void {
    const { losses } = this.#tree
    for (const watched of this.#sources) {
      watched.peak -= this.#standIns(watched)
      watched.accepted = this.#countOf(watched)
      watched.peak = Math.max(watched.peak, watched.accepted)
    }
    losses.accept()
    for (const watched of this.#sources) {
      const hasLost = watched.layers.some((layer) => losses.of(layer).recent.size > 0)
      watched.since = hasLost || watched.peak > watched.accepted ? (watched.since ?? now) : undefined
      watched.isRefused = false
    }
  }

  memory(source: number): GuardMemory {
    const { accepted, peak, since, isRefused, layers } = this.#sources[source]!
    const removed = layers.map((layer) => [...this.#tree.losses.of(layer).recent])
    return { leafCount: accepted, peak, since, removed, isRefused }
  }

  /** Goes on from what an earlier process remembered. */
  restore(source: number, memory: GuardMemory): void {
    const watched = this.#sources[source]!
    watched.accepted = memory.leafCount
    watched.peak = memory.peak
    watched.since = memory.since
    watched.isRefused = memory.isRefused
    for (const [index, layer] of watched.layers.entries())
      this.#tree.losses.forget(layer, memory.removed[index])
  }

  #issuesOf(watched: Watched, writer: IssueWriter): Issue[] {
    const { maxRemovedShare, minRemoved } = this.#options
    const { losses } = this.#tree
    const losers = watched.layers.filter((layer) => losses.of(layer).lost.size > 0)
    if (losers.length === 0) return []
    const lost = sum(losers.map((layer) => losses.of(layer).lost.size))
    const allowed = sum(watched.layers.map((layer) => losses.of(layer).allowed.size))
    const isMuch = (count: number, of: number) => count >= minRemoved && count > of * maxRemovedShare
    const issues: Issue[] = []
    const issue = (path: Path, what: string) => {
      const origins = losers.map((layer) => writer.origin(layer, path, 0))
      const message = `Removes ${what}, which is taken for an accident. Put them back, or ${howToAllow(watched)}`
      return writer.write({ path, code: 'guard', message, expected: undefined, received: undefined, origins })
    }
    const share = (count: number, of: number, when: string) =>
      `${count} of the ${of} leaves of ${watched.name} (${percent(count / of)}; more than ${percent(maxRemovedShare)} ${when})`
    const before = watched.accepted - allowed
    const shrunk = this.#shrunkBy(watched)
    if (isMuch(lost, before) || isMuch(shrunk, watched.peak)) {
      const kept = this.#standIns(watched)
      if (isMuch(lost - kept, before)) issues.push(issue([], share(lost - kept, before, 'at once')))
      else if (isMuch(shrunk - kept, watched.peak))
        issues.push(issue([], share(shrunk - kept, watched.peak, `within ${this.#windowText}`)))
    }
    for (const { path, count } of this.#emptied(watched, losers))
      issues.push(issue(path, `all ${count} leaves of ${pathText(path)}`))
    return issues
  }

  /** Directories that the schema requires and that this change has emptied, with how much they have lost. */
  #emptied({ layers }: Watched, losers: readonly number[]): Iterable<{ path: Path; count: number }> {
    const { losses, root, plan } = this.#tree
    const found = new Map<string, { path: Path; count: number }>()
    const all = sum(layers.map((layer) => losses.of(layer).lost.size + losses.of(layer).recent.size))
    if (all < this.#options.minRemoved) return []
    const count = (key: string, isFirst: boolean) => {
      const path = namesOfLoss(key)
      const top = path.slice(0, depthOfEmpty(root, path))
      const isSubtree = top.length > 0 && top.length < path.length
      const at = isSubtree ? schemaNodeAt(plan, top) : undefined
      if (at === undefined || !isMadeWhenAbsent(at)) return
      const id = JSON.stringify(top)
      const known = found.get(id)
      if (known !== undefined || isFirst) found.set(id, { path: top, count: (known?.count ?? 0) + 1 })
    }
    for (const layer of losers) for (const key of losses.of(layer).lost) count(key, true)
    for (const layer of layers) for (const key of losses.of(layer).recent) count(key, false)
    return [...found.values()].filter((each) => each.count >= this.#options.minRemoved)
  }

  /** Lost leaves that something stands in for: one value in the place of a whole list, or the same leaf in another layer. */
  #standIns({ layers }: Watched): number {
    const { losses, root } = this.#tree
    let count = 0
    for (const layer of layers) {
      for (const key of losses.of(layer).lost) {
        const names = namesOfLoss(key)
        const isCovered = hasValueAbove(root, names, layer)
        if (isCovered || this.#isMoved(names, layers)) count++
      }
    }
    return count
  }

  /** Leaves fewer than in the window's largest tree. Once that was too much, leaves that come elsewhere do not make up for it. */
  #shrunkBy(watched: Watched): number {
    const { losses } = this.#tree
    const net = watched.peak - this.#countOf(watched)
    if (!watched.isRefused) return net
    const gone = watched.layers.map((layer) => losses.of(layer).lost.size + losses.of(layer).recent.size)
    return Math.max(net, sum(gone))
  }

  #isMoved(names: readonly string[], layers: readonly number[]): boolean {
    const node = nodeAt(this.#tree.root, names)
    if (node === undefined) return false
    return entriesOf(node).some((entry) => layers.includes(entry.layer) && this.#tree.losses.isNew(entry))
  }

  #renew(watched: Watched, count: number): void {
    watched.peak = count
    watched.since = undefined
    for (const layer of watched.layers) this.#tree.losses.forget(layer)
  }

  #countOf({ layers }: Watched): number {
    return sum(layers.map((layer) => this.#tree.losses.of(layer).count))
  }

  get #windowText(): string {
    const seconds = this.#options.windowMs / 1_000
    return seconds >= 120 ? `${Math.round(seconds / 60)} minutes` : `${seconds} seconds`
  }
}

function howToAllow({ removalCommand }: GuardedSource): string {
  if (removalCommand !== undefined) return `say that it is meant: ${removalCommand}`
  return 'say in the same write that the removal is meant'
}

/** Whether a layer has a value of its own on the way to a place: what stood below is written there as one. */
function hasValueAbove(root: TreeNode, names: readonly string[], layer: number): boolean {
  let node: TreeNode | undefined = root
  for (const name of names) {
    if (node === undefined) return false
    const own = node.top === undefined ? undefined : keyEntry(node, layer)
    if (own !== undefined && !isEmptyObject(own.value)) return true
    node = node.child(name)
  }
  return false
}

/** How far down a path the first node without anything is. */
function depthOfEmpty(root: TreeNode, path: readonly string[]): number {
  let node: TreeNode | undefined = root
  for (let depth = 0; depth < path.length; depth++) {
    if (node === undefined || node.leafCount === 0) return depth
    node = node.child(path[depth]!)
  }
  return path.length
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}
