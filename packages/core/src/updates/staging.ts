import type { KeySet } from '../encryption/key-set.ts'
import { LivetreeError } from '../errors.ts'
import type { GuardMemory } from '../pipeline/guard-memory.ts'
import type { LeafList } from '../pipeline/leaf-list.ts'
import type {
  EarlierState,
  Outcome,
  Pipeline,
  Preview,
  RestartsOf,
  SourcePatch,
  StagedUpdate,
  ValidOutcome,
} from '../pipeline/outcome.ts'
import type { Clock, Leaf, PatchUpdate } from '../source/source.ts'
import type { WithheldLeaf } from '../pipeline/withheld.ts'
import { LastGoodLeaves } from './last-good-leaves.ts'
import type { SourceState } from './source-state.ts'
import { steadyTime } from './steady-time.ts'

type Layers = readonly (readonly Leaf[])[]

/** Leaves of a source, layer by layer, and those that are left out. */
export interface GoodLeaves {
  readonly layers: Layers
  readonly withheld: readonly (readonly WithheldLeaf[])[]
}

/** Options of `Staging`. */
export interface StagingOptions<T> {
  readonly pipeline: Pipeline<T>
  readonly sources: readonly SourceState[]
  readonly clock: Clock
  /** Keeps the raw leaves of remote sources: needed for `leaves` and `goodLeaves`. */
  readonly keepsLeaves: boolean
}

/** The staged trees of all sources, by index: in the pipeline, and as raw leaves of remote sources where these are kept. */
export class Staging<T> {
  readonly #pipeline: Pipeline<T>
  /** For the guard, whose window must not end because a clock is set back. */
  readonly #now: () => number
  readonly #kept = new Map<number, LastGoodLeaves>()

  constructor({ pipeline, sources, clock, keepsLeaves }: StagingOptions<T>) {
    this.#pipeline = pipeline
    this.#now = steadyTime(clock)
    for (const [index, { source }] of sources.entries()) {
      if (keepsLeaves && source.isRemote) this.#kept.set(index, new LastGoodLeaves(source.layers.length))
    }
  }

  stage(index: number, staged: StagedUpdate): void {
    const kept = this.#kept.get(index)
    if (staged.type === 'replace') kept?.replace(staged.update)
    else kept?.patch(staged.update.changes)
    this.#pipeline.stage(index, staged)
  }

  /** See `Pipeline.stageEarly`. */
  stageEarly(index: number, layer: number, list: LeafList): void {
    this.#pipeline.stageEarly(index, layer, list)
  }

  /** Validates the staged trees. */
  evaluate(): Outcome<T> {
    return this.#pipeline.evaluate({ now: this.#now() })
  }

  /** See `Pipeline.attempt`: stages the patches and validates, or leaves everything as it was. */
  attempt(index: number, patches: readonly PatchUpdate[]): ValidOutcome<T> | undefined {
    const outcome = this.#pipeline.attempt(index, patches, this.#now())
    if (outcome !== undefined) for (const { changes } of patches) this.#kept.get(index)?.patch(changes)
    return outcome
  }

  /** See `Pipeline.preview`; on the staged trees. */
  preview(updates: readonly SourcePatch[], restartsOf: RestartsOf<T>): Preview {
    return this.#pipeline.preview(updates, this.#now(), restartsOf)
  }

  /** See `Pipeline.useKeys`. */
  useKeys(keys: KeySet): void {
    this.#pipeline.useKeys(keys)
  }

  /** The staged trees are the accepted ones. */
  accept(): void {
    for (const kept of this.#kept.values()) kept.accept()
  }

  /** See `Pipeline.compareWith`. */
  compareWith(earlier: ReadonlyMap<number, EarlierState>): void {
    if (earlier.size > 0) this.#pipeline.compareWith(earlier, this.#now())
  }

  /** See `Pipeline.guardMemory`. */
  guardMemory(index: number, options: { readonly withSecrets: boolean }): GuardMemory {
    return this.#pipeline.guardMemory(index, options)
  }

  /** Stages other trees for sources. The result stages the sources' own trees again, with the removals they allow. */
  substitute(layersOf: ReadonlyMap<number, Layers>): (indexes: Iterable<number>) => void {
    const own = new Map(
      [...layersOf.keys()].map((index) => {
        const layers = this.#keptOf(index).leaves()
        return [index, { layers, allowed: this.#pipeline.allowedRemovals(index) }]
      }),
    )
    for (const [index, layers] of layersOf) this.stage(index, wholeTree(layers, true))
    return (indexes) => {
      for (const index of indexes) {
        const tree = own.get(index)
        if (tree === undefined) continue
        this.stage(index, wholeTree(tree.layers, false))
        this.#pipeline.allowRemovals(index, tree.allowed)
      }
    }
  }

  /** The last accepted leaves of a source whose leaves are kept, also while an invalid tree is staged. */
  goodLeaves(index: number, options: { readonly withSecrets: boolean }): GoodLeaves {
    const pipeline = this.#pipeline
    const read = () => ({
      layers: pipeline.leaves(index, options),
      withheld: pipeline.withheld(index, options),
    })
    const stage = (changes: PatchUpdate['changes']) =>
      pipeline.stage(index, { type: 'patch', update: { revision: 0, changes } })
    const { back, forth } = this.#keptOf(index).difference()
    if (back.length === 0) return read()
    const allowed = pipeline.allowedRemovals(index)
    stage(back)
    const good = read()
    stage(forth)
    pipeline.allowRemovals(index, allowed)
    return good
  }

  /** Frees the memory of the raw leaves; neither `substitute` nor `goodLeaves` may be called afterwards. */
  forgetLeaves(): void {
    this.#kept.clear()
  }

  #keptOf(index: number): LastGoodLeaves {
    const kept = this.#kept.get(index)
    if (kept === undefined) throw new LivetreeError('internal', `The leaves of source ${index} are not kept.`)
    return kept
  }
}

function wholeTree(layers: Layers, isFallback: boolean): StagedUpdate {
  return { type: 'replace', update: { revision: 0, epoch: 0, layers }, isFallback }
}
