import type { HeaderField } from './header-field.ts'
import { decodeHuffman } from './huffman.ts'
import { STATIC_TABLE } from './static-table.ts'

/** A header block that violates HPACK or the size limit. */
export class HpackError extends Error {}

/** Size of a table entry besides its characters, in bytes. Source: RFC 7541, 4.1. */
const ENTRY_OVERHEAD_BYTES = 32
/** The largest number accepted in a block, far above any valid index, length or table size. */
const MAX_INTEGER = 2 ** 24

function sizeOf({ name, value }: HeaderField): number {
  return name.length + value.length + ENTRY_OVERHEAD_BYTES
}

/**
 * Decodes the header blocks of one direction of a connection in order, because they share a dynamic table.
 */
export class HpackDecoder {
  readonly #limitBytes: number
  readonly #maxListBytes: number
  /** Newest first. */
  readonly #table: HeaderField[] = []
  #tableBytes = 0
  #maxTableBytes: number

  /** `tableBytes`: the announced table size. `maxListBytes`: the largest size of a decoded block. */
  constructor(tableBytes: number, maxListBytes: number) {
    this.#limitBytes = tableBytes
    this.#maxTableBytes = tableBytes
    this.#maxListBytes = maxListBytes
  }

  /** @throws HpackError, after which no further block can be decoded */
  decode(block: Buffer): HeaderField[] {
    const reader = new BlockReader(block)
    const fields: HeaderField[] = []
    let listBytes = 0
    while (!reader.isAtEnd) {
      const field = this.#next(reader, fields.length === 0)
      if (field === undefined) continue
      listBytes += sizeOf(field)
      if (listBytes > this.#maxListBytes) throw new HpackError('the headers are too large')
      fields.push(field)
    }
    return fields
  }

  /**
   * The next header; undefined for a change of the table size, which is only allowed at the start of a block.
   */
  #next(reader: BlockReader, isAtStart: boolean): HeaderField | undefined {
    const first = reader.peek()
    if (first >= 0x80) return this.#at(reader.integer(7))
    if (first >= 0x40) return this.#add(this.#literal(reader, 6, false))
    if (first < 0x20) return this.#literal(reader, 4, first >= 0x10)
    if (!isAtStart) throw new HpackError('the table is resized in the middle of a block')
    this.#resize(reader.integer(5))
    return undefined
  }

  #literal(reader: BlockReader, indexBits: number, isSensitive: boolean): HeaderField {
    const index = reader.integer(indexBits)
    const name = index === 0 ? reader.text() : this.#at(index).name
    return { name, value: reader.text(), isSensitive }
  }

  #at(index: number): HeaderField {
    const found = STATIC_TABLE[index - 1] ?? this.#table[index - 1 - STATIC_TABLE.length]
    if (found === undefined) throw new HpackError(`there is no index ${index}`)
    return found
  }

  #add(field: HeaderField): HeaderField {
    this.#table.unshift(field)
    this.#tableBytes += sizeOf(field)
    this.#evict()
    return field
  }

  #resize(bytes: number): void {
    if (bytes > this.#limitBytes) throw new HpackError('the table is made larger than allowed')
    this.#maxTableBytes = bytes
    this.#evict()
  }

  #evict(): void {
    while (this.#tableBytes > this.#maxTableBytes) {
      const oldest = this.#table.pop()
      if (oldest === undefined) return
      this.#tableBytes -= sizeOf(oldest)
    }
  }
}

/** Reads HPACK's primitives in sequence. */
class BlockReader {
  readonly #block: Buffer
  #at = 0

  constructor(block: Buffer) {
    this.#block = block
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#block.length
  }

  peek(): number {
    const byte = this.#block[this.#at]
    if (byte === undefined) throw new HpackError('the block ends too early')
    return byte
  }

  /** Reads a number that starts in the low bits of the next byte. */
  integer(prefixBits: number): number {
    const mask = 2 ** prefixBits - 1
    let value = this.#byte() & mask
    if (value < mask) return value
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#byte()
      value += (byte & 0x7f) * factor
      if (value > MAX_INTEGER || factor > MAX_INTEGER) throw new HpackError('a number is too large')
      if (byte < 0x80) return value
    }
  }

  text(): string {
    const isCoded = this.peek() >= 0x80
    const length = this.integer(7)
    const end = this.#at + length
    if (end > this.#block.length) throw new HpackError('a string is longer than the block')
    const bytes = this.#block.subarray(this.#at, end)
    this.#at = end
    const text = isCoded ? decodeHuffman(bytes) : bytes.toString('latin1')
    if (text === undefined) throw new HpackError('a string is not in Huffman code')
    return text
  }

  #byte(): number {
    const byte = this.peek()
    this.#at += 1
    return byte
  }
}
