import { JsonError } from './json-error.ts'

/** Depth of objects and lists at which Go's JSON scanner gives up. */
const MAX_DEPTH = 10_000

/** What the next byte may be. A literal such as `true` is expected letter by letter. */
type Expected =
  | 'value'
  | 'value or end of list'
  | 'key'
  | 'key or end of object'
  | 'colon'
  | 'comma or end of object'
  | 'comma or end of list'
  | 'string'
  | 'escape'
  | 'hexadecimal'
  | 'minus'
  | 'zero'
  | 'integer'
  | 'point'
  | 'fraction'
  | 'exponent'
  | 'exponent sign'
  | 'exponent digits'
  | 'literal'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const LITERALS: Readonly<Record<string, string>> = { t: 'true', f: 'false', n: 'null' }
/** Where a number may end. */
const NUMBER_ENDS: ReadonlySet<Expected> = new Set(['zero', 'integer', 'fraction', 'exponent digits'])

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}

/** Bytes that Go writes as an escape, by character. */
const ESCAPES: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  "'": "\\'",
  '\\': '\\\\',
}

/** A byte as Go quotes it in an error. */
function quoted(byte: number): string {
  const isPrinted = (byte >= 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad)
  const hex = byte.toString(16).padStart(2, '0')
  const other = byte < 0x80 ? `\\x${hex}` : `\\u00${hex}`
  const character = String.fromCharCode(byte)
  return `'${ESCAPES[character] ?? (isPrinted ? character : other)}'`
}

function unexpected(byte: number, where: string): JsonError {
  return new JsonError(`invalid character ${quoted(byte)} ${where}`)
}

/**
 * Finds the end of a JSON value in bytes that arrive in pieces, and reports what is not JSON with the words of Go's
 * scanner. One pass over the bytes, without recursion.
 */
export class JsonGrammar {
  #expected: Expected = 'value'
  /** Whether the string that is being read is the name of a field. */
  #isName = false
  /** For each open object or list, whether it is an object. */
  readonly #open: boolean[] = []
  #literal = ''
  /** Letters of the literal, or digits of the escape, that were read. */
  #matched = 0
  /** Set by the step that ends the outermost value. */
  #isDone = false

  /** True if nothing of the next value was read. */
  get isAtStart(): boolean {
    return this.#expected === 'value' && this.#open.length === 0
  }

  /** True if the value ends where the input does, as a number may. */
  get mayEnd(): boolean {
    return this.#open.length === 0 && NUMBER_ENDS.has(this.#expected)
  }

