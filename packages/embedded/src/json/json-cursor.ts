import { isUtf8 } from 'node:buffer'
import { GRPC_CODE, StatusError } from '../status.ts'
import { JsonError } from './json-error.ts'

/** A token of JSON: a string, number or literal, or the bracket that begins or ends an object or list. */
export interface JsonToken {
  readonly type: 'string' | 'number' | 'literal' | 'bracket'
  readonly start: number
  readonly end: number
}

/**
 * Maximum number of tokens of a value. etcd has no such limit, but a transaction of etcd's size has some thousands, and a
 * million of them would hold up everything else in the process.
 */
export const MAX_JSON_TOKENS = 100_000

const QUOTE = 0x22
const BACKSLASH = 0x5c
const BRACKETS: ReadonlySet<number | undefined> = new Set(Buffer.from('{}[]'))
/** Bytes between tokens. Where each stands was checked before. */
const SEPARATORS: ReadonlySet<number | undefined> = new Set(Buffer.from(' \n\r\t,:'))

/** Reads the tokens of a value whose grammar was checked before. */
export class JsonCursor {
  readonly #bytes: Buffer
  #at = 0
  #tokens = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** The next token's first character. */
  peek(): string {
    while (SEPARATORS.has(this.#bytes[this.#at])) this.#at += 1
    return String.fromCharCode(this.#bytes[this.#at] ?? 0)
  }

  /** @throws StatusError for too many tokens */
  next(): JsonToken {
    this.#tokens += 1
    if (this.#tokens > MAX_JSON_TOKENS) {
      const message = `livetree embedded etcd: expected JSON of at most ${MAX_JSON_TOKENS} tokens`
      throw new StatusError(GRPC_CODE.resourceExhausted, message)
    }
    this.peek()
    const start = this.#at
    const first = this.#bytes[start] ?? 0
    if (BRACKETS.has(first)) return this.#token('bracket', start, start + 1)
    if (first === QUOTE) return this.#token('string', start, this.#endOfString(start))
    let end = start + 1
    while (end < this.#bytes.length && !isEnd(this.#bytes[end])) end += 1
    return this.#token(first >= 0x61 ? 'literal' : 'number', start, end)
  }

  /** Skips a value of any kind. */
  skip(): void {
    let depth = 0
    do {
      const first = this.peek()
      const token = this.next()
      if (first === '{' || first === '[') depth += 1
      else if (token.type === 'bracket') depth -= 1
      else if (token.type === 'string') this.text(token)
    } while (depth > 0)
  }

  /** The token as it was sent. */
  raw({ start, end }: JsonToken): string {
    return this.#bytes.toString('utf8', start, end)
  }

  /** The text that a string token stands for. @throws JsonError if it is not Unicode */
  text(token: JsonToken): string {
    const inner = this.#bytes.subarray(token.start + 1, token.end - 1)
    if (!isUtf8(inner)) throw this.syntaxError(token, 'invalid UTF-8 in string')
    if (!inner.includes(BACKSLASH)) return inner.toString()
    const text = JSON.parse(this.raw(token)) as string
    if (!text.isWellFormed()) throw this.syntaxError(token, 'invalid escape code in string')
    return text
  }

  syntaxError(token: JsonToken, what: string): JsonError {
    return new JsonError(`proto: syntax error (${this.#place(token)}): ${what}`)
  }

  unexpected(token: JsonToken): JsonError {
    return this.syntaxError(token, `unexpected token ${this.raw(token)}`)
  }

  error(token: JsonToken, what: string): JsonError {
    return new JsonError(`proto: (${this.#place(token)}): ${what}`)
  }

  #token(type: JsonToken['type'], start: number, end: number): JsonToken {
    this.#at = end
    return { type, start, end }
  }

  #endOfString(start: number): number {
    let at = start + 1
    while (this.#bytes[at] !== QUOTE) at += this.#bytes[at] === BACKSLASH ? 2 : 1
    return at + 1
  }

  /** The place of a token by line and character, counted from 1. */
  #place({ start }: JsonToken): string {
    let line = 1
    let column = 1
    for (const byte of this.#bytes.subarray(0, start)) {
      if (byte === 0x0a) {
        line += 1
        column = 1
      } else if ((byte & 0xc0) !== 0x80) column += 1
    }
    return `line ${line}:${column}`
  }
}

function isEnd(byte: number | undefined): boolean {
  return SEPARATORS.has(byte) || BRACKETS.has(byte)
}
