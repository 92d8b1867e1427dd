import type { Decoder } from './decode.ts'
import { ListLimit, sizeOfOrigin } from './issue-limit.ts'
import type { IssueWriter, NamedLayer } from './issue-writer.ts'
import type { LayerTree } from './layer-tree.ts'
import type { UnplaceableKey } from './unplaceable-keys.ts'
import { compareNames, comparePaths } from './name-order.ts'
import { nearestName, newGuessBudget } from '../nearest-name.ts'
import type { Issue, UnusedKey } from '../issue.ts'
import { pathOfVariable } from './path-of-variable.ts'
import { pathText } from '../format/path-text.ts'
import { shownKey } from '../key-text.ts'
import { type Entry, entriesOf, type TreeNode } from './tree-node.ts'
import type { UnusedNote, UnusedSpot } from './unused.ts'

/** Lists the unused keys again only when one of them may have changed, however many there are. */
export class UnusedKeyList {
  #last: FoundUnused = { keys: [], more: 0 }
  #notes: ReadonlySet<UnusedNote> = new Set()

  /** Begins a trial; what it returns takes back what was listed since. */
  beginTrial(): () => void {
    const last = this.#last
    const notes = this.#notes
    return () => {
      this.#last = last
      this.#notes = notes
    }
  }

  /** The same list as before where nothing in it changed. Keys that `isIgnored` are left out. */
  list(tree: LayerTree, decoder: Decoder, writer: IssueWriter, isIgnored: IsIgnored): FoundUnused {
    const notes = currentNotes(tree, decoder)
    const isSame = notes.length === this.#notes.size && notes.every((note) => this.#notes.has(note))
    if (isSame && !tree.unusedWatch.isTouched) return this.#last
    const spots = notes.flatMap((note) => note.spots).sort((a, b) => comparePaths(a.path, b.path))
    this.#last = unusedKeys(tree, spots, writer, isIgnored)
    this.#notes = new Set(notes)
    tree.unusedWatch.begin(spots.map((spot) => spot.node))
    return this.#last
  }
}

/** Whether a key of a layer is none of those that are reported; `key` gives it as the store has it. */
export type IsIgnored = (layer: number, key: () => string) => boolean

/** The directories of other layers of a layer's source that are inside its own. */
export function directoriesInside(layer: NamedLayer, layers: readonly NamedLayer[]): readonly string[] {
  const { source, keyPrefix, separator } = layer
  if (!keyPrefix.endsWith(separator)) return []
  const others = layers.filter((other) => other.source === source && other.keyPrefix !== keyPrefix)
  return others.map((other) => other.keyPrefix).filter((other) => other.startsWith(keyPrefix))
}

/** What the schema has no place for, as far as it is listed. */
export interface FoundUnused {
  readonly keys: readonly UnusedKey[]
  /** How many more there are. */
  readonly more: number
}

/** The whole path of a key; its text may be cut. */
const paths = new WeakMap<UnusedKey, readonly string[]>()

