/** One entry of an object or a list, in the pieces that it is written in. */
export interface JsonEntryText {
  /** The blanks before it. */
  readonly lead: string
  /** Its name with the quotes, the colon and the blanks round that; empty for an item of a list. */
  readonly head: string
  readonly name: string
  readonly value: string
  /** The blanks between its value and the comma or bracket after it. */
  readonly trail: string
}

/** An object or a list, without what stands inside its entries. */
export interface JsonLevel {
  readonly isList: boolean
  readonly entries: readonly JsonEntryText[]
  /** The blanks of one without entries. */
  readonly blanks: string
}

/** Reads an object or a list from valid JSON without blanks round it; undefined for a scalar. Takes time by its length. */
export function readLevel(text: string): JsonLevel | undefined {
  if (text[0] !== '{' && text[0] !== '[') return undefined
  return new LevelReader(text).read()
}

class LevelReader {
  readonly #text: string
  #at = 1

  constructor(text: string) {
    this.#text = text
  }

  read(): JsonLevel {
    const isList = this.#text[0] === '['
    const entries: JsonEntryText[] = []
    const last = this.#text.length - 1
    const blanks = this.#blanks()
    for (let lead = blanks; this.#at < last; lead = this.#blanks()) {
      const start = this.#at
      const name = isList ? String(entries.length) : this.#name()
      const head = this.#text.slice(start, this.#at)
      const value = this.#value()
      entries.push({ lead, head, name, value, trail: this.#blanks() })
      this.#at++
    }
    return { isList, entries, blanks }
  }

  /** Reads a name, its colon, and the blanks round that. */
  #name(): string {
    const start = this.#at
    this.#string()
    const name = JSON.parse(this.#text.slice(start, this.#at)) as string
    this.#blanks()
    this.#at++
    this.#blanks()
    return name
  }

  #value(): string {
    const start = this.#at
    const open = this.#text[start]
    if (open === '"') this.#string()
    else if (open === '{' || open === '[') this.#container()
    else while (!/[\s,\]}]/.test(this.#text[this.#at] ?? ',')) this.#at++
    return this.#text.slice(start, this.#at)
  }

  #container(): void {
    let depth = 0
    do {
      const character = this.#text[this.#at]
      if (character === '"') this.#string()
      else {
        if (character === '{' || character === '[') depth++
        else if (character === '}' || character === ']') depth--
        this.#at++
      }
    } while (depth > 0)
  }

  #string(): void {
    this.#at++
    while (this.#text[this.#at] !== '"') this.#at += this.#text[this.#at] === '\\' ? 2 : 1
    this.#at++
  }

  #blanks(): string {
    const start = this.#at
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++
    return this.#text.slice(start, this.#at)
  }
}
