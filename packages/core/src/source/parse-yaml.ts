import { Buffer } from 'node:buffer'
import type { Document, Pair, Range, Scalar, YAMLMap } from 'yaml'
import { composeYaml, YamlProblem, YamlTooLarge } from './compose-yaml.ts'
import { documentsOfProfiles, type ProfileChoice } from './yaml-profiles.ts'
import { characterProblem } from './yaml-characters.ts'
import { integerAsWritten, scalarAsWritten, textOfScalar } from '../format/written-scalar.ts'

/** The result of parsing YAML text. The words of a problem never quote the text; its place is an offset into it. */
export type ParsedYaml =
  | { readonly type: 'value'; readonly value: unknown }
  | { readonly type: 'problem'; readonly words: string; readonly offset: number | undefined }
  | { readonly type: 'too large'; readonly words: string }

/**
 * The most values that the aliases of a text may unfold into: 20,000, and one for each character, up to 250,000. A text that
 * needs more is written to fill the memory, or to occupy the process longer than its length suggests.
 */
const UNFOLDED_PER_CHARACTER = 1
const MIN_UNFOLDED = 20_000
const MAX_UNFOLDED = 250_000
const MAX_DEPTH = 500
const MERGE = '<<'

const TAGS = 'tag:yaml.org,2002:'
/** Tags whose values a configuration can have; those of sets and ordered maps stand for no plain value. */
const COLLECTION_TAGS = [undefined, `${TAGS}map`, `${TAGS}seq`]

/**
 * Reads YAML 1.2 with merge keys. Maps come as `Map`, names as the text they were written with, numbers and booleans with
 * their text. A name given twice in one map is a problem. `undefined` for a text with nothing in it.
 *
 * @param choice given, the text may have several documents, and its value is the `DocumentStack` of those that count
 */
export async function parseYamlText(text: string, choice?: ProfileChoice): Promise<ParsedYaml> {
  const character = characterProblem(text)
  if (character !== undefined) return { type: 'problem', ...character }
  // loaded on first use: most services have no YAML, and it is the largest dependency
  const yaml = await import('yaml')
  try {
    const documents = composeYaml(yaml, text, choice !== undefined)
    // In YAML 1.1 `yes` is a boolean, `010` is eight, and `1:30` is ninety.
    const version = documents.map(({ directives }) => directives.yaml.version).find((each) => each !== '1.2')
    if (version !== undefined)
      return {
        type: 'problem',
        words: `the directive %YAML ${version}, and only YAML 1.2 is read`,
        offset: 0,
      }
    const reader = new YamlReader(yaml, text.length)
    const values = documents.map((document) => ({
      value: reader.read(document),
      offset: offsetOf(document.contents),
    }))
    const value = choice === undefined ? values[0]?.value : documentsOfProfiles(values, choice)
    return { type: 'value', value: value === null ? undefined : value }
  } catch (error) {
    if (error instanceof YamlProblem) return { type: 'problem', words: error.message, offset: error.offset }
    if (error instanceof YamlTooLarge) return { type: 'too large', words: error.message }
    // the parser calls itself for each level
    const words = error instanceof RangeError ? 'nested too deeply' : 'the parser fails'
    return { type: 'problem', words, offset: undefined }
  }
}

/** A value, and how many it holds when every alias is unfolded. */
interface Unfolded {
  readonly value: unknown
  readonly count: number
  /** How it was written, where it is a name. */
  readonly name?: string
}

/** Reads the documents of one text. */
class YamlReader {
  readonly #yaml: typeof import('yaml')
  /** The value of each anchor that was read so far; undefined while its value is being read. */
  readonly #anchors = new Map<string, Unfolded | undefined>()
  /** The parts of each map that was read, for merging. */
  readonly #parts = new WeakMap<object, ReadonlyMap<string, Unfolded>>()
  #hasAlias = false
  #depth = 0
  /** Names that merge keys went over. */
  #mergedCount = 0
  /** Values of the documents before. */
  #countBefore = 0

  readonly #mostUnfolded: number

  constructor(yaml: typeof import('yaml'), length: number) {
    this.#yaml = yaml
    this.#mostUnfolded = Math.min(MIN_UNFOLDED + length * UNFOLDED_PER_CHARACTER, MAX_UNFOLDED)
  }

  read(document: Document.Parsed): unknown {
    this.#anchors.clear()
    const { value, count } = this.#node(document.contents)
    this.#countBefore += count
    return value
  }

  #node(node: unknown): Unfolded {
    if (++this.#depth > MAX_DEPTH) throw new YamlProblem('nested too deeply', offsetOf(node))
    const unfolded = this.#anchored(node)
    this.#depth--
    return unfolded
  }

