import type { SchemaNode } from '../schema/schema-node.ts'
import type { Leaf, ReplaceUpdate } from '../source/source.ts'
import type { Guard } from './guard.ts'
import type { GuardMemory } from './guard-memory.ts'
import { leafList } from './leaf-list.ts'
import type { LayerTree } from './layer-tree.ts'
import { type LeafChoice, leavesOf } from './leaves.ts'
import type { EarlierState } from './outcome.ts'
import type { SourceLayers } from './source-layers.ts'
import { completed, type WithheldLeaf, withheldOf, withoutHiddenNames } from './withheld.ts'

/** The parts of a pipeline that `StoredTrees` reads and writes. */
export interface StoredTreesParts {
  readonly schemaNode: SchemaNode
  readonly tree: LayerTree
  readonly guard: Guard
  readonly layers: SourceLayers
}

/** The trees of sources as they are kept outside of the pipeline, and what an earlier process kept. */
export class StoredTrees {
  readonly #parts: StoredTreesParts
  /** By source: an earlier tree of which leaves were withheld, until the source's own tree shows what they were. */
  readonly #incomplete = new Map<number, { readonly earlier: EarlierState; readonly now: number }>()

  constructor(parts: StoredTreesParts) {
    this.#parts = parts
  }

  leaves(source: number, choice: LeafChoice): readonly (readonly Leaf[])[] {
    const { schemaNode, tree, layers } = this.#parts
    return layers.of(source).map(({ info, layer }) => leavesOf(schemaNode, tree.root, layer, info, choice))
  }

  withheld(source: number, choice: LeafChoice): readonly (readonly WithheldLeaf[])[] {
    const { schemaNode, tree, layers } = this.#parts
    return layers.of(source).map(({ info, layer }) => withheldOf(schemaNode, tree.root, layer, info, choice))
  }

  /** All leaves, also those that have no place in the tree. */
  all(source: number): readonly (readonly Leaf[])[] {
    const homeless = this.#parts.tree.unplaceable.all().filter(({ document }) => document === undefined)
    const placed = this.leaves(source, { withSecrets: true, withUnreadable: true })
    const first = this.#parts.layers.first(source)
    return placed.map((leaves, index) => [
      ...leaves,
      ...homeless.filter(({ layer }) => layer === first + index),
    ])
  }

  memory(source: number, { withSecrets }: { readonly withSecrets: boolean }): GuardMemory {
    const memory = this.#parts.guard.memory(source)
    return withSecrets ? memory : withoutHiddenNames(this.#parts.schemaNode, memory)
  }

  /** See `Pipeline.compareWith`. */
  compareWith(earlier: ReadonlyMap<number, EarlierState>, now: number): void {
    for (const [source, state] of earlier) {
      if (state.withheld?.some((leaves) => leaves.length > 0))
        this.#incomplete.set(source, { earlier: state, now })
      this.#restore(source, state, now)
    }
  }

  /** To be called before a source's own tree is staged: the earlier one is then staged with all that it had. */
  complete(source: number, { layers }: ReplaceUpdate): void {
    const incomplete = this.#incomplete.get(source)
    if (incomplete === undefined) return
    this.#incomplete.delete(source)
    this.#restore(source, incomplete.earlier, incomplete.now, layers)
  }

  #restore(source: number, earlier: EarlierState, now: number, newer?: ReplaceUpdate['layers']): void {
    const { tree, guard, layers } = this.#parts
    for (const [index, leaves] of earlier.layers.entries()) {
      const whole = completed(leaves, earlier.withheld?.[index] ?? [], newer?.[index] ?? [])
      tree.replace(layers.first(source) + index, leafList(whole))
    }
    guard.restore(source, earlier.memory, now)
  }
}
