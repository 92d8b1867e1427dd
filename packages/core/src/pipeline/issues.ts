import { isOpenAt, isSecretAt, planAt } from '../schema/describe.ts'
import type { Plan } from '../schema/plan.ts'
import { SECRET_TEXT } from '../schema/secret.ts'
import { type LayerInfo, Unreadable } from '../source/source.ts'
import type { LocatedIssue } from './decode.ts'
import { parseJson } from './document.ts'
import { type ListNames, locate } from './locate.ts'
import { pathText } from './path-text.ts'
import type { Issue, Origin, Path } from './outcome.ts'
import { storedPath } from './stored-path.ts'
import { type DocumentMark, type Entry, entriesOf, TreeNode } from './tree-node.ts'

/** One layer with the name of the source it belongs to. */
export interface NamedLayer extends LayerInfo {
  readonly source: string
}

const RECEIVED_LENGTH = 80
/** Shorter ones would blot out words that have nothing to do with them. */
const SHORTEST_SCRUBBED = 3

/** Puts what is wrong with the tree as it stands into words: where, which keys, what was expected; never a secret. */
export class IssueWriter {
  readonly #plan: Plan
  readonly #root: TreeNode
  readonly #layers: readonly NamedLayer[]
  /** The texts of secrets, by the node that was judged with them inside. */
  readonly #secrets = new Map<TreeNode, readonly string[]>()
  readonly #lists: ListNames = new Map()
  /** Many issues may speak of one large document. */
  readonly #shown = new Map<unknown, string>()

  constructor(plan: Plan, root: TreeNode, layers: readonly NamedLayer[]) {
    this.#plan = plan
    this.#root = root
    this.#layers = layers
  }

  judged(issue: LocatedIssue): Issue {
    const path = issue.path.map((segment) => (typeof segment === 'number' ? segment : String(segment)))
    const { node, at } = this.holder(path) ?? { node: new TreeNode(''), at: path }
    // the branches of a union speak of what is inside it
    const hasSecret = issue.code === 'invalid_union' && planAt(this.#plan, path)?.hasSecret === true
    const isSecret = hasSecret || isSecretAt(this.#plan, path)
    const isMissing = node.leafCount === 0
    const message = isSecret ? secretMessage(issue) : this.#scrubbed(issue)
    return this.write({
      path,
      code: issue.code,
      message: isMissing && path.length > 0 ? `${message}. ${this.#whereToSet(path)}` : message,
      expected: isSecret && issue.code !== 'invalid_type' ? undefined : issue.expected,
      received: this.#received(node, at),
      origins: this.originsOf(node, at),
    })
  }

  write(issue: Omit<Issue, 'pathText'>): Issue {
    return Object.freeze({ ...issue, pathText: pathText(issue.path) })
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

  origin(layer: number, path: Path, revision: number): Origin {
    const info = this.#layers[layer]!
    const key = path.length === 0 ? trimEnd(info) : info.keyPrefix + storedPath(this.#plan, path, info)
    return { source: info.source, layer: info.name, key, revision }
  }

  /** Of a key that has no place in the tree: its path as the source wrote it. */
  rawOrigin(layer: number, path: string, revision: number): Origin {
    const info = this.#layers[layer]!
    return { source: info.source, layer: info.name, key: info.keyPrefix + path, revision }
  }

  /** What a path speaks of and the way there: its node, or the one above that came as one value with it inside. */
  holder(path: Path): { node: TreeNode; at: Path } | undefined {
    const { nodes, names } = locate(this.#plan, this.#root, path, this.#lists)
    for (let depth = names.length; depth >= 0; depth--) {
      const node = nodes[depth]!
      const isHolder = depth === path.length ? node.leafCount > 0 : node.top !== undefined
      if (isHolder) return { node, at: names.slice(0, depth) }
    }
    return undefined
  }

  #received(node: TreeNode, path: Path): string | undefined {
    const value = node.top?.value
    if (value === undefined || value instanceof Unreadable) return undefined
    if (this.#plan.hasSecret && !isOpenAt(this.#plan, path)) return SECRET_TEXT
    let text = this.#shown.get(value)
    if (text === undefined) {
      text = textOf(value)
      if (text.length > RECEIVED_LENGTH) text = `${text.slice(0, RECEIVED_LENGTH)}…`
      this.#shown.set(value, text)
    }
    return text
  }

  #whereToSet(path: Path): string {
    const { names } = locate(this.#plan, this.#root, path, this.#lists)
    const place = [...names, ...path.slice(names.length)]
    const tree = this.#layers.findLastIndex(
      (info) => info.naming === 'stored' && info.keyPrefix.endsWith('/'),
    )
    const environment = this.#layers.findIndex((info) => info.naming === 'env')
    const keys = [tree, environment]
      .filter((layer) => layer >= 0)
      .map((layer) => this.origin(layer, place, 0).key)
    return keys.length === 0 ? 'Nothing is set' : `Set ${keys.join(' or ')}`
  }

  /** The message without the secrets that its author could have put into it. */
  #scrubbed({ message, node, plan }: LocatedIssue): string {
    if (!plan.hasSecret) return message
    let texts = this.#secrets.get(node)
    if (texts === undefined) {
      texts = secretTexts(plan, node)
      this.#secrets.set(node, texts)
    }
    return texts.reduce((scrubbed, text) => scrubbed.replaceAll(text, SECRET_TEXT), message)
  }
}

/** The words of an issue may be the schema author's own, about the value; of a secret one only what type it has to be is said. */
function secretMessage({ code, expected, message }: LocatedIssue): string {
  if (code === 'unreadable') return message
  const what = code === 'invalid_type' ? `: expected ${expected}` : ` (${code})`
  return `Does not satisfy the schema${what}`
}

/** A value on one line. */
function textOf(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  const plain = (_key: string, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner)
  try {
    return JSON.stringify(value, plain) ?? String(value)
  } catch {
    // one that holds itself, or whose own code throws, may refuse `String()` too
    return Object.prototype.toString.call(value)
  }
}

/** A document at the root of a file has the file's own name as its key. */
function trimEnd(info: LayerInfo): string {
  return info.keyPrefix.length > 1 && info.keyPrefix.endsWith(info.separator)
    ? info.keyPrefix.slice(0, -info.separator.length)
    : info.keyPrefix
}

/** The texts of all secrets below a node, as they stand and as JSON would write them, longest first. */
function secretTexts(plan: Plan, top: TreeNode): string[] {
  const found = new Set<string>()
  const addAll = (value: unknown): void => {
    if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) addAll(inner)
    else if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') {
      const text = String(value)
      for (const form of [text, text.trim(), JSON.stringify(text).slice(1, -1)]) {
        if (form.length >= SHORTEST_SCRUBBED) found.add(form)
      }
      if (/^\s*[[{]/.test(text)) addAll(parseJson(text)?.value)
    }
  }
  const visit = (node: TreeNode, path: readonly string[]): void => {
    const isHolder = isSecretAt(plan, path) || planAt(plan, path)?.hasSecret === true
    if (!isHolder) return
    for (const entry of entriesOf(node)) addAll(entry.value)
    for (const child of node.children) visit(child, [...path, child.name])
  }
  visit(top, [])
  return [...found].sort((a, b) => b.length - a.length)
}
