import type { Path } from '@livetree/core'
import { kindAt } from '@livetree/core/tools'
import type { Workspace } from '../workspace.ts'
import type { PlainTree } from './plain-tree.ts'
import { leafTree } from './tree-leaves.ts'

/** One text of a tree, with its place. */
export interface PlacedText {
  readonly path: Path
  /** The names on the way, as a file or a store has them. */
  readonly names: readonly string[]
  readonly key: string
  readonly text: string
}

/** Texts as nested objects, of what an import writes as the same texts, in the names that a file has. */
export function nestedTree(workspace: Workspace, texts: readonly PlacedText[]): PlainTree {
  const { definition } = workspace.settings
  const nested = new NestedTree()
  for (const { path, names, text } of texts) {
    const above = path.length - names.length
    const isListAt = (depth: number) => kindAt(definition, path.slice(0, above + depth)) === 'list'
    nested.put(names, leafTree(workspace, path, text), isListAt)
  }
  return nested.tree
}

interface Branch {
  readonly parts: Map<string, Branch | PlainTree>
  isList: boolean
}

/** The parts of a document go by their names, as they stand there. */
function hasNoLists(): boolean {
  return false
}

/** Builds nested objects from leaves. */
class NestedTree {
  readonly #top: Branch = { parts: new Map(), isList: false }
  #document: PlainTree | undefined

  /**
   * Adds a leaf. A document that stands where other leaves have put names is joined with them, as layers are.
   *
   * @param isListAt whether the schema has a list at the given number of names
   */
  put(names: readonly string[], leaf: PlainTree, isListAt: (depth: number) => boolean): void {
    if (names.length === 0 && leaf.type !== 'object') this.#document = leaf
    if (leaf.type === 'object' && leaf.parts.length > 0) {
      for (const [name, part] of leaf.parts) this.put([...names, name], part, hasNoLists)
      return
    }
    const last = names.at(-1)
    if (last === undefined) return
    const branch = this.#branchAt(names.slice(0, -1), isListAt)
    const isBranch = isBranchOf(branch.parts.get(last))
    // An empty object says only that there is one.
    if (!isBranch || leaf.type !== 'object') branch.parts.set(last, leaf)
  }

  get tree(): PlainTree {
    return this.#document ?? treeOf(this.#top)
  }

  #branchAt(names: readonly string[], isListAt: (depth: number) => boolean): Branch {
    let branch = this.#top
    if (branch.parts.size === 0) branch.isList = isListAt(0)
    for (const [depth, name] of names.entries()) {
      const known = branch.parts.get(name)
      if (isBranchOf(known)) branch = known
      else {
        const made: Branch = { parts: new Map(), isList: isListAt(depth + 1) }
        branch.parts.set(name, made)
        branch = made
      }
    }
    return branch
  }
}

function isBranchOf(part: Branch | PlainTree | undefined): part is Branch {
  return part !== undefined && !('type' in part)
}

function treeOf({ parts, isList }: Branch): PlainTree {
  const trees = [...parts].map(([name, part]) => [name, isBranchOf(part) ? treeOf(part) : part] as const)
  // A name that is no number is not that of an item.
  if (!isList || trees.some(([name]) => !/^\d+$/.test(name))) return { type: 'object', parts: trees }
  const items = trees.toSorted(([a], [b]) => Number(a) - Number(b))
  return { type: 'list', items: items.map(([, item]) => item) }
}
