import { deepFrozen } from './deep-frozen.ts'
import { itemAt } from '../item-at.ts'
import { isOpenAt, isSecretAt, schemaNodeAt } from '../schema/describe.ts'
import { childSchemaNode } from '../schema/child-node.ts'
import { isScalar } from '../schema/directory.ts'
import { propertyOf } from '../schema/property-name.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import { SECRET_TEXT } from '../secret-text.ts'
import { shownKey } from '../key-text.ts'
import { shortKey, shortMessage } from '../short-text.ts'
import { type LayerInfo, Unreadable } from '../source/source.ts'
import { formOfNestedList, formsOfList } from './comma-list.ts'
import { hiddenBy } from './hidden-by.ts'
import { layerToSet } from './layer-to-set.ts'
import type { LocatedIssue } from './located-issues.ts'
import { type Holder, type ListNames, locate } from './locate.ts'
import { documentKeyOf, isAliasOf, mountOf } from './mount.ts'
import { isHeld, OpenWords, partOf } from './open-words.ts'
import { pathText } from '../format/path-text.ts'
import { receivedText } from './received-text.ts'
import type { Issue, Origin, Path } from '../issue.ts'
import { type KeysOfTree, NO_KEYS } from './keys-of-tree.ts'
import { storedPath } from './stored-path.ts'
import { type DocumentMark, type Entry, entriesOf, TreeNode } from './tree-node.ts'

/** One layer with the name of the source it belongs to. */
export interface NamedLayer extends LayerInfo {
  readonly source: string
}

/** Puts what is wrong with the tree as it stands into words: where, which keys, what was expected; never a secret. */
export class IssueWriter {
  readonly #schemaNode: SchemaNode
  readonly #root: TreeNode
  readonly #layers: readonly NamedLayer[]
  readonly #open = new OpenWords()
  readonly #fixedWords: ReadonlySet<string>
  readonly #keys: KeysOfTree
  readonly #lists: ListNames = new Map()
  /** Many issues may speak of one large document. */
  readonly #shown = new Map<unknown, string>()

  /**
   * `fixedWords`: messages that stand in the schema as they are. `keys`: what names do not say of keys.
   */
  constructor(
    schemaNode: SchemaNode,
    root: TreeNode,
    layers: readonly NamedLayer[],
    fixedWords: ReadonlySet<string> = NO_WORDS,
    keys: KeysOfTree = NO_KEYS,
  ) {
    this.#schemaNode = schemaNode
    this.#root = root
    this.#layers = layers
    this.#fixedWords = fixedWords
    this.#keys = keys
  }

  invalid(issue: LocatedIssue): Issue {
    const shown = this.#withOwnMessage(issue)
    const { path, message, code, expected } = shown ?? this.#withSafeMessage(issue)
    const { node, at } = this.holder(path) ?? { node: new TreeNode(''), at: path }
    const hiding = this.#hidingOrigin(path)
    const isMissing = node.leafCount === 0 && path.length > 0
    const covering = hiding ?? this.#coveringOrigin(node, at)
    const hint = hiding === undefined ? this.#listForms(node, at) : HIDES
    return this.write({
      path,
      code,
      message: isMissing ? `${message}. ${this.#whereToSet(path)}` : message + hint,
      expected,
      received: covering === undefined ? this.#received(node, at) : undefined,
      origins: covering === undefined ? this.originsOf(node, at) : [covering],
    })
  }

  /** The first key or the document of an object that stands where the schema has a scalar. */
  #coveringOrigin(node: TreeNode, path: Path): Origin | undefined {
    const schemaNode = node.childCount === 0 ? undefined : schemaNodeAt(this.#schemaNode, path)
    if (schemaNode === undefined || !isScalar(schemaNode)) return undefined
    let layer = node.top?.layer ?? -1
    let origin: Origin | undefined
    const visit = (at: TreeNode, names: Path): void => {
      for (const entry of at === node ? [] : entriesOf(at)) {
        if (entry.layer <= layer || !this.isNested(entry)) continue
        layer = entry.layer
        origin = this.originOf(entry, names)
      }
      for (const child of at.children) visit(child, [...names, child.name])
    }
    visit(node, path)
    return origin
  }

