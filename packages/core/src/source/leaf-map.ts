import type { Leaf } from './source.ts'

/** Leaves by path, into which others are merged as nested objects would be. */
export class LeafMap {
  readonly #leaves: Map<string, Leaf>

  constructor(leaves: Iterable<Leaf>) {
    this.#leaves = new Map([...leaves].map((leaf) => [leaf.path, leaf]))
  }

  leaves(): Leaf[] {
    return [...this.#leaves.values()]
  }

  /** Gives all that changed, removals first: a value takes the place of a subtree, and the other way round. `undefined` removes. */
  merge(patch: readonly Leaf[]): Leaf[] {
    const removed = new Map<string, Leaf>()
    const written = new Map<string, Leaf>()
    const remove = (path: string) => {
      if (this.#leaves.delete(path)) removed.set(path, { path, value: undefined, revision: 0 })
    }
    const write = (leaf: Leaf) => {
      this.#leaves.set(leaf.path, leaf)
      written.set(leaf.path, leaf)
    }
    for (const leaf of patch) {
      // a leaf that is there has nothing above or below it, so there is nothing to look for
      if (this.#leaves.has(leaf.path) && leaf.value !== undefined && !isEmptyObject(leaf.value)) {
        write(leaf)
        continue
      }
      const below = this.#below(leaf.path)
      // an empty object merges nothing into what is there
      if (isEmptyObject(leaf.value) && below.length > 0) continue
      for (const path of [...below, ...ancestorsOf(leaf.path)]) remove(path)
      if (leaf.value === undefined) remove(leaf.path)
      else write(leaf)
    }
    return [...[...removed.values()].filter((leaf) => !written.has(leaf.path)), ...written.values()]
  }

  #below(path: string): string[] {
    return [...this.#leaves.keys()].filter((other) => path === '' || other.startsWith(`${path}/`))
  }
}

function isEmptyObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return (prototype === Object.prototype || prototype === null) && Object.keys(value).length === 0
}

/** `a/b/c` has `''`, `a`, `a/b`. */
function ancestorsOf(path: string): string[] {
  if (path === '') return []
  const segments = path.split('/')
  return segments.map((_, index) => segments.slice(0, index).join('/'))
}
