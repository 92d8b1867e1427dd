import {
  type Alias,
  Composer,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  Parser,
  type Scalar,
  type YAMLMap,
} from 'yaml'
import { pathText } from '@livetree/core/tools'
import type { OptionKind } from '@livetree/core/source'
import type { AdminError } from '../errors.ts'
import { unreadable } from './formats.ts'
import type { PlainScalar, PlainTree } from './plain-tree.ts'

/** Tags whose values a tree can have; those of sets, ordered maps and pairs stand for no plain value. */
const PLAIN_TAGS = [undefined, 'tag:yaml.org,2002:map', 'tag:yaml.org,2002:seq']

/** Deeper documents are refused, as the reader of files refuses them. */
const MOST_DEPTH = 100
/** Aliases may repeat what they stand for: a short text could be a tree without an end. */
const MOST_NODES = 200_000

/**
 * The documents of a YAML text; JSON is YAML too.
 *
 * @throws AdminError `unreadable`, with the line
 */
export function parseYaml(text: string): readonly PlainTree[] {
  const trees: PlainTree[] = []
  for (const document of composed(text)) {
    const problem = document.errors[0] ?? document.warnings[0]
    if (problem !== undefined) throw unreadable(`${wordsOf(problem.code)} ${at(text, problem.pos[0])}`)
    const { version } = document.directives.yaml
    if (version !== '1.2')
      throw unreadable(`it has the directive %YAML ${version}, and only YAML 1.2 is read`)
    const walk = new Walk(text)
    trees.push(
      document.contents === null ? { type: 'object', parts: [] } : walk.treeOf(document.contents, []),
    )
  }
  return trees
}

/** Whether there is nothing in a text but comments: it is no tree, not even an empty one. */
export function holdsNothing(text: string): boolean {
  return [...composed(text)].every(({ contents }) => contents === null)
}

/** What the option `document` takes. */
export const documentKind: OptionKind = {
  expected: 'the number of a document, from 1 on',
  test: (document) => Number.isInteger(document) && (document as number) >= 1,
  isShown: true,
}

/**
 * One document of a YAML text.
 *
 * @param document its number, from 1 on; undefined: the only one
 * @throws AdminError `unreadable`, also for a text of several if no number is given
 */
export function documentOf(text: string, document: number | undefined): PlainTree {
  const documents = parseYaml(text)
  const many = `it has ${documents.length} document${documents.length === 1 ? '' : 's'}`
  if (document === undefined && documents.length > 1)
    throw unreadable(`${many}: choose one by its number, \`document\`, from 1 to ${documents.length}`)
  const found = documents[(document ?? 1) - 1]
  if (found !== undefined) return found
  throw unreadable(`${many}, and no document ${document ?? 1}`)
}

function composed(text: string): Generator<Document.Parsed> {
  // The parser compares each name with all before it; Walk has a set.
  const composer = new Composer({ version: '1.2', uniqueKeys: false, merge: false, intAsBigInt: true })
  return composer.compose(tokensOf(text), true, text.length) as Generator<Document.Parsed>
}

/** Ends at the first token that is none: the parser would go on and note each character. */
function* tokensOf(text: string) {
  for (const token of new Parser().parse(text)) {
    if (token.type === 'error') throw unreadable(`${wordsOf('UNEXPECTED_TOKEN')} ${at(text, token.offset)}`)
    yield token
  }
}

/** The parser's codes that say too little. */
const WORDS: Readonly<Record<string, string>> = {
  BAD_DIRECTIVE: 'it has a directive that is not known',
  DUPLICATE_KEY: 'it gives a name twice in one object',
  RESOURCE_EXHAUSTION: 'it is nested too deeply',
  TAG_RESOLVE_FAILED: 'it has a tag that is not known, or does not fit its value',
}

/** Why a text is no YAML. The parser's own words quote the text, which may be that of a secret. */
function wordsOf(code: string): string {
  return WORDS[code] ?? `it is no YAML: ${code.toLowerCase().replaceAll('_', ' ')}`
}

function at(text: string, offset: number): string {
  return `(line ${text.slice(0, offset).split('\n').length})`
}

class Walk {
  readonly #text: string
  /** What each anchor stands for so far, in the order of the text. */
  readonly #anchors = new Map<string, Node>()
  /** What each alias stands for: an anchor may be given again after it. */
  readonly #aliased = new Map<Alias, Node>()
  /** How many aliases the walk is inside: the anchors there were met before. */
  #following = 0
  #count = 0

