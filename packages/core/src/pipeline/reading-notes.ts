import type { SchemaNode, UnionNode } from '../schema/schema-node.ts'
import { exclusiveInput } from './plain-value.ts'
import type { TreeNode } from './tree-node.ts'
import { isExclusive } from './accepted-inputs.ts'

/** What was read: a node of the tree, or a list or an object inside the value of one key. */
type Place = TreeNode | object

/** An option of a union, and the input that it takes. */
export interface TakenOption {
  readonly option: SchemaNode
  readonly input: unknown
}

/**
 * What reading finds out beside the input: which option of a union was chosen, and which inputs are lossy, because keys
 * below the key of a scalar were left out of them. Both are made when they are needed: most values have neither.
 */
export class ReadingNotes {
  #options: Map<Place, Map<UnionNode, SchemaNode>> | undefined = undefined
  #lossy: Set<unknown> | undefined = undefined

  /** The option of a union by which a place was read; undefined where none took it. */
  option(place: Place, union: UnionNode): SchemaNode | undefined {
    return this.#options?.get(place)?.get(union)
  }

  /** The input of the option that is chosen: the first that takes the whole, else the first that takes a part. */
  choose(place: Place, union: UnionNode, taken: readonly TakenOption[]): TakenOption | undefined {
    const whole = taken.filter(({ input }) => !this.isLossy(input))
    const [first, ...others] = whole.length > 0 ? whole : taken
    if (first === undefined) return undefined
    this.#options ??= new Map()
    const options = this.#options.get(place) ?? new Map<UnionNode, SchemaNode>()
    this.#options.set(place, options.set(union, first.option))
    if (others.length === 0 || !isExclusive(union.schema)) return first
    const inputs = [first, ...others].map(({ input }) => input)
    return { option: first.option, input: this.lossyIfAny(exclusiveInput(inputs), inputs) }
  }

  isLossy(input: unknown): boolean {
    return this.#lossy?.has(input) === true
  }

  /** Notes that a part was left out of an input, which has to be a list or an object. */
  noteLoss(input: object): void {
    this.#lossy ??= new Set()
    this.#lossy.add(input)
  }

  /** The input, noted as lossy if one of its parts is. */
  lossyIfAny<I>(input: I, parts: object): I {
    if (this.#lossy === undefined || typeof input !== 'object' || input === null) return input
    if (Object.values(parts).some((part) => this.isLossy(part))) this.#lossy.add(input)
    return input
  }
}