  #anchored(node: unknown): Unfolded {
    const { isAlias, isMap, isSeq, isScalar } = this.#yaml
    if (isAlias(node)) return this.#alias(node)
    const anchor = isScalar(node) || isMap(node) || isSeq(node) ? node.anchor : undefined
    if (anchor !== undefined) this.#anchors.set(anchor, undefined)
    const unfolded = this.#own(node)
    if (anchor !== undefined) this.#anchors.set(anchor, unfolded)
    if (this.#hasAlias && this.#countBefore + unfolded.count > this.#mostUnfolded)
      throw new YamlProblem('aliases that unfold into too much', offsetOf(node))
    return unfolded
  }

  #own(node: unknown): Unfolded {
    const { isMap, isSeq, isScalar } = this.#yaml
    if ((isMap(node) || isSeq(node)) && !COLLECTION_TAGS.includes(node.tag))
      throw new YamlProblem('a tag of a collection that is not a plain map or list', offsetOf(node))
    if (isMap(node)) return this.#map(node)
    if (isScalar(node)) return { value: scalarOf(node), count: 1 }
    if (!isSeq(node)) return { value: null, count: 1 }
    const items = node.items.map((item) => this.#node(item))
    return { value: items.map((item) => item.value), count: countOf(items) }
  }

  #alias(alias: { readonly source: string; readonly range?: Range | null | undefined }): Unfolded {
    this.#hasAlias = true
    const target = this.#anchors.get(alias.source)
    if (target !== undefined) return target
    const isInside = this.#anchors.has(alias.source)
    throw new YamlProblem(
      isInside ? 'aliases inside their own anchor' : 'an alias without anchor',
      offsetOf(alias),
    )
  }

  #map(node: YAMLMap): Unfolded {
    const own = new Map<string, Unfolded>()
    const merged: ReadonlyMap<string, Unfolded>[] = []
    for (const pair of node.items) {
      if (this.#isMergeKey(pair.key)) {
        merged.push(...this.#mergedMaps(pair))
        continue
      }
      const name = this.#name(pair.key)
      if (own.has(name)) throw new YamlProblem('duplicate key', offsetOf(pair.key))
      own.set(name, this.#node(pair.value))
    }
    // names of the map itself win, then those of the map merged first
    for (const map of merged) for (const [name, value] of map) if (!own.has(name)) own.set(name, value)
    const value = new Map(Array.from(own, ([name, part]) => [name, part.value]))
    this.#parts.set(value, own)
    return { value, count: countOf(own.values()) }
  }

  #isMergeKey(key: unknown): boolean {
    return this.#yaml.isScalar(key) && key.type === 'PLAIN' && key.source === MERGE
  }

  #mergedMaps({ key, value: node }: Pair): ReadonlyMap<string, Unfolded>[] {
    const { value } = this.#node(node)
    return (Array.isArray(value) ? value : [value]).map((part) => {
      const map = part instanceof Map ? this.#parts.get(part) : undefined
      if (map === undefined) throw new YamlProblem('a merge key whose value is no map', offsetOf(key))
      this.#mergedCount += map.size
      if (this.#mergedCount > this.#mostUnfolded)
        throw new YamlProblem('aliases that unfold into too much', offsetOf(key))
      return map
    })
  }

  /** A name as it is written: `1.10`, `0x1F` and `True` are names like others. */
  #name(key: unknown): string {
    if (this.#yaml.isScalar(key)) {
      const name = textOf(key)
      // the anchor is of the node, so an alias is the number and not its text
      if (key.anchor !== undefined) this.#anchors.set(key.anchor, { value: scalarOf(key), count: 1, name })
      return name
    }
    const { value, name }: Partial<Unfolded> = this.#yaml.isAlias(key) ? this.#alias(key) : {}
    const text = name ?? (typeof value === 'string' ? value : textOfScalar(value))
    if (text === undefined) throw new YamlProblem('a name that is not a scalar', offsetOf(key))
    return text
  }
}

function offsetOf(node: unknown): number | undefined {
  return (node as { range?: Range | null } | null)?.range?.[0]
}

function countOf(parts: Iterable<Unfolded>): number {
  let count = 1
  for (const part of parts) count += part.count
  return count
}

function textOf({ value, source }: Scalar): string {
  return typeof value === 'string' ? value : (source ?? '')
}

function scalarOf(scalar: Scalar): unknown {
  const { value, tag } = scalar
  const text = textOf(scalar)
  if (tag === `${TAGS}timestamp`) return text
  if (tag === `${TAGS}binary` && !isBase64(text))
    throw new YamlProblem('a !!binary that is not base64', offsetOf(scalar))
  if (typeof value === 'bigint') return integerAsWritten(value, text)
  return typeof value === 'number' || typeof value === 'boolean' ? scalarAsWritten(value, text) : value
}

/** The parser decodes what it can and drops the rest. */
function isBase64(text: string): boolean {
  const bare = text.replace(/\s/g, '')
  return Buffer.from(bare, 'base64').toString('base64') === bare
}
