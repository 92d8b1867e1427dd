import { isSecretAt, planAt } from '../schema/describe.ts'
import type { Plan } from '../schema/plan.ts'
import { SECRET_TEXT } from '../schema/secret.ts'
import { type LayerInfo, Unreadable } from '../source/source.ts'
import type { LocatedIssue } from './decode.ts'
import { pathText } from './diff.ts'
import type { Issue, Origin, Path } from './outcome.ts'
import { storedPath } from './stored-path.ts'
import { type DocumentMark, type Entry, nodeAt, TreeNode } from './tree-node.ts'

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
  #secrets: readonly string[] | undefined

  constructor(plan: Plan, root: TreeNode, layers: readonly NamedLayer[]) {
    this.#plan = plan
    this.#root = root
    this.#layers = layers
  }

  judged(issue: LocatedIssue): Issue {
    const path = issue.path.map((segment) => (typeof segment === 'number' ? segment : String(segment)))
    const { node, at } = this.#holder(path)
    const isSecret = isSecretAt(this.#plan, path)
    const isMissing = node.leafCount === 0
    // what zod says of a type names types only; anything else may be the schema author's own words about the value
    const isPlain = issue.code === 'invalid_type' || issue.code === 'unreadable'
    const message =
      isSecret && !isPlain ? `Does not satisfy the schema (${issue.code})` : this.#scrub(issue.message)
    return this.write({
      path,
      code: issue.code,
      message: isMissing ? `${message}. ${this.#whereToSet(path)}` : message,
      expected: isSecret && !isPlain ? undefined : issue.expected,
      received: this.#received(node, at),
      origins: this.originsOf(node, at),
    })
  }

  write(issue: Omit<Issue, 'pathText'>): Issue {
    return Object.freeze({ ...issue, pathText: pathText(issue.path) })
  }

  /** The effective scalar at a node, or the documents spread from it, the highest first. */
  originsOf(node: TreeNode, path: Path): Origin[] {
    const top = node.entries?.at(-1)
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

  /** The node a path speaks of: itself, or the list above it that came as one value. Nothing is there for a missing one. */
  #holder(path: Path): { node: TreeNode; at: Path } {
    for (let length = path.length; length >= 0; length--) {
      const at = path.slice(0, length)
      const node = nodeAt(this.#root, at)
      if (node === undefined || node.leafCount === 0) continue
      if (length === path.length || (node.entries !== undefined && node.entries.length > 0))
        return { node, at }
    }
    return { node: new TreeNode(), at: path }
  }

  #received(node: TreeNode, path: Path): string | undefined {
    const value = node.entries?.at(-1)?.value
    if (value === undefined || value instanceof Unreadable) return undefined
    if (isSecretAt(this.#plan, path) || planAt(this.#plan, path)?.hasSecret === true) return SECRET_TEXT
    const text = this.#scrub(JSON.stringify(value) ?? String(value))
    return text.length > RECEIVED_LENGTH ? `${text.slice(0, RECEIVED_LENGTH)}…` : text
  }

  #whereToSet(path: Path): string {
    const tree = this.#layers.findLastIndex(
      (info) => info.naming === 'stored' && info.keyPrefix.endsWith('/'),
    )
    const environment = this.#layers.findIndex((info) => info.naming === 'env')
    const keys = [tree, environment]
      .filter((layer) => layer >= 0)
      .map((layer) => this.origin(layer, path, 0).key)
    return keys.length === 0 ? 'Nothing is set' : `Set ${keys.join(' or ')}`
  }

  #scrub(message: string): string {
    this.#secrets ??= this.#plan.hasSecret ? secretTexts(this.#plan, this.#root) : []
    let scrubbed = message
    for (const text of this.#secrets) scrubbed = scrubbed.replaceAll(text, SECRET_TEXT)
    return scrubbed
  }
}

/** A document at the root of a file has the file's own name as its key. */
function trimEnd(info: LayerInfo): string {
  return info.keyPrefix.length > 1 && info.keyPrefix.endsWith(info.separator)
    ? info.keyPrefix.slice(0, -info.separator.length)
    : info.keyPrefix
}

/** The texts of all secrets in the tree, longest first. */
function secretTexts(plan: Plan, root: TreeNode): string[] {
  const found = new Set<string>()
  const addAll = (value: unknown): void => {
    // the reason is for people, and quotes nothing
    if (value instanceof Unreadable) return
    if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) addAll(inner)
    else if (String(value).length >= SHORTEST_SCRUBBED && typeof value !== 'boolean') found.add(String(value))
  }
  const visit = (node: TreeNode, path: readonly string[]): void => {
    const isHolder = isSecretAt(plan, path) || planAt(plan, path)?.hasSecret === true
    if (!isHolder) return
    for (const entry of node.entries ?? []) addAll(entry.value)
    for (const [name, child] of node.children ?? []) visit(child, [...path, name])
  }
  visit(root, [])
  return [...found].sort((a, b) => b.length - a.length)
}
