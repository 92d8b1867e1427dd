import { scalarAsWritten } from './written-scalar.ts'

/** The result of parsing JSON text. A problem's place is an offset into the text; its words never quote the text. */
export type ParsedJson =
  | { readonly type: 'value'; readonly value: unknown }
  | { readonly type: 'problem'; readonly what: JsonProblem; readonly offset: number }

/** `syntax` is text that is no JSON; the others are JSON that is not taken. */
export type JsonProblem = 'syntax' | 'depth' | 'duplicate'

/** Deeper text is refused, so that none can exhaust the stack. */
const MAX_DEPTH = 500
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?/iy
const WORDS: readonly (readonly [string, boolean | null])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
]

/**
 * Reads JSON as `JSON.parse` does, but for three things: numbers keep the text they were written with, a name given
 * twice in one object is a problem, and the place of a problem is known. Takes time in proportion to the text.
 *
 * @param hasComments whether comments and a comma after the last item are taken as well, as in settings of editors
 */
export function parseJsonText(text: string, hasComments = false): ParsedJson {
  try {
    return { type: 'value', value: new JsonReader(text, hasComments).read() }
  } catch (error) {
    if (error instanceof Problem) return { type: 'problem', what: error.what, offset: error.offset }
    throw error
  }
}

class Problem extends Error {
  readonly what: JsonProblem
  readonly offset: number

  constructor(what: JsonProblem, offset: number) {
    super(what)
    this.what = what
    this.offset = offset
  }
}

class JsonReader {
  readonly #text: string
  readonly #hasComments: boolean
  #at = 0

  constructor(text: string, hasComments: boolean) {
    this.#text = text
    this.#hasComments = hasComments
  }

  read(): unknown {
    const value = this.#value(0)
    this.#skipSpace()
    if (this.#at < this.#text.length) throw new Problem('syntax', this.#at)
    return value
  }

  #value(depth: number): unknown {
    this.#skipSpace()
    if (depth > MAX_DEPTH) throw new Problem('depth', this.#at)
    const first = this.#text[this.#at]
    if (first === '{') return this.#object(depth)
    if (first === '[') return this.#list(depth)
    if (first === '"') return this.#string()
    for (const [word, value] of WORDS) {
      if (!this.#text.startsWith(word, this.#at)) continue
      this.#at += word.length
      return value
    }
    return this.#number()
  }

  #object(depth: number): Record<string, unknown> {
    const object: Record<string, unknown> = {}
    this.#at++
    for (let isFirst = true; !this.#takes('}'); isFirst = false) {
      if (!isFirst && this.#isLast('}')) break
      this.#skipSpace()
      const start = this.#at
      if (this.#text[start] !== '"') throw new Problem('syntax', start)
      const name = this.#string()
      if (Object.hasOwn(object, name)) throw new Problem('duplicate', start)
      this.#expect(':')
      const value = this.#value(depth + 1)
      // an assignment to `__proto__` would change the object instead of adding a name
      if (name !== '__proto__') object[name] = value
      else
        Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true })
    }
    return object
  }

  #list(depth: number): unknown[] {
    const list: unknown[] = []
    this.#at++
    for (let isFirst = true; !this.#takes(']'); isFirst = false) {
      if (!isFirst && this.#isLast(']')) break
      list.push(this.#value(depth + 1))
    }
    return list
  }

  /** The escapes are JSON.parse's business. */
  #string(): string {
    const start = this.#at++
    let hasEscape = false
    for (; ; this.#at++) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === QUOTE) break
      if (code === BACKSLASH) {
        hasEscape = true
        this.#at++
      } else if (!(code >= SPACE)) throw new Problem('syntax', this.#at)
    }
    this.#at++
    if (!hasEscape) return this.#text.slice(start + 1, this.#at - 1)
    try {
      return JSON.parse(this.#text.slice(start, this.#at)) as string
    } catch {
      throw new Problem('syntax', start)
    }
  }

  #number(): unknown {
    NUMBER.lastIndex = this.#at
    const text = NUMBER.exec(this.#text)?.[0]
    if (text === undefined) throw new Problem('syntax', this.#at)
    this.#at += text.length
    return scalarAsWritten(Number(text), text)
  }

  #takes(character: string): boolean {
    this.#skipSpace()
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #expect(character: string): void {
    if (!this.#takes(character)) throw new Problem('syntax', this.#at)
  }

  /** Goes over the comma after an item; true where the end comes after it, as it may where comments do. */
  #isLast(end: string): boolean {
    this.#expect(',')
    return this.#hasComments && this.#takes(end)
  }

  #skipSpace(): void {
    for (; ; this.#at++) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === SLASH && this.#hasComments) this.#skipComment()
      else if (code !== SPACE && code !== LINE_FEED && code !== CARRIAGE_RETURN && code !== TAB) return
    }
  }

  /** Ends at the last character of the comment. */
  #skipComment(): void {
    const isLine = this.#text.startsWith('//', this.#at)
    if (!isLine && !this.#text.startsWith('/*', this.#at)) throw new Problem('syntax', this.#at)
    const end = this.#text.indexOf(isLine ? '\n' : '*/', this.#at + 2)
    if (end < 0 && !isLine) throw new Problem('syntax', this.#at)
    this.#at = end < 0 ? this.#text.length : end + (isLine ? 0 : 1)
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const SLASH = 0x2f
const SPACE = 0x20
const TAB = 0x09
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
