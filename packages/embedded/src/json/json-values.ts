import { GRPC_CODE, StatusError } from '../status.ts'
import { JsonError } from './json-error.ts'
import { JsonGrammar } from './json-grammar.ts'

/**
 * Maximum size of one JSON value in bytes. etcd has no such limit; the largest message that it accepts takes less than
 * 3 MB as base64.
 */
export const MAX_JSON_BYTES = 8 * 1024 * 1024

const FIRST_BYTES = 4096
const SPACES: readonly (number | undefined)[] = [0x20, 0x0a, 0x0d, 0x09]

/** Cuts a stream of bytes into its JSON values, which may follow each other without a separator. */
export class JsonValues {
  readonly #onValue: (value: Buffer) => void
  readonly #grammar = new JsonGrammar()
  /** Holds the unfinished value and what came behind it. */
  #store = Buffer.allocUnsafe(FIRST_BYTES)
  #start = 0
  #scanned = 0
  #end = 0

  constructor(onValue: (value: Buffer) => void) {
    this.#onValue = onValue
  }

  /** @throws StatusError for bytes that are not JSON, or for a value that is too large */
  push(chunk: Buffer): void {
    this.#append(chunk)
    for (;;) {
      const end = this.#grammar.read(this.#store, this.#scanned, this.#end)
      if (end === undefined) break
      this.#give(end)
    }
    this.#scanned = this.#end
    if (this.#grammar.isAtStart) this.#start = this.#end
    if (this.#end - this.#start > MAX_JSON_BYTES) {
      const message = `livetree embedded etcd: expected JSON of at most ${MAX_JSON_BYTES} bytes`
      throw new StatusError(GRPC_CODE.resourceExhausted, message)
    }
  }

  /** Ends the stream. @throws JsonError if a value is unfinished */
  end(): void {
    if (this.#grammar.mayEnd) this.#give(this.#end)
    else if (!this.#grammar.isAtStart) throw new JsonError('unexpected EOF')
  }

  #give(end: number): void {
    // A copy: handlers keep parts of a request, and the store is written again.
    const value = Buffer.from(this.#store.subarray(firstByte(this.#store, this.#start), end))
    this.#grammar.reset()
    this.#start = end
    this.#scanned = end
    this.#onValue(value)
  }

  #append(chunk: Buffer): void {
    const held = this.#end - this.#start
    if (this.#end + chunk.length > this.#store.length) {
      const isRoomy = held + chunk.length <= this.#store.length / 2
      const store = isRoomy ? this.#store : Buffer.allocUnsafe(2 * (held + chunk.length))
      this.#store.copy(store, 0, this.#start, this.#end)
      this.#store = store
      this.#scanned -= this.#start
      this.#start = 0
      this.#end = held
    }
    chunk.copy(this.#store, this.#end)
    this.#end += chunk.length
  }
}

/** The offset of the first byte that is no space. */
function firstByte(bytes: Buffer, start: number): number {
  let at = start
  while (SPACES.includes(bytes[at])) at += 1
  return at
}
