import type { Issue, Path } from '../issue.ts'
import { directoriesOf, type GuardedSource, howToAllow } from './guarded-source.ts'
import type { IssueWriter } from './issue-writer.ts'
import type { LayerTree } from './layer-tree.ts'
import { pathText } from '../format/path-text.ts'
import {
  absorbedCount,
  allowedCount,
  emptied,
  goneCount,
  isForgiven,
  leafCount,
  replacedCount,
  sum,
} from './removals.ts'

/** When a removal is too large to be taken for meant. */
export interface GuardOptions {
  /** Share (0 to 1) of a source's leaves that may be removed, of those that the schema reads, as long as no directory the schema requires is emptied. Default 0.5. */
  readonly maxRemovedShare?: number
  /** Removals of fewer leaves that the schema reads than this always pass. A key that is mounted at two places is two leaves. Default 5. */
  readonly minRemoved?: number
  /** Removals within this number of milliseconds count together, as those of a loop that deletes key by key. Default 600,000. */
  readonly windowMs?: number
}

/** What is known of the accepted trees of a source. */
export interface Known {
  /** Leaves of the last one. */
  accepted: number
  /** The most leaves of any in the window. */
  peak: number
  /** A removal is rejected, and no waiting ends that. */
  isRefused: boolean
}

type WatchedLosses = GuardedSource & Readonly<Known>

/** Judges whether a source has lost too much in the staged tree, by the counts of its losses alone. */
export class RemovalJudge {
  readonly #tree: LayerTree
  readonly #options: Required<GuardOptions>

  constructor(tree: LayerTree, options: Required<GuardOptions>) {
    this.#tree = tree
    this.#options = options
  }

  /** What was removed without being allowed. */
  issuesOf(watched: WatchedLosses, writer: IssueWriter): Issue[] {
    const { maxRemovedShare, minRemoved } = this.#options
    const { losses } = this.#tree
    const losers = watched.layers.filter((layer) => losses.of(layer).lost.size > 0)
    if (losers.length === 0) return []
    const lost = sum(losers.map((layer) => losses.of(layer).lost.size))
    const allowed = allowedCount(losses, watched.layers)
    const isMuch = (count: number, of: number) => count >= minRemoved && count > of * maxRemovedShare
    const issues: Issue[] = []
    const issue = (path: Path, what: string, from: readonly number[] = losers) => {
      const origins = from.map((layer) => writer.origin(layer, path, 0))
      const message = `Removes ${what}, which is taken for an accident, so nothing newer of any source is served. Put them back, or ${howToAllow(watched, from)}`
      return writer.write({ path, code: 'guard', message, expected: undefined, received: undefined, origins })
    }
    const share = (count: number, of: number, when: string) =>
      `${count} of the ${of} leaves of ${watched.name} (${percent(count / of)}; more than ${percent(maxRemovedShare)} ${when})`
    const before = watched.accepted - allowed
    const peak = watched.peak - allowed
    if (isMuch(lost, before) || isMuch(this.#shrunkBy(watched, peak), peak)) {
      const replaced = replacedCount(this.#tree, watched.layers)
      const shrunk = this.#shrunkBy(watched, peak, replaced, absorbedCount(this.#tree, watched.layers))
      if (isMuch(lost - replaced, before)) issues.push(issue([], share(lost - replaced, before, 'at once')))
      else if (isMuch(shrunk, peak)) issues.push(issue([], share(shrunk, peak, `within ${this.#windowText}`)))
    }
    if (issues.length === 0)
      for (const { layers, gone, before } of this.#shrunkDirectories(watched)) {
        const [{ layer: name } = { layer: watched.name }] = layers.map((layer) => writer.origin(layer, [], 0))
        const part = `${gone} of the ${before} leaves of ${name} (${percent(gone / before)}; more than ${percent(maxRemovedShare)} within ${this.#windowText})`
        issues.push(issue([], part, layers))
      }
    for (const { path, count } of emptied(this.#tree, watched.layers, this.#options.minRemoved))
      issues.push(issue(path, `all ${count} leaves of ${pathText(path)}`))
    return issues
  }

  /**
   * Where the directories of a source are allowed removals each by its own command, each is judged by itself too: a small
   * one that others share would disappear in the count of the whole source.
   */
  #shrunkDirectories(watched: WatchedLosses) {
    const { maxRemovedShare, minRemoved } = this.#options
    const { losses } = this.#tree
    return directoriesOf(watched).flatMap((layers) => {
      if (!layers.some((layer) => losses.of(layer).lost.size > 0)) return []
      const gone = goneCount(losses, layers) - replacedCount(this.#tree, layers, watched.layers)
      const before = gone + sum(layers.map((layer) => losses.of(layer).count))
      return gone >= minRemoved && gone > before * maxRemovedShare ? [{ layers, gone, before }] : []
    })
  }

  /**
   * Leaves fewer than in the window's largest tree, without those that may be gone. Once that was too much, leaves that
   * come elsewhere do not make up for it. `replaced`, `absorbed`: how many of the lost leaves are; see `removals.ts`.
   */
  #shrunkBy(watched: WatchedLosses, peak: number, replaced = 0, absorbed = 0): number {
    const net = peak - leafCount(this.#tree.losses, watched.layers) - absorbed
    const isPardoned = isForgiven(this.#tree.losses, watched.layers)
    if (!watched.isRefused && !isPardoned) return net
    const gone = goneCount(this.#tree.losses, watched.layers) - replaced
    if (watched.isRefused) return isPardoned ? gone : Math.max(net, gone)
    return Math.min(net, gone)
  }

  get #windowText(): string {
    const seconds = this.#options.windowMs / 1_000
    return seconds >= 120 ? `${Math.round(seconds / 60)} minutes` : `${seconds} seconds`
  }
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