/** The keys that the schema has no place for, and what may have been meant: in the order of the paths, then the unplaceable. */
function unusedKeys(
  tree: LayerTree,
  spots: readonly UnusedSpot[],
  writer: IssueWriter,
  isIgnored: IsIgnored,
): FoundUnused {
  const keys: UnusedKey[] = []
  const limit = new ListLimit()
  let more = 0
  const list = (path: readonly string[], make: () => UnusedKey) => {
    if (!limit.hasRoom) {
      more++
      return
    }
    const key = make()
    keys.push(key)
    paths.set(key, path)
    limit.add(key.pathText.length + sizeOfOrigin(key.origin))
  }
  const budget = newGuessBudget()
  // a directory where a scalar is meant is one spot, and what is in it others
  const seen = new Set<Entry>()
  const add = (
    entry: Entry,
    at: readonly string[],
    path: readonly string[],
    isInside: boolean,
    didYouMean: string | undefined,
    reason?: string,
  ) => {
    if (isIgnored(entry.layer, () => writer.originOf(entry, at).key)) return
    list(path, () => {
      const origin = writer.originOf(entry, at)
      return { origin, pathText: pathText(path), isInside, didYouMean, reason }
    })
  }
  /** `meant`: the path as it may have been meant, for which `didYouMean` is the one other name. */
  const addBelow = (
    node: TreeNode,
    path: readonly string[],
    didYouMean: string | undefined,
    meant: readonly string[],
    isBelowScalar: boolean,
  ): void => {
    for (const entry of entriesOf(node)) {
      if (seen.has(entry) || (isBelowScalar && writer.isNested(entry))) continue
      seen.add(entry)
      const isInside = entry.document !== undefined
      const written = isInside ? undefined : writer.variableOf(entry.layer, path)
      if (written === undefined) {
        add(entry, path, path, isInside, didYouMean)
        continue
      }
      const split = pathOfVariable(tree.schemaNode, path, budget)
      const isMeant = split !== undefined || didYouMean !== undefined
      const variable = isMeant ? writer.variableOf(entry.layer, split ?? meant) : undefined
      // Another option of a union has the name itself.
      add(entry, path, path, isInside, variable === written ? undefined : (variable ?? didYouMean))
    }
    for (const child of node.children)
      addBelow(child, [...path, child.name], didYouMean, [...meant, child.name], isBelowScalar)
  }
  for (const { node, path, inside, known, isBelowScalar = false } of spots) {
    const didYouMean = nearestName(path.at(-1) ?? '', known, budget)
    const meant = didYouMean === undefined ? path : [...path.slice(0, -1), didYouMean]
    if (inside === undefined) addBelow(node, path, didYouMean, meant, isBelowScalar)
    else add(inside.entry, path.slice(0, inside.depth), path, true, didYouMean, inside.reason)
  }
  for (const { layer, path, revision, reason } of unplaceableInOrder(tree)) {
    if (isIgnored(layer, () => writer.rawOrigin(layer, path, revision).key)) continue
    const names = [shownKey(path)]
    list(names, () => {
      const origin = writer.rawOrigin(layer, path, revision)
      return { origin, pathText: pathText(names), isInside: false, didYouMean: undefined, reason }
    })
  }
  return { keys, more }
}

function currentNotes(tree: LayerTree, decoder: Decoder): UnusedNote[] {
  const found: UnusedNote[] = []
  for (const [holder, note] of decoder.unused) {
    if (note.spots.every((spot) => spot.node.leafCount === 0)) decoder.unused.delete(holder)
    else if (isCurrent(tree.root, note.path)) found.push(note)
  }
  return found
}

function unplaceableInOrder(tree: LayerTree): UnplaceableKey[] {
  const found = tree.unplaceable.all()
  return found.sort((a, b) => a.layer - b.layer || compareNames(a.path, b.path))
}

/** Whether what was noted at a node still holds: all above it were put together from their parts, and it was one of them. */
function isCurrent(root: TreeNode, path: readonly string[]): boolean {
  let node: TreeNode | undefined = root
  for (const name of path) {
    if (node.isDirty || !node.isComposed) return false
    node = node.child(name)
    if (node === undefined) return false
  }
  return !node.isDirty
}

/** An unused key as an issue, where the definition says that they are to be rejected. */
export function unusedIssue(key: UnusedKey, writer: IssueWriter): Issue {
  const { origin, didYouMean, reason } = key
  const meant = didYouMean === undefined ? '' : `. Did you mean "${didYouMean}"?`
  const message = `${reason === undefined ? 'The schema does not know this key' : `Has ${reason}`}${meant}`
  return writer.write({
    path: paths.get(key) ?? [],
    code: 'unused',
    message,
    expected: undefined,
    received: undefined,
    origins: [origin],
  })
}