  constructor(text: string) {
    this.#text = text
  }

  /** @param names those that lead to the node */
  treeOf(node: unknown, names: readonly string[]): PlainTree {
    if (++this.#count > MOST_NODES || names.length > MOST_DEPTH)
      throw unreadable(
        `it has more than ${MOST_NODES} parts, or is nested more than ${MOST_DEPTH} levels deep`,
      )
    if (isAlias(node)) return this.#follow(node, names)
    this.#note(node)
    if ((isSeq(node) || isMap(node)) && !PLAIN_TAGS.includes(node.tag))
      throw this.#unheld(node, names, 'a tag of a collection that is not a plain object or list')
    if (isSeq(node))
      return {
        type: 'list',
        items: node.items.map((item, index) => this.treeOf(item, [...names, String(index)])),
      }
    if (isMap(node)) return { type: 'object', parts: this.#partsOf(node, names) }
    const scalar = scalarOf(isScalar(node) ? node : undefined)
    if (scalar !== undefined) return scalar
    throw this.#unheld(node, names, 'a scalar that is neither text, a finite number, true, false nor null')
  }

  #unheld(node: unknown, names: readonly string[], what: string): AdminError {
    const place = names.length === 0 ? 'its top' : `"${pathText(names)}"`
    return unreadable(
      `it holds ${what}, at ${place} ${this.#lineOf(node)}`,
      'Write a plain value, or text in quotes.',
    )
  }

  #note(node: unknown): void {
    if (this.#following > 0 || !isNode(node) || isAlias(node)) return
    const { anchor } = node as { readonly anchor?: string }
    if (anchor !== undefined) this.#anchors.set(anchor, node)
  }

  #follow(alias: Alias, names: readonly string[]): PlainTree {
    const node = this.#aliased.get(alias) ?? this.#anchors.get(alias.source)
    if (node === undefined) throw unreadable(`it has an alias without an anchor ${this.#lineOf(alias)}`)
    this.#aliased.set(alias, node)
    this.#following++
    const tree = this.treeOf(node, names)
    this.#following--
    return tree
  }

  /** Names of the map itself win, then those of the map that is merged first. */
  #partsOf(
    { items }: YAMLMap,
    names: readonly string[],
  ): readonly (readonly [name: string, part: PlainTree])[] {
    const parts = new Map<string, PlainTree>()
    const merged: PlainTree[] = []
    for (const { key, value } of items) {
      this.#note(key)
      const name = nameOf(key)
      const part = this.treeOf(value, [...names, name])
      if (isMergeKey(key)) {
        for (const each of part.type === 'list' ? part.items : [part]) merged.push(each)
        continue
      }
      if (parts.has(name)) throw unreadable(`${wordsOf('DUPLICATE_KEY')} ${this.#lineOf(key)}`)
      parts.set(name, part)
    }
    for (const tree of merged) {
      if (tree.type !== 'object') throw unreadable('it has a merge key << with something else than objects')
      for (const [name, part] of tree.parts) if (!parts.has(name)) parts.set(name, part)
    }
    return [...parts]
  }

  #lineOf(node: unknown): string {
    return at(this.#text, (isNode(node) ? node.range?.[0] : undefined) ?? 0)
  }
}

/** `<<` in quotes is a name like any other. */
function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.type === 'PLAIN' && key.source === '<<'
}

function nameOf(key: unknown): string {
  const name = isScalar(key as Node) ? (key as Scalar).value : undefined
  if (typeof name === 'string') return name
  if (['number', 'bigint', 'boolean'].includes(typeof name)) return (key as Scalar).source ?? String(name)
  throw unreadable('a name is no text, number, true or false')
}

/** The scalar of a node with all of its digits; undefined for one that a tree has no form for. */
function scalarOf(node: Scalar | undefined): PlainScalar | undefined {
  const value = node?.value ?? null
  if (typeof value === 'string') return { type: 'scalar', value, text: value }
  if (typeof value === 'boolean' || value === null) return { type: 'scalar', value, text: String(value) }
  if (typeof value !== 'number' && typeof value !== 'bigint') return undefined
  // The digits as they were written, where they are those of a decimal number: of any size, 1E400.
  const source = node?.source ?? ''
  const text = DECIMAL.test(source) ? source.replace(/^\+/, '') : String(value)
  return DECIMAL.test(text) ? { type: 'scalar', value: Number(text), text } : undefined
}

const DECIMAL = /^[-+]?[\d.]+(?:e[-+]?\d+)?$/i
