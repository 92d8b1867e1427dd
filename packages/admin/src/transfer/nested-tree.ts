import type { Path } from '@livetree/core'
import { coverOf, isListAt, kindAt } from '@livetree/core/tools'
import type { Workspace } from '../workspace.ts'
import { isEmptyObject } from '../change/json-document.ts'
import { hasItems, itemsInOrder } from './named-items.ts'
import type { PlainTree } from './plain-tree.ts'
import { leafTree } from './tree-leaves.ts'
import { coveredAt, isInList, uncoveredDocument } from './words-in-lists.ts'

/** One text of a tree, with its place. */
export interface PlacedText {
  readonly path: Path
  /** The names on the way, as a file or a store has them. */
  readonly names: readonly string[]
  readonly key: string
  readonly text: string
}

/**
 * Texts as nested objects, of what an import writes as the same texts, in the names that a file has. A list with a key for each item
 * is a list where these go from 0 on without a gap and nothing in it goes by names, and else an object of the names of its keys: an
 * import finds each item again, and encrypted values are bound to these names.
 *
 * @param options.beside texts that are left out: a list that has some of them goes by names
 */
export function nestedTree(
  workspace: Workspace,
  texts: readonly PlacedText[],
  { beside = [] }: { readonly beside?: readonly PlacedText[] } = {},
): PlainTree {
  const nested = nestedTexts(workspace, texts)
  for (const { names } of beside) nested.nameItems(names)
  return nested.tree(isNamed)
}

/** The same, where each list is one, as a document has it. */
export function documentTree(workspace: Workspace, texts: readonly PlacedText[]): PlainTree {
  return nestedTexts(workspace, texts).tree(() => false)
}

function nestedTexts(workspace: Workspace, texts: readonly PlacedText[]): NestedTree {
  const { definition } = workspace.settings
  const nested = new NestedTree()
  for (const { path, names, text } of read(workspace, texts)) {
    const above = path.length - names.length
    const isList = (depth: number) =>
      depth < names.length && isListAt(definition, path.slice(0, above + depth))
    const leaf = leafOf(workspace, path, text)
    if (leaf !== undefined) nested.put(names, leaf, isList)
    // A document of which words have left nothing is joined as others are.
    if (leaf?.type === 'object' && coverOf(text) === undefined && !isEmptyObject(text))
      nested.nameItems(names)
  }
  return nested
}

/** The texts without those below a key that has a scalar of the schema, which the schema does not know and nothing reads. */
function read({ settings }: Workspace, texts: readonly PlacedText[]): readonly PlacedText[] {
  const { definition, isUntyped } = settings
  if (isUntyped) return texts
  const byKey = new Map(texts.map((each) => [each.key, each]))
  const isBelowScalar = ({ key }: PlacedText) => {
    for (let slash = key.lastIndexOf('/'); slash > 0; slash = key.lastIndexOf('/', slash - 1)) {
      const above = byKey.get(key.slice(0, slash))
      if (above !== undefined && kindAt(definition, above.path) === 'scalar') return true
    }
    return false
  }
  return texts.filter((each) => !isBelowScalar(each))
}

/**
 * What a key holds. In a list, which one layer supplies whole, a word that hides lower layers leaves nothing, or what is empty: one
 * that is the text of the key, or stands in the objects of its document.
 */
export function leafOf(workspace: Workspace, path: Path, text: string): PlainTree | undefined {
  const { definition, isUntyped } = workspace.settings
  if (isUntyped || !isInList(workspace, path)) return leafTree(workspace, path, text)
  const cover = coverOf(text)
  if (cover !== undefined) return coveredAt(definition, path, cover)
  return uncoveredDocument(workspace, path, text) ?? leafTree(workspace, path, text)
}

interface Branch {
  readonly parts: Map<string, Branch | PlainTree>
  isList: boolean
  /** Its items go by names: some are documents, whose parts an import joins, or left out. */
  hasNamedItems: boolean
}

/** Whether a list goes by the names of its items. */
type IsNamed = (list: Branch) => boolean

function isNamed({ parts, isList, hasNamedItems }: Branch): boolean {
  if (
    isList &&
    (hasNamedItems || [...parts.keys()].some((name) => Number(name) >= parts.size || !isIndex(name)))
  )
    return true
  return [...parts.values()].some((part) => isBranchOf(part) && isNamed(part))
}

function isIndex(name: string): boolean {
  return /^(?:0|[1-9]\d*)$/.test(name)
}

/** Builds nested objects from leaves. */
class NestedTree {
  readonly #top: Branch = { parts: new Map(), isList: false, hasNamedItems: false }
  #document: PlainTree | undefined

  /**
   * Adds a leaf. A document that stands where other leaves have put names is joined with them, as layers are.
   *
   * @param isListAt whether the schema has a list at the given number of names
   */
  put(names: readonly string[], leaf: PlainTree, isListAt: (depth: number) => boolean): void {
    if (names.length === 0 && leaf.type !== 'object') this.#document = leaf
    if (leaf.type === 'object' && leaf.parts.length > 0) {
      // The parts of a document go by their names, as they stand there.
      for (const [name, part] of leaf.parts) this.put([...names, name], part, isListAt)
      this.nameItems(names)
      return
    }
    const last = names.at(-1)
    if (last === undefined) return
    const branch = this.#branchAt(names.slice(0, -1), isListAt)
    const isBranch = isBranchOf(branch.parts.get(last))
    // An empty object says only that there is one.
    if (!isBranch || leaf.type !== 'object') branch.parts.set(last, leaf)
  }

  /** Says that the items of the lists above a place go by names. */
  nameItems(names: readonly string[]): void {
    let branch: Branch | PlainTree | undefined = this.#top
    for (const name of names) {
      if (!isBranchOf(branch)) return
      branch.hasNamedItems = true
      branch = branch.parts.get(name)
    }
  }

  tree(isByNames: IsNamed): PlainTree {
    return this.#document ?? treeOf(this.#top, isByNames)
  }

  #branchAt(names: readonly string[], isListAt: (depth: number) => boolean): Branch {
    let branch = this.#top
    if (branch.parts.size === 0) branch.isList = isListAt(0)
    for (const [depth, name] of names.entries()) {
      const known = branch.parts.get(name)
      if (isBranchOf(known)) branch = known
      else {
        const made: Branch = { parts: new Map(), isList: isListAt(depth + 1), hasNamedItems: false }
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

function treeOf(branch: Branch, isByNames: IsNamed): PlainTree {
  const parts = [...branch.parts].map(
    ([name, part]) => [name, isBranchOf(part) ? treeOf(part, isByNames) : part] as const,
  )
  const object = { type: 'object', parts } as const
  // A name that is no number is not that of an item.
  if (!branch.isList || !hasItems(object) || isByNames(branch)) return object
  return { type: 'list', items: itemsInOrder(object).map(([, item]) => item) }
}