  /**
   * Reads from `at` and returns the offset behind the value, or undefined if it goes on behind `end`.
   *
   * @throws JsonError for bytes that are not JSON
   */
  read(bytes: Uint8Array, at: number, end: number): number | undefined {
    let next = at
    while (next < end) {
      if (this.#expected === 'string') next = skipText(bytes, next, end)
      if (next >= end) break
      const isNumberOver = this.#step(bytes[next] ?? 0)
      if (isNumberOver && this.#end()) return next
      if (isNumberOver) continue
      next += 1
      if (this.#isDone) return next
    }
    return undefined
  }

  /** Prepares for the next value. */
  reset(): void {
    this.#expected = 'value'
    this.#isDone = false
  }

  /** Takes one byte. Returns true if it is not taken because the number before it has ended. */
  #step(byte: number): boolean {
    if (NUMBER_ENDS.has(this.#expected) && !this.#continueNumber(byte)) return true
    switch (this.#expected) {
      case 'value':
      case 'value or end of list':
        this.#beginValue(byte)
        break
      case 'key':
      case 'key or end of object':
        this.#beginKey(byte)
        break
      case 'colon':
      case 'comma or end of object':
      case 'comma or end of list':
        this.#separate(byte)
        break
      case 'string':
        this.#inString(byte)
        break
      case 'escape':
      case 'hexadecimal':
        this.#inEscape(byte)
        break
      case 'literal':
        this.#inLiteral(byte)
        break
      default:
        this.#inNumber(byte)
    }
    return false
  }

  #beginValue(byte: number): void {
    if (isSpace(byte)) return
    const letter = String.fromCharCode(byte)
    if (letter === ']' && this.#expected === 'value or end of list') this.#close()
    else if (letter === '{') this.#enter(true, 'key or end of object')
    else if (letter === '[') this.#enter(false, 'value or end of list')
    else if (byte === QUOTE) {
      this.#isName = false
      this.#expected = 'string'
    } else if (letter === '-') this.#expected = 'minus'
    else if (letter === '0') this.#expected = 'zero'
    else if (isDigit(byte)) this.#expected = 'integer'
    else {
      const literal = LITERALS[letter]
      if (literal === undefined) throw unexpected(byte, 'looking for beginning of value')
      this.#literal = literal
      this.#matched = 1
      this.#expected = 'literal'
    }
  }

  #beginKey(byte: number): void {
    if (isSpace(byte)) return
    if (byte === 0x7d && this.#expected === 'key or end of object') this.#close()
    else if (byte === QUOTE) {
      this.#isName = true
      this.#expected = 'string'
    } else throw unexpected(byte, 'looking for beginning of object key string')
  }

  #separate(byte: number): void {
    if (isSpace(byte)) return
    const letter = String.fromCharCode(byte)
    if (this.#expected === 'colon') {
      if (letter !== ':') throw unexpected(byte, 'after object key')
      this.#expected = 'value'
    } else if (this.#expected === 'comma or end of object') {
      if (letter === ',') this.#expected = 'key'
      else if (letter === '}') this.#close()
      else throw unexpected(byte, 'after object key:value pair')
    } else if (letter === ',') this.#expected = 'value'
    else if (letter === ']') this.#close()
    else throw unexpected(byte, 'after array element')
  }

  #inString(byte: number): void {
    if (byte === BACKSLASH) this.#expected = 'escape'
    else if (byte !== QUOTE) throw unexpected(byte, 'in string literal')
    else if (this.#isName) this.#expected = 'colon'
    else this.#end()
  }

  #inEscape(byte: number): void {
    const letter = String.fromCharCode(byte)
    if (this.#expected === 'hexadecimal') {
      if (!/[0-9a-fA-F]/.test(letter)) throw unexpected(byte, 'in \\u hexadecimal character escape')
      this.#matched += 1
      if (this.#matched === 4) this.#expected = 'string'
    } else if (letter === 'u') {
      this.#matched = 0
      this.#expected = 'hexadecimal'
    } else if ('bfnrt\\/"'.includes(letter)) this.#expected = 'string'
    else throw unexpected(byte, 'in string escape code')
  }

  #inLiteral(byte: number): void {
    const wanted = this.#literal[this.#matched] ?? ''
    if (String.fromCharCode(byte) !== wanted) {
      throw unexpected(byte, `in literal ${this.#literal} (expecting '${wanted}')`)
    }
    this.#matched += 1
    if (this.#matched === this.#literal.length) this.#end()
  }

  /** Whether a byte belongs to the number before it, which may end here. */
  #continueNumber(byte: number): boolean {
    const letter = String.fromCharCode(byte)
    if (this.#expected !== 'zero' && isDigit(byte)) return true
    if (letter === 'e' || letter === 'E') return this.#expected !== 'exponent digits'
    return letter === '.' && (this.#expected === 'zero' || this.#expected === 'integer')
  }

  #inNumber(byte: number): void {
    const letter = String.fromCharCode(byte)
    if (NUMBER_ENDS.has(this.#expected)) {
      if (letter === '.') this.#expected = 'point'
      else if (!isDigit(byte)) this.#expected = 'exponent'
    } else if (this.#expected === 'exponent' && (letter === '+' || letter === '-')) {
      this.#expected = 'exponent sign'
    } else if (!isDigit(byte)) {
      const places = { minus: 'in numeric literal', point: 'after decimal point in numeric literal' }
      const place = places[this.#expected as keyof typeof places] ?? 'in exponent of numeric literal'
      throw unexpected(byte, place)
    } else if (this.#expected === 'minus') this.#expected = letter === '0' ? 'zero' : 'integer'
    else this.#expected = this.#expected === 'point' ? 'fraction' : 'exponent digits'
  }

  #enter(isObject: boolean, expected: Expected): void {
    this.#open.push(isObject)
    if (this.#open.length > MAX_DEPTH) throw new JsonError('exceeded max depth')
    this.#expected = expected
  }

  #close(): void {
    this.#open.pop()
    this.#end()
  }

  /** Goes on behind a value. Returns true if it was the outermost one. */
  #end(): boolean {
    const isObject = this.#open.at(-1)
    if (isObject === undefined) this.#isDone = true
    else this.#expected = isObject ? 'comma or end of object' : 'comma or end of list'
    return this.#isDone
  }
}

/** The offset of the first byte of a string that is not plain text. */
function skipText(bytes: Uint8Array, at: number, end: number): number {
  let next = at
  while (next < end) {
    const byte = bytes[next] ?? 0
    if (byte === QUOTE || byte === BACKSLASH || byte < 0x20) return next
    next += 1
  }
  return next
}