  /** The issue with its own message, if no secret can be in that; else undefined. */
  #withOwnMessage(issue: LocatedIssue): ShownIssue | undefined {
    const path = issue.path.map(segmentOf)
    if (issue.isOurs) {
      const { message, quoting = message } = issue
      return { ...issue, path, message: this.isOpen(path) ? quoting : message }
    }
    // The branches of a union speak of what is inside it.
    const hasSecret =
      issue.code === 'invalid_union' && schemaNodeAt(this.#schemaNode, path)?.hasSecret === true
    if (hasSecret || isSecretAt(this.#schemaNode, path)) return undefined
    if (!issue.schemaNode.hasSecret) return { ...issue, path }
    const found = this.#open.find(issue)
    return found && { ...issue, path, expected: found.expected }
  }

  /** The issue with a message of ours, as its own may contain a secret: only codes and types that zod itself defines, and known places. */
  #withSafeMessage(issue: LocatedIssue): ShownIssue {
    const code = CODES.has(issue.code) ? issue.code : 'custom'
    const expected = code === 'invalid_type' && TYPES.has(issue.expected) ? issue.expected : undefined
    const what = expected === undefined ? ` (${code})` : `: expected ${expected}`
    const message = this.#fixedWords.has(issue.message) ? issue.message : `Does not satisfy the schema${what}`
    return { path: knownPath(issue), code, message, expected }
  }

  write(issue: Omit<Issue, 'pathText'>): Issue {
    const message = shortMessage(issue.message)
    return deepFrozen({ ...issue, message, pathText: pathText(issue.path) })
  }

  /** The effective scalar at a node, or the documents spread from it, the highest first. */
  originsOf(node: TreeNode, path: Path): Origin[] {
    const { top } = node
    if (top !== undefined) return [this.originOf(top, path)]
    return (node.documents ?? []).map((document) => this.originOfDocument(document)).reverse()
  }

  originOf(entry: Entry, path: Path): Origin {
    if (entry.document !== undefined) return this.originOfDocument(entry.document)
    return this.origin(entry.layer, path, entry.revision)
  }

  originOfDocument(document: DocumentMark): Origin {
    return this.origin(document.layer, document.path, document.revision)
  }

  /** Whether an entry is part of a document, or of objects that a file or a program nests. */
  isNested({ document, layer }: Entry): boolean {
    return document !== undefined || itemAt(this.#layers, layer).isNested === true
  }

  /** Whether the value at a path may be shown: nothing is secret there, as far as the schema knows. */
  isOpen(path: Path): boolean {
    return !this.#schemaNode.hasSecret || isOpenAt(this.#schemaNode, path)
  }

  origin(layer: number, path: Path, revision: number): Origin {
    const info = itemAt(this.#layers, layer)
    const stored =
      path.length <= mountOf(info).length
        ? undefined
        : (this.#keys.variableAt(layer, path) ?? storedPath(this.#schemaNode, path, info))
    const key =
      stored === undefined
        ? (this.#keys.documentKeyAt(layer) ?? documentKeyOf(info))
        : info.keyPrefix + stored
    return { source: info.source, layer: info.name, key, revision }
  }

  /** The environment variable of a path; undefined for a layer of another kind, where the path's last name says enough. */
  variableOf(layer: number, path: Path): string | undefined {
    return itemAt(this.#layers, layer).naming === 'env' ? this.origin(layer, path, 0).key : undefined
  }

  /** The origin of a key that has no place in the tree: with its path as the source wrote it. */
  rawOrigin(layer: number, path: string, revision: number): Origin {
    const info = itemAt(this.#layers, layer)
    return { source: info.source, layer: info.name, key: shownKey(info.keyPrefix + path), revision }
  }

  /** What a path speaks of and the way there: its node, or the one above that came as one value with it inside. */
  holder(path: Path): Holder | undefined {
    const { nodes, names } = locate(this.#schemaNode, this.#root, path, this.#lists)
    const isHolder = (node: TreeNode, depth: number) =>
      depth === path.length ? node.leafCount > 0 : node.top !== undefined
    const depth = nodes.findLastIndex(isHolder)
    const node = nodes[depth]
    return node && { node, at: names.slice(0, depth), above: nodes.slice(0, depth) }
  }

  #received(node: TreeNode, path: Path): string | undefined {
    const value = node.top?.value
    if (value === undefined || value instanceof Unreadable) return undefined
    if (!this.isOpen(path)) return SECRET_TEXT
    let text = this.#shown.get(value)
    if (text === undefined) {
      text = receivedText(value)
      this.#shown.set(value, text)
    }
    return text
  }

  /** The key of a higher layer that hides what there is. */
  #hidingOrigin(path: Path): Origin | undefined {
    const { nodes, names } = locate(this.#schemaNode, this.#root, path, this.#lists)
    const hiding = names.length === path.length ? hiddenBy(nodes) : undefined
    return hiding && this.originOf(hiding.entry, names.slice(0, hiding.depth))
  }

  /** How a list is written where it came as a variable, or as a text of a file. */
  #listForms(node: TreeNode, at: Path): string {
    if (node.top === undefined) return ''
    const layer = itemAt(this.#layers, node.top.layer)
    const isVariable = layer.listsWithCommas === true
    if (!isVariable && (layer.isNested !== true || typeof node.top.value !== 'string')) return ''
    const schemaNode = schemaNodeAt(this.#schemaNode, at)
    const forms = isVariable ? formsOfList(schemaNode) : formOfNestedList(schemaNode)
    return forms === undefined ? '' : `. ${forms}`
  }

  #whereToSet(path: Path): string {
    const { names } = locate(this.#schemaNode, this.#root, path, this.#lists)
    const place = [...names, ...path.slice(names.length)]
    const tree = layerToSet(this.#layers, place, this.#keys)
    const environment = this.#layers.findIndex((info) => info.naming === 'env')
    const aliases = this.#layers.flatMap((info, layer) => (isAliasOf(place, info) ? [layer] : []))
    const keys = [...new Set([tree, environment, ...aliases])]
      .filter((layer) => layer >= 0)
      .map((layer) => {
        const { namespace = '' } = itemAt(this.#layers, layer)
        return shortKey(shownKey(namespace) + this.origin(layer, place, 0).key)
      })
    return keys.length === 0 ? 'Nothing is set' : `Set ${[...new Set(keys)].join(' or ')}`
  }
}

const HIDES = '. This key hides what lower layers have'
const NO_WORDS: ReadonlySet<string> = new Set()

type ShownIssue = Pick<Issue, 'path' | 'message' | 'code'> & { readonly expected?: string | undefined }

/** zod's, and ours. */
const CODES: ReadonlySet<string> = new Set([
  'invalid_type',
  'too_big',
  'too_small',
  'invalid_format',
  'not_multiple_of',
  'unrecognized_keys',
  'invalid_union',
  'invalid_key',
  'invalid_element',
  'invalid_value',
  'custom',
  'schema_error',
])

/** What zod may have expected. */
const TYPES: ReadonlySet<string | undefined> = new Set([
  ...['string', 'number', 'int', 'boolean', 'bigint', 'symbol', 'undefined', 'null', 'never', 'void', 'date'],
  ...[
    'array',
    'object',
    'tuple',
    'record',
    'map',
    'set',
    'file',
    'nan',
    'promise',
    'function',
    'nonoptional',
  ],
])

function segmentOf(segment: PropertyKey): string | number {
  return typeof segment === 'number' ? segment : String(segment)
}

/** The path as far as the schema or the tree has it: the schema's own code may put anything behind. */
function knownPath({ path, at, schemaNode, given }: LocatedIssue): Path {
  let below: SchemaNode | undefined = schemaNode
  let value = given?.input
  let length = at
  for (const segment of path.slice(at)) {
    const isProperty = below !== undefined && propertyOf(below, String(segment), 'properties') !== undefined
    if (!isProperty && !isHeld(value, segment)) break
    below = below === undefined ? undefined : childSchemaNode(below, String(segment))
    value = partOf(value, segment)
    length++
  }
  return path.slice(0, length).map(segmentOf)
}
