import type { Path } from '@livetree/core'
import type { LayerInfo } from '@livetree/core/source'
import { coverOf, isEncryptedAt, isListAt, kindAt, pathText } from '@livetree/core/tools'
import { AdminError } from '../errors.ts'
import { knownPlace } from '../tree/known-place.ts'
import type { Workspace } from '../workspace.ts'
import { isEmptyObject } from '../change/json-document.ts'
import { hasItems, itemsInOrder } from './named-items.ts'
import { type IsObjectRead, jsonList, keepsNames } from './json-lists.ts'
import type { PlainObject, PlainTree } from './plain-tree.ts'
import { leafTree } from './tree-leaves.ts'
import { coveredAt, isInList, uncoveredDocument } from './words-in-lists.ts'

/** One text of a tree, with its place. */
export interface PlacedText {
  readonly path: Path
  /** The layer whose place the path is; undefined for a text of the whole configuration. */
  readonly layer?: LayerInfo | undefined
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
 * Keys with numbers at a place of `z.json()` are the list that they are read as.
 *
 * @param options.beside texts that are left out: a list that has some of them goes by names
 */
export function nestedTree(
  workspace: Workspace,
  texts: readonly PlacedText[],
  { beside = [], isObjectRead = () => false }: NestingOptions = {},
): PlainTree {
  const nested = nestedTexts(workspace, texts)
  for (const { names } of beside) nested.nameItems(names)
  const jsonTree = (place: Path, tree: PlainObject) => {
    const list = isObjectRead(place) ? undefined : jsonList(tree)
    if (list === undefined || keepsNames(list, tree)) return list ?? tree
    if (!workspace.settings.isUntyped && !isEncryptedAt(workspace.settings.definition, place)) return list
    if (beside.length > 0) return tree
    throw unnamedRefused(place)
  }
  return nested.tree({ isNamed, jsonTree })
}

/** Envelopes are bound to the names of their keys. @throws AdminError `unwritable_value` */
function unnamedRefused(place: Path): AdminError {
  return new AdminError('unwritable_value', {
    what: `The keys of "${pathText(place)}" are a list with gaps between their numbers, what is encrypted is bound to these, and a file has an object by such names`,
    remedy: 'Set the list as a whole, or export the layer with the format etcdctl.',
  })
}

interface NestingOptions {
  readonly beside?: readonly PlacedText[]
  readonly isObjectRead?: IsObjectRead
}

/** The same, where each list is one, as a document has it. */
export function documentTree(workspace: Workspace, texts: readonly PlacedText[]): PlainTree {
  return nestedTexts(workspace, texts).tree({
    isNamed: () => false,
    jsonTree: (_, tree) => jsonList(tree) ?? tree,
  })
}

function nestedTexts(workspace: Workspace, texts: readonly PlacedText[]): NestedTree {
  const { definition, isUntyped } = workspace.settings
  const nested = new NestedTree()
  for (const { path, layer, names, text } of read(workspace, texts)) {
    // The names may be those of another place of the layer, of another length.
    const above = path.length - names.length
    const formAt = (depth: number): BranchForm => {
      const at = path.slice(0, Math.max(0, above + depth))
      const place = layer === undefined ? at : knownPlace(workspace, { path: at, layer }).path
      const isBranch = depth < names.length
      const isJson = isBranch && !isUntyped && kindAt(definition, place) === 'json'
      return { isList: isBranch && isListAt(definition, place), ...(isJson && { json: place }) }
    }
    const leaf = leafOf(workspace, path, text)
    if (leaf !== undefined) nested.put(names, leaf, formAt)
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

interface BranchForm {
  isList: boolean
  /** Its path, at a place of `z.json()` that has keys. */
  json?: Path
}

interface Branch extends BranchForm {
  readonly parts: Map<string, Branch | PlainTree>
  /** Its items go by names: some are documents, whose parts an import joins, or left out. */
  hasNamedItems: boolean
}

/** How a tree shows lists that have keys. */
interface BranchRules {
  /** Whether a list goes by the names of its items. */
  readonly isNamed: (list: Branch) => boolean
  /** What the keys at a place of `z.json()` are. */
  readonly jsonTree: (place: Path, tree: PlainObject) => PlainTree
}

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
   * @param formAt what the schema has at the given number of names
   */
  put(names: readonly string[], leaf: PlainTree, formAt: (depth: number) => BranchForm): void {
    if (names.length === 0 && leaf.type !== 'object') this.#document = leaf
    if (leaf.type === 'object' && leaf.parts.length > 0) {
      // The parts of a document go by their names, as they stand there.
      for (const [name, part] of leaf.parts) this.put([...names, name], part, formAt)
      this.nameItems(names)
      return
    }
    const last = names.at(-1)
    if (last === undefined) return
    const branch = this.#branchAt(names.slice(0, -1), formAt)
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

  tree(rules: BranchRules): PlainTree {
    return this.#document ?? treeOf(this.#top, rules)
  }

  #branchAt(names: readonly string[], formAt: (depth: number) => BranchForm): Branch {
    let branch = this.#top
    if (branch.parts.size === 0) Object.assign(branch, formAt(0))
    for (const [depth, name] of names.entries()) {
      const known = branch.parts.get(name)
      if (isBranchOf(known)) branch = known
      else {
        const made: Branch = { parts: new Map(), hasNamedItems: false, ...formAt(depth + 1) }
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

function treeOf(branch: Branch, rules: BranchRules): PlainTree {
  const parts = [...branch.parts].map(
    ([name, part]) => [name, isBranchOf(part) ? treeOf(part, rules) : part] as const,
  )
  const object = { type: 'object', parts } as const
  if (branch.json !== undefined) return rules.jsonTree(branch.json, object)
  // A name that is no number is not that of an item.
  if (!branch.isList || !hasItems(object) || rules.isNamed(branch)) return object
  return { type: 'list', items: itemsInOrder(object).map(([, item]) => item) }
}
