import type { PlainTree } from './plain-tree.ts'

interface Branch {
  readonly parts: Map<string, Branch | PlainTree>
  isList: boolean
}

/** Builds nested objects from leaves. */
export class NestedTree {
  readonly #top: Branch = { parts: new Map(), isList: false }
  #document: PlainTree | undefined

  /**
   * Adds a leaf. A document that stands where other leaves have put names is joined with them, as layers are.
   *
   * @param isItem its last name is the number of an item of a list
   */
  put(names: readonly string[], leaf: PlainTree, isItem: boolean): void {
    if (names.length === 0 && leaf.type !== 'object') this.#document = leaf
    if (leaf.type === 'object' && leaf.parts.length > 0) {
      for (const [name, part] of leaf.parts) this.put([...names, name], part, false)
      return
    }
    const last = names.at(-1)
    if (last === undefined) return
    const branch = this.#branchAt(names.slice(0, -1))
    const isBranch = isBranchOf(branch.parts.get(last))
    // An empty object says only that there is one.
    if (!isBranch || leaf.type !== 'object') branch.parts.set(last, leaf)
    if (isItem) branch.isList = true
  }

  get tree(): PlainTree {
    return this.#document ?? treeOf(this.#top)
  }

  #branchAt(names: readonly string[]): Branch {
    let branch = this.#top
    for (const name of names) {
      const known = branch.parts.get(name)
      if (isBranchOf(known)) branch = known
      else {
        const made: Branch = { parts: new Map(), isList: false }
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
  if (!isList) return { type: 'object', parts: trees }
  const items = trees.toSorted(([a], [b]) => Number(a) - Number(b))
  return { type: 'list', items: items.map(([, item]) => item) }
}
