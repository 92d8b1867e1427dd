import type { EndpointLoad } from './endpoint-load.ts'

/** What the balancer needs to know of an endpoint. */
export interface Candidate {
  readonly id: string
  readonly load: EndpointLoad
}

/** Candidates with their weights, from which one is drawn in proportion to them. */
export class Candidates<C extends Candidate> {
  readonly items: readonly C[]
  readonly #weights: ReadonlyMap<C, number>
  readonly #mostWeight: number
  /** The sums of the weights up to each item; undefined if all weights are the same. */
  readonly #sums: Float64Array | undefined
  readonly #total: number

  /** Those whose weight is 0 are left out. */
  constructor(weighted: readonly (readonly [C, number])[]) {
    const used = weighted.filter(([, weight]) => weight > 0)
    this.items = used.map(([item]) => item)
    this.#weights = new Map(used)
    const weights = used.map(([, weight]) => weight)
    this.#mostWeight = weights.reduce((most, weight) => Math.max(most, weight), 0)
    this.#total = weights.reduce((sum, weight) => sum + weight, 0)
    if (weights.some((weight) => weight !== weights[0])) this.#sums = sumsOf(weights)
  }

  get length(): number {
    return this.items.length
  }

  /** The weight compared with the heaviest one: 0 to 1. */
  share(item: C): number {
    if (this.#sums === undefined) return 1
    return (this.#weights.get(item) ?? 0) / this.#mostWeight
  }

  weight(item: C): number {
    return this.#weights.get(item) ?? 0
  }

  /** The item at a share of all weights, `at` from 0 to 1 (excluded). */
  at(at: number): C | undefined {
    if (this.#sums === undefined) return this.items[Math.floor(at * this.items.length)]
    const wanted = at * this.#total
    let low = 0
    let high = this.#sums.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#sums[middle] ?? 0) > wanted) high = middle
      else low = middle + 1
    }
    return this.items[low]
  }
}

function sumsOf(weights: readonly number[]): Float64Array {
  const sums = new Float64Array(weights.length)
  let sum = 0
  for (const [index, weight] of weights.entries()) {
    sum += weight
    sums[index] = sum
  }
  return sums
}
