import { JsonNode, type JsonEntry } from './json-node.ts'

/**
 * A JSON object or list of which parts are put and removed; everything else stays as it is written. It is read once, however
 * many edits there are.
 */
export class JsonDocument {
  readonly #root: JsonNode
  readonly #blanks: readonly [before: string, after: string]
  #text: string | undefined

  private constructor(text: string) {
    const bare = text.trim()
    const start = text.indexOf(bare)
    this.#root = new JsonNode(bare)
    this.#blanks = [text.slice(0, start), text.slice(start + bare.length)]
    this.#text = text
  }

  /** Undefined for a scalar, for what is no JSON, and for what is nested deeper than any configuration, which is left as a whole. */
  static of(text: string): JsonDocument | undefined {
    if (!/^\s*[[{]/.test(text)) return undefined
    try {
      return isTooDeep(JSON.parse(text)) ? undefined : new JsonDocument(text)
    } catch {
      return undefined
    }
  }

  get text(): string {
    const [before, after] = this.#blanks
    this.#text ??= before + this.#root.text + after
    return this.#text
  }

  /** The text of a part; undefined where there is none. */
  partAt(names: readonly string[]): string | undefined {
    return this.#nodeAt(names)?.text
  }

  /** Whether an object stands there, which others can be joined with. */
  isObjectAt(names: readonly string[]): boolean {
    return this.#nodeAt(names)?.container?.isList === false
  }

  /** Whether a place is in a list, at any depth. */
  isInList(names: readonly string[]): boolean {
    return names.some((_, depth) => this.#nodeAt(names.slice(0, depth))?.container?.isList === true)
  }

  get isEmpty(): boolean {
    return this.#root.container?.entries.length === 0
  }

  get isEmptyObject(): boolean {
    return this.isObjectAt([]) && this.#root.container?.isEmpty === true
  }

  /** Marks a part as edited: `prune` removes everything inside it that no edit has put. */
  enter(names: readonly string[]): void {
    for (const entry of this.#entriesTo(names)) if (entry.touched === 'not') entry.touched = 'inside'
  }

  /**
   * Puts a part, and makes the objects above it.
   *
   * @returns false where there is no place for it: below a scalar, or beyond the end of a list
   */
  put(names: readonly string[], json: string): boolean {
    const entries = this.#entriesTo(names)
    const last = entries.at(-1)
    this.#text = undefined
    if (last !== undefined && entries.length === names.length) {
      this.enter(names)
      last.touched = 'whole'
      last.node.replace(json)
      return true
    }
    const [name = '', ...below] = names.slice(entries.length)
    const inside = below.reduceRight((part, each) => `{${JSON.stringify(each)}:${part}}`, json)
    const container = (last?.node ?? this.#root).container
    if (container === undefined || !container.add(name, inside)) return false
    this.enter(names.slice(0, entries.length))
    return true
  }

  /** Takes an object that stands in a text for that object, if the text passes a test. */
  unquote(names: readonly string[], test: (text: string) => boolean): void {
    const node = this.#nodeAt(names)
    if (node?.text.startsWith('"') !== true) return
    const text = JSON.parse(node.text) as string
    if (JsonDocument.of(text)?.isObjectAt([]) !== true || !test(text)) return
    this.#text = undefined
    node.replace(text.trim())
  }

  /** Removes a part, if there is one. */
  remove(names: readonly string[]): void {
    this.#text = undefined
    this.#nodeAt(names.slice(0, -1))?.container?.remove(names.at(-1) ?? '')
  }

  /** Replaces each scalar by the JSON that `change` returns. */
  mapScalars(change: (names: readonly string[], json: string) => string): void {
    this.mapLeaves((names, json) => (/^[[{]/.test(json) ? json : change(names, json)))
  }

  /** The same for scalars, and for the lists and objects inside that are empty. */
  mapLeaves(change: (names: readonly string[], json: string) => string): void {
    this.#text = undefined
    const visit = (node: JsonNode, names: readonly string[]) => {
      const { container, text } = node
      const isLeaf = container === undefined || (container.entries.length === 0 && names.length > 0)
      if (isLeaf) node.replace(change(names, text))
      else for (const [name, below] of container.entries) visit(below, [...names, name])
    }
    visit(this.#root, [])
  }

  /** Removes what no edit has put. */
  prune(): void {
    this.#text = undefined
    this.#root.container?.prune()
  }

  #nodeAt(names: readonly string[]): JsonNode | undefined {
    const entries = this.#entriesTo(names)
    return entries.length === names.length ? (entries.at(-1)?.node ?? this.#root) : undefined
  }

  /** The entries that lead to a part, as far as there are any. */
  #entriesTo(names: readonly string[]): readonly JsonEntry[] {
    const entries: JsonEntry[] = []
    let node = this.#root
    for (const name of names) {
      const entry = node.container?.find(name)
      if (entry === undefined) return entries
      entries.push(entry)
      node = entry.node
    }
    return entries
  }
}

/** A document in a key above a path, and the names that lead from it to the path. */
export interface Holder {
  readonly key: string
  readonly document: JsonDocument
  readonly names: readonly string[]
}

/** Whether a text is an object without parts. Where other keys are below it, it says only that there is one. */
export function isEmptyObject(text: string): boolean {
  return /^\s*\{\s*\}\s*$/.test(text)
}

/** Instances refuse what is nested more than 100 levels deep; here, each level takes some of the call stack. */
const MOST_LEVELS = 500

function isTooDeep(value: unknown): boolean {
  let level = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MOST_LEVELS) return true
    level = level.flatMap((each) => (typeof each === 'object' && each !== null ? Object.values(each) : []))
  }
  return false
}
