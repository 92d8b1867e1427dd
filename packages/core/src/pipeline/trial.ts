import type { Leaf } from '../source/source.ts'
import type { Decoder } from './decode.ts'
import type { Guard } from './guard.ts'
import type { LayerTree } from './layer-tree.ts'
import type { UnusedKeyList } from './unused-keys.ts'

/** What staging and judging change in a pipeline. */
export interface TrialParts {
  readonly tree: LayerTree
  readonly decoder: Decoder
  readonly guard: Guard
  readonly unused: UnusedKeyList
}

/**
 * Stages leaves by the function that `stage` is given, then runs `judge`, which may decode and ask the guard, but not
 * accept; then puts everything back, also where one of them throws: leaves, what was validated, what the guard knows, what
 * is unused. Costs what these two touch.
 */
export function withoutTrace<R>(
  { tree, decoder, guard, unused }: TrialParts,
  stage: (set: (layer: number, leaf: Leaf) => void) => void,
  judge: () => R,
): R {
  const restores = [
    guard.beginTrial(),
    unused.beginTrial(),
    tree.unusedWatch.beginTrial(),
    decoder.unused.beginTrial(tree.root),
  ]
  tree.journal.begin()
  const undo: { readonly layer: number; readonly leaf: Leaf }[] = []
  try {
    stage((layer, leaf) => undo.push({ layer, leaf: tree.set(layer, leaf) }))
    tree.journal.hideEmpty()
    return judge()
  } finally {
    tree.journal.showHidden()
    for (const { layer, leaf } of undo.reverse()) tree.set(layer, leaf)
    tree.settle()
    tree.journal.end()
    for (const restore of restores) restore()
  }
}
