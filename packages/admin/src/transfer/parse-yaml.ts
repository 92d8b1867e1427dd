import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  Parser,
  type Scalar,
  type YAMLMap,
} from 'yaml'
import { unreadable } from './formats.ts'
import type { PlainScalar, PlainTree } from './plain-tree.ts'

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
    const walk = new Walk(document)
    trees.push(document.contents === null ? { type: 'object', parts: [] } : walk.treeOf(document.contents, 0))
  }
  return trees
}

function composed(text: string): Generator<Document.Parsed> {
  const composer = new Composer({ version: '1.2', uniqueKeys: true, merge: false })
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
  readonly #document: Document.Parsed
  #count = 0

  constructor(document: Document.Parsed) {
    this.#document = document
  }

  treeOf(node: unknown, depth: number): PlainTree {
    if (++this.#count > MOST_NODES || depth > MOST_DEPTH)
      throw unreadable(
        `it has more than ${MOST_NODES} parts, or is nested more than ${MOST_DEPTH} levels deep`,
      )
    if (isAlias(node)) {
      const anchored = node.resolve(this.#document)
      if (anchored === undefined) throw unreadable('it has an alias without an anchor')
      return this.treeOf(anchored, depth + 1)
    }
    if (isSeq(node)) return { type: 'list', items: node.items.map((item) => this.treeOf(item, depth + 1)) }
    if (isMap(node)) return { type: 'object', parts: this.#partsOf(node, depth) }
    return scalarOf(isScalar(node) ? node : undefined)
  }

  /** Names of the map itself win, then those of the map that is merged first. */
  #partsOf({ items }: YAMLMap, depth: number): readonly (readonly [name: string, part: PlainTree])[] {
    const parts = new Map<string, PlainTree>()
    const merged: PlainTree[] = []
    for (const { key, value } of items) {
      const part = this.treeOf(value, depth + 1)
      if (!isMergeKey(key)) parts.set(nameOf(key), part)
      else merged.push(...(part.type === 'list' ? part.items : [part]))
    }
    for (const tree of merged) {
      if (tree.type !== 'object') throw unreadable('it has a merge key << with something else than objects')
      for (const [name, part] of tree.parts) if (!parts.has(name)) parts.set(name, part)
    }
    return [...parts]
  }
}

/** `<<` in quotes is a name like any other. */
function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.type === 'PLAIN' && key.source === '<<'
}

function nameOf(key: unknown): string {
  const name = isScalar(key as Node) ? (key as Scalar).value : undefined
  if (typeof name === 'string' && name !== '') return name
  if (typeof name === 'number' || typeof name === 'boolean') return (key as Scalar).source ?? String(name)
  throw unreadable('a name is empty or not a scalar')
}

function scalarOf(node: Scalar | undefined): PlainScalar {
  const value = node?.value ?? null
  if (typeof value === 'string') return { type: 'scalar', value, text: value }
  if (typeof value === 'boolean' || value === null) return { type: 'scalar', value, text: String(value) }
  const isDecimal = DECIMAL.test(node?.source ?? '')
  // Text has numbers of any size: 1E400.
  if (typeof value === 'number' && (Number.isFinite(value) || isDecimal))
    return { type: 'scalar', value, text: numberText(value, node?.source) }
  throw unreadable('it holds a scalar that is neither text, a finite number, true, false nor null')
}

/** The digits as they were written, where they are those of a decimal number. */
function numberText(value: number, source: string | undefined): string {
  return source !== undefined && DECIMAL.test(source) ? source.replace(/^\+/, '') : String(value)
}

const DECIMAL = /^[-+]?[\d.]+(?:e[-+]?\d+)?$/i
