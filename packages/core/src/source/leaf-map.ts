import type { Leaf } from './source.ts'

/** The leaf at a path, and those below it by segment. */
interface Branch {
  leaf: Leaf | undefined
  readonly below: Map<string, Branch>
}

function newBranch(): Branch {
  return { leaf: undefined, below: new Map() }
}

/** Leaves by path, into which others are merged as nested objects would be. */
export class LeafMap {
  readonly #root = newBranch()

  constructor(leaves: Iterable<Leaf>) {
    for (const leaf of leaves) this.#way(leaf.path).own.leaf = leaf
  }

  leaves(): Leaf[] {
    return leavesOf(this.#root)
  }

  /** Gives all that changed, removals first: a value takes the place of a subtree, and the other way round. `undefined` removes. */
  merge(patch: readonly Leaf[]): Leaf[] {
    const removed = new Map<string, Leaf>()
    const written = new Map<string, Leaf>()
    for (const leaf of patch) {
      const { own, above } = this.#way(leaf.path)
      // an empty object merges nothing into what is there
      if (isEmptyObject(leaf.value) && own.below.size > 0) continue
      const gone = [...leavesOf(own), ...above.flatMap(({ branch }) => branch.leaf ?? [])]
      for (const { path } of gone) {
        removed.set(path, { path, value: undefined, revision: 0 })
        written.delete(path)
      }
      own.leaf = undefined
      for (const { branch } of above) branch.leaf = undefined
      own.below.clear()
      if (leaf.value === undefined) prune(own, above)
      else {
        own.leaf = leaf
        written.set(leaf.path, leaf)
      }
    }
    return [...[...removed.values()].filter((leaf) => !written.has(leaf.path)), ...written.values()]
  }

  /** The branch at a path, made where there is none, and those above it with the segment that leads on. */
  #way(path: string): { own: Branch; above: readonly Step[] } {
    let own = this.#root
    const above: Step[] = []
    for (const segment of segmentsOf(path)) {
      above.push({ branch: own, segment })
      const next = own.below.get(segment) ?? newBranch()
      own.below.set(segment, next)
      own = next
    }
    return { own, above }
  }
}

/** A branch, and the segment of one below it. */
interface Step {
  readonly branch: Branch
  readonly segment: string
}

/** Takes away what a removal left empty. */
function prune(own: Branch, above: readonly Step[]): void {
  let last = own
  for (const { branch, segment } of above.toReversed()) {
    if (last.leaf !== undefined || last.below.size > 0) return
    branch.below.delete(segment)
    last = branch
  }
}

function leavesOf(branch: Branch, leaves: Leaf[] = []): Leaf[] {
  if (branch.leaf !== undefined) leaves.push(branch.leaf)
  for (const below of branch.below.values()) leavesOf(below, leaves)
  return leaves
}

function segmentsOf(path: string): string[] {
  return path === '' ? [] : path.split('/')
}

function isEmptyObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return (prototype === Object.prototype || prototype === null) && Object.keys(value).length === 0
}
