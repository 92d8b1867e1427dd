import type { Key, KeyRange } from './key-range.ts'

/** A block with more keys is split in two: small enough to insert cheaply, large enough for few blocks. */
const BLOCK_SIZE = 512

/** Index of the first element that is not below `key`. */
function lowerBound<T>(list: readonly T[], key: Key, keyAt: (element: T) => Key): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const element = list[middle]
    if (element !== undefined && keyAt(element) < key) low = middle + 1
    else high = middle
  }
  return low
}

function itself(key: Key): Key {
  return key
}

function lastOf(block: Key[]): Key {
  return block[block.length - 1] ?? ''
}

/** An ordered set of keys: a list of sorted blocks. */
export class SortedKeys {
  /** Never holds an empty block. */
  readonly #blocks: Key[][] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Adds a key that is not in the set. */
  add(key: Key): void {
    this.#size += 1
    const at = Math.min(lowerBound(this.#blocks, key, lastOf), this.#blocks.length - 1)
    const block = this.#blocks[at]
    if (block === undefined) {
      this.#blocks.push([key])
      return
    }
    block.splice(lowerBound(block, key, itself), 0, key)
    if (block.length > BLOCK_SIZE) this.#blocks.splice(at + 1, 0, block.splice(BLOCK_SIZE / 2))
  }

  delete(key: Key): void {
    const at = lowerBound(this.#blocks, key, lastOf)
    const block = this.#blocks[at]
    if (block === undefined) return
    const index = lowerBound(block, key, itself)
    if (block[index] !== key) return
    this.#size -= 1
    block.splice(index, 1)
    if (block.length === 0) this.#blocks.splice(at, 1)
  }

  /** The keys of a span in order. The set must not change meanwhile. */
  *span(range: KeyRange & { type: 'span' }): Generator<Key> {
    const { start, end } = range
    let at = lowerBound(this.#blocks, start, lastOf)
    let index = lowerBound(this.#blocks[at] ?? [], start, itself)
    for (let block = this.#blocks[at]; block !== undefined; block = this.#blocks[at]) {
      for (let key = block[index]; key !== undefined; key = block[index]) {
        if (end !== undefined && key >= end) return
        yield key
        index += 1
      }
      at += 1
      index = 0
    }
  }
}
