/** Text of JSON with one part replaced, added (`json` given) or removed; everything else stays as it was written. */
export function editJson(
  text: string,
  path: readonly string[],
  json: string | undefined,
): string | undefined {
  const reader = new JsonReader(text)
  const found = reader.find(path)
  if (found === undefined) return undefined
  if (json === undefined) return found.type === 'there' ? removed(text, found) : text
  if (found.type === 'there') return splice(text, found.start, found.end, json)
  return added(text, found, json)
}

/** The text of a part of JSON; undefined where there is none. */
export function partOfJson(text: string, path: readonly string[]): string | undefined {
  const found = new JsonReader(text).find(path)
  return found?.type === 'there' ? text.slice(found.start, found.end) : undefined
}

/** Whether a text is a JSON object or list, so that parts of it can be edited. */
export function isJsonContainer(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** A part that is there, with what surrounds it in its container. */
interface Found {
  readonly type: 'there'
  readonly start: number
  readonly end: number
  /** Of the whole entry: its name too. */
  readonly entry: number
  /** Where the comma before the entry is, and where the one after it; -1: none. */
  readonly before: number
  readonly after: number
}

/** A part that is not there: the container that would hold it, and the names that are still to be made. */
interface Missing {
  readonly type: 'missing'
  readonly isList: boolean
  readonly isEmpty: boolean
  /** Where the closing bracket is. */
  readonly end: number
  /** Where the last entry of the container ends. */
  readonly last: number
  readonly rest: readonly string[]
}

function splice(text: string, start: number, end: number, by: string): string {
  return text.slice(0, start) + by + text.slice(end)
}

/** The entry goes, with the comma that divides it from the next or, of the last one, from the one before. */
function removed(text: string, { entry, end, before, after }: Found): string {
  if (after >= 0) {
    const next = /^\s*/.exec(text.slice(after + 1))?.[0].length ?? 0
    return splice(text, entry, after + 1 + next, '')
  }
  return splice(text, before >= 0 ? before : entry, end, '')
}

function added(
  text: string,
  { isList, isEmpty, end, last, rest }: Missing,
  json: string,
): string | undefined {
  const [name = '', ...below] = rest
  const inside = below.reduceRight((part, each) => `{${JSON.stringify(each)}:${part}}`, json)
  const entry = isList ? inside : `${JSON.stringify(name)}:${inside}`
  return isEmpty ? splice(text, end, end, entry) : splice(text, last, last, `,${entry}`)
}

/** Finds parts in JSON that is known to be valid. */
class JsonReader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  /** Undefined: the path leads through a scalar, or beyond the end of a list. */
  find(path: readonly string[]): Found | Missing | undefined {
    this.#skip()
    let found: Found = { type: 'there', start: this.#at, end: -1, entry: this.#at, before: -1, after: -1 }
    for (const [depth, name] of path.entries()) {
      const inside = this.#enter(name)
      if (inside === undefined) return undefined
      if (inside.type === 'missing') return { ...inside, rest: path.slice(depth) }
      found = inside
      this.#at = found.start
    }
    if (path.length === 0) this.#value()
    return path.length === 0 ? { ...found, end: this.#at } : found
  }

  #enter(name: string): Found | Omit<Missing, 'rest'> | undefined {
    const open = this.#text[this.#at]
    if (open !== '{' && open !== '[') return undefined
    const isList = open === '['
    this.#at++
    let before = -1
    let last = this.#at
    let found: Found | undefined
    for (let index = 0; ; index++) {
      this.#skip()
      if (this.#text[this.#at] === (isList ? ']' : '}')) {
        if (found !== undefined) return found
        // An item can only be added at the end.
        if (isList && name !== String(index)) return undefined
        return { type: 'missing', isList, isEmpty: index === 0, end: this.#at, last }
      }
      const entry = this.#at
      const own = isList ? String(index) : this.#name()
      const start = this.#at
      this.#value()
      last = this.#at
      this.#skip()
      const comma = this.#text[this.#at] === ',' ? this.#at++ : -1
      if (own === name) found = { type: 'there', start, end: last, entry, before, after: comma }
      before = comma
    }
  }

  /** Reads a name and its colon. */
  #name(): string {
    const start = this.#at
    this.#string()
    const name = JSON.parse(this.#text.slice(start, this.#at)) as string
    this.#skip()
    this.#at++
    this.#skip()
    return name
  }

  #value(): void {
    const open = this.#text[this.#at]
    if (open === '"') {
      this.#string()
      return
    }
    if (open !== '{' && open !== '[') {
      while (this.#at < this.#text.length && !/[\s,\]}]/.test(this.#text[this.#at] ?? '')) this.#at++
      return
    }
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

  #skip(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++
  }
}
