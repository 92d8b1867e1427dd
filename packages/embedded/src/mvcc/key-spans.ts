import type { Key } from './key-range.ts'

/** All keys from `start` up to, and without, `end`; none if the end is not above the start. */
export interface KeySpan {
  readonly start: Key
  readonly end: Key
}

/** A set of keys made of spans. Lookups take logarithmic time however the spans overlap. */
export class KeySpans {
  /** Sorted and disjoint. */
  readonly #spans: readonly KeySpan[]

  private constructor(sorted: Iterable<KeySpan>) {
    const joined: KeySpan[] = []
    for (const span of sorted) {
      const last = joined.at(-1)
      if (last === undefined || span.start > last.end) joined.push(span)
      else if (span.end > last.end) joined[joined.length - 1] = { start: last.start, end: span.end }
    }
    this.#spans = joined
  }

  static of(spans: readonly KeySpan[]): KeySpans {
    const filled = spans.filter(({ start, end }) => start < end)
    return new KeySpans(filled.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0)))
  }

  /** The union of both. */
  with(other: KeySpans): KeySpans {
    if (other.#spans.length === 0) return this
    return this.#spans.length === 0 ? other : new KeySpans(merged(this.#spans, other.#spans))
  }

  has(key: Key): boolean {
    let low = 0
    let high = this.#spans.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const span = this.#spans[middle]
      if (span !== undefined && span.end <= key) low = middle + 1
      else high = middle
    }
    const span = this.#spans[low]
    return span !== undefined && span.start <= key
  }
}

function* merged(one: readonly KeySpan[], other: readonly KeySpan[]): Generator<KeySpan> {
  let at = 0
  for (const span of one) {
    for (let next = other[at]; next !== undefined && next.start <= span.start; next = other[at]) {
      yield next
      at += 1
    }
    yield span
  }
  yield* other.slice(at)
}
