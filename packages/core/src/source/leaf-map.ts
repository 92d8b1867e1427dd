import type { Leaf } from './source.ts'

/** What stands at a path, and below it by segment. */
interface Branch {
  leaf: Leaf | undefined
  readonly below: Map<string, Branch>
}

const newBranch = (): Branch => ({ leaf: undefined, below: new Map() })

/** Leaves by path, into which others are merged as nested objects would be. */
export class LeafMap {
  readonly #root = newBranch()

  constructor(leaves: Iterable<Leaf>) {
    for (const leaf of leaves) this.#trail(leaf.path).at(-1)!.leaf = leaf
  }

  leaves(): Leaf[] {
    return leavesOf(this.#root)
  }

  /** Gives all that changed, removals first: a value takes the place of a subtree, and the other way round. `undefined` removes. */
  merge(patch: readonly Leaf[]): Leaf[] {
    const removed = new Map<string, Leaf>()
    const written = new Map<string, Leaf>()
    for (const leaf of patch) {
      const trail = this.#trail(leaf.path)
      const own = trail.at(-1)!
      // an empty object merges nothing into what is there
      if (isEmptyObject(leaf.value) && own.below.size > 0) continue
      const gone = [...leavesOf(own), ...trail.slice(0, -1).flatMap((branch) => branch.leaf ?? [])]
      for (const { path } of gone) removed.set(path, { path, value: undefined, revision: 0 })
      for (const branch of trail) branch.leaf = undefined
      own.below.clear()
      if (leaf.value === undefined) this.#prune(trail, leaf.path)
      else {
        own.leaf = leaf
        written.set(leaf.path, leaf)
      }
    }
    return [...[...removed.values()].filter((leaf) => !written.has(leaf.path)), ...written.values()]
  }

  /** The way to a path, made where there is none. */
  #trail(path: string): Branch[] {
    const trail = [this.#root]
    for (const segment of segmentsOf(path)) {
      const { below } = trail.at(-1)!
      let branch = below.get(segment)
      if (branch === undefined) {
        branch = newBranch()
        below.set(segment, branch)
      }
      trail.push(branch)
    }
    return trail
  }

  /** Takes away what a removal left empty. */
  #prune(trail: readonly Branch[], path: string): void {
    const segments = segmentsOf(path)
    for (let depth = segments.length; depth > 0; depth--) {
      const { leaf, below } = trail[depth]!
      if (leaf !== undefined || below.size > 0) return
      trail[depth - 1]!.below.delete(segments[depth - 1]!)
    }
  }
}

function leavesOf(branch: Branch, leaves: Leaf[] = []): Leaf[] {
  if (branch.leaf !== undefined) leaves.push(branch.leaf)
  for (const below of branch.below.values()) leavesOf(below, leaves)
  return leaves
}

const segmentsOf = (path: string) => (path === '' ? [] : path.split('/'))

function isEmptyObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return (prototype === Object.prototype || prototype === null) && Object.keys(value).length === 0
}
