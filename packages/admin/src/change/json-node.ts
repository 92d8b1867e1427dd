import { readLevel } from './json-level.ts'

/** An entry of an object or a list that is edited. */
export interface JsonEntry {
  readonly name: string
  readonly head: string
  readonly lead: string
  trail: string
  readonly node: JsonNode
  /** The entry before with the same name, which does not count. */
  readonly earlier: JsonEntry | undefined
  isRemoved: boolean
  /** What edits have done to it: nothing, something inside it, or put it as a whole. */
  touched: 'not' | 'inside' | 'whole'
}

/** A value of a document, which is only taken apart where something inside it is asked for. */
export class JsonNode {
  #text: string
  #container: JsonContainer | undefined

  /** @param text valid JSON without blanks round it */
  constructor(text: string) {
    this.#text = text
  }

  /** Its entries; undefined for a scalar. */
  get container(): JsonContainer | undefined {
    if (this.#container === undefined && /^[[{]/.test(this.#text))
      this.#container = new JsonContainer(this.#text)
    return this.#container
  }

  get text(): string {
    return this.#container?.text ?? this.#text
  }

  replace(json: string): void {
    this.#text = json
    this.#container = undefined
  }
}

/** The entries of an object or a list, to be found and edited without looking at all of them. */
export class JsonContainer {
  readonly isList: boolean
  readonly #entries: JsonEntry[] = []
  readonly #byName = new Map<string, JsonEntry>()
  readonly #blanks: string
  #count = 0

  constructor(text: string) {
    const { isList = false, entries = [], blanks = '' } = readLevel(text) ?? {}
    this.isList = isList
    this.#blanks = blanks
    for (const { value, ...entry } of entries)
      this.#push({ ...entry, node: new JsonNode(value), touched: 'not' })
  }

  /** The entries that are not removed, in their order, each with its name; of an item of a list, its number. */
  get entries(): readonly (readonly [name: string, node: JsonNode])[] {
    const entries = this.#entries.filter(({ isRemoved }) => !isRemoved)
    return entries.map(({ name, node }, index) => [this.isList ? String(index) : name, node])
  }

  get isEmpty(): boolean {
    return this.#count === 0
  }

  /** The entry that counts, which is the last one of its name. */
  find(name: string): JsonEntry | undefined {
    if (!this.isList) return this.#byName.get(name)
    const index = Number(name)
    if (String(index) !== name) return undefined
    const isWhole = this.#count === this.#entries.length
    return (isWhole ? this.#entries : this.#entries.filter(({ isRemoved }) => !isRemoved))[index]
  }

  /** Adds an entry after all others. False in a list, unless it becomes the next item. */
  add(name: string, json: string): boolean {
    if (this.isList && name !== String(this.#count)) return false
    const last = this.#entries.findLast(({ isRemoved }) => !isRemoved)
    const [lead, trail] = last === undefined ? [this.#blanks, ''] : ['', last.trail]
    if (last !== undefined) last.trail = ''
    const head = this.isList ? '' : `${JSON.stringify(name)}:`
    this.#push({ name, head, lead, trail, node: new JsonNode(json), touched: 'whole' })
    return true
  }

  /** Every entry of the name goes: an earlier one of a name that is given twice would count then. */
  remove(name: string): void {
    for (let entry = this.find(name); entry !== undefined; entry = entry.earlier) this.#drop(entry)
    this.#byName.delete(name)
  }

  /** Removes what no edit has touched, here and inside what edits have touched. The items of a list stay. */
  prune(): void {
    if (this.isList) return
    for (const entry of this.#entries) {
      if (this.#byName.get(entry.name) !== entry || entry.touched === 'not') this.#drop(entry)
      else if (entry.touched === 'inside') entry.node.container?.prune()
    }
  }

  get text(): string {
    const parts: string[] = []
    let lead: string | undefined
    let trail = ''
    for (const entry of this.#entries) {
      if (entry.isRemoved) {
        // The next entry stands where this one stood.
        lead ??= entry.lead
        trail += entry.trail
        continue
      }
      if (parts.length > 0) parts.push(',')
      parts.push(lead ?? entry.lead, entry.head, entry.node.text, entry.trail)
      lead = undefined
      trail = ''
    }
    const blanks = parts.length === 0 ? (lead ?? this.#blanks) : ''
    const inside = parts.join('') + blanks + trail
    return this.isList ? `[${inside}]` : `{${inside}}`
  }

  #push(parts: Omit<JsonEntry, 'earlier' | 'isRemoved'>): void {
    const earlier = this.isList ? undefined : this.#byName.get(parts.name)
    const entry = { ...parts, earlier, isRemoved: false }
    this.#entries.push(entry)
    this.#byName.set(entry.name, entry)
    this.#count++
  }

  #drop(entry: JsonEntry): void {
    if (!entry.isRemoved) this.#count--
    entry.isRemoved = true
  }
}
