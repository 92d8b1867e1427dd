import { flatten } from './flatten.ts'
import type { Leaf, Source, SourceConnection, SourceContext, SourceSink } from './source.ts'

export interface MemoryOptions {
  /** Name of the source in `status` and `explain`. Default `memory`. */
  readonly name?: string | undefined
}

/** A source that holds what the program puts into it. */
export interface MemorySource extends Source {
  /**
   * Merges nested plain objects into what is there, leaf by leaf; `undefined` removes a leaf or a whole subtree. Lists
   * and class instances replace as a whole. Is one revision; no removal made this way is guarded, since the program said so.
   */
  set(patch: object): void
  /** Puts nested plain objects in the place of all that is there. */
  replace(value: object): void
}

/**
 * Values given by the program: defaults, overrides, tests. The object is read at once and never written to. Names are
 * those of the schema; values may be typed, or text for the schema to read.
 */
export function memory(initial: object = {}, options: MemoryOptions = {}): MemorySource {
  const name = options.name ?? 'memory'
  const sinks = new Set<SourceSink>()
  let leaves = byPath(flatten(initial))
  let revision = 1

  const replaceAll = (sink: SourceSink) =>
    sink.replace({ revision, epoch: 0, layers: [[...leaves.values()]], allowRemoval: true })

  return {
    name,
    layers: [{ name, keyPrefix: '', separator: '/', naming: 'exact' }],
    isRemote: false,
    set(patch) {
      const changes = merge(leaves, flatten(patch))
      if (changes.length === 0) return
      revision++
      const update = { revision, changes: changes.map((leaf) => ({ layer: 0, leaf })), allowRemoval: true }
      for (const sink of [...sinks]) sink.patch(update)
    },
    replace(value) {
      leaves = byPath(flatten(value))
      revision++
      for (const sink of [...sinks]) replaceAll(sink)
    },
    open({ sink }: SourceContext): SourceConnection {
      sinks.add(sink)
      replaceAll(sink)
      return {
        refresh: async () => {},
        close: async () => {
          sinks.delete(sink)
        },
      }
    },
  }
}

function byPath(leaves: readonly Leaf[]): Map<string, Leaf> {
  return new Map(leaves.map((leaf) => [leaf.path, leaf]))
}

/** Puts `patch` into `leaves`, and gives all that changed, removals first: a value takes the place of a subtree, and the other way round. */
function merge(leaves: Map<string, Leaf>, patch: readonly Leaf[]): Leaf[] {
  const removed = new Map<string, Leaf>()
  const written = new Map<string, Leaf>()
  const remove = (path: string) => {
    if (leaves.delete(path)) removed.set(path, { path, value: undefined, revision: 0 })
  }
  for (const leaf of patch) {
    // a leaf that is there has nothing above or below it, so there is nothing to look for
    if (leaves.has(leaf.path) && leaf.value !== undefined && !isEmpty(leaf.value)) {
      leaves.set(leaf.path, leaf)
      written.set(leaf.path, leaf)
      continue
    }
    const below = [...leaves.keys()].filter((path) => leaf.path === '' || path.startsWith(`${leaf.path}/`))
    // an empty object merges nothing into what is there
    if (isEmpty(leaf.value) && below.length > 0) continue
    for (const path of below) remove(path)
    for (const path of ancestorsOf(leaf.path)) remove(path)
    if (leaf.value === undefined) remove(leaf.path)
    else {
      leaves.set(leaf.path, leaf)
      written.set(leaf.path, leaf)
    }
  }
  return [...[...removed.values()].filter((leaf) => !written.has(leaf.path)), ...written.values()]
}

function isEmpty(value: unknown): boolean {
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
