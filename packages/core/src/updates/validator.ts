import type { KeySet } from '../encryption/key-set.ts'
import { isLivetreeError, LivetreeError } from '../errors.ts'
import type { Issue } from '../issue.ts'
import type { Outcome, Preview, RestartsOf, SourcePatch, StagedUpdate } from '../pipeline/outcome.ts'
import type { Leaf, PatchUpdate } from '../source/source.ts'
import type { Reload, ReloadTimer } from './reload-timer.ts'
import type { ServedState } from './served-state.ts'
import type { SourceState } from './source-state.ts'
import type { Staging } from './staging.ts'
import type { StorePosition } from './position-tracker.ts'

/** The tree of a source at a position, other than the one that is staged. */
export interface StoredTree extends StorePosition {
  readonly layers: readonly (readonly Leaf[])[]
}

/** An update that its source stands at, and the source, by its index too. */
export interface SourceUpdate {
  readonly index: number
  readonly state: SourceState
  readonly staged: StagedUpdate
}

/**
 * Validates the staged trees and serves the result. Nothing is validated until every source has delivered its tree, or a
 * fallback for the missing ones is in service.
 */
export class Validator<T> {
  readonly #sources: readonly SourceState[]
  readonly #staging: Staging<T>
  readonly #served: ServedState<T>
  #isStarted = false

  constructor(sources: readonly SourceState[], staging: Staging<T>, served: ServedState<T>) {
    this.#sources = sources
    this.#staging = staging
    this.#served = served
  }

  /** Whether trees are validated; from then on, none of them may hold a part of a list. */
  get isStarted(): boolean {
    return this.#isStarted
  }

  /** Whether every source has delivered its tree. */
  get isWhole(): boolean {
    return this.#sources.every(({ hasTree }) => hasTree)
  }

  /** Stages an update of a source, and validates, unless a tree is missing or the update is known already. */
  take(index: number, source: SourceState, staged: StagedUpdate): void {
    this.takeAll([{ index, state: source, staged }])
  }

  /** Stages updates of any sources, in order, and validates the state after the last: it is served, or rejected. */
  takeAll(updates: readonly SourceUpdate[]): void {
    const timer = this.#served.observer.timeReload?.()
    for (const { index, staged } of updates) this.#staging.stage(index, staged)
    const last = updates.findLast(({ staged }) => staged.type === 'patch' || staged.update.isKnown !== true)
    if (last === undefined) return
    this.#isStarted ||= this.isWhole
    if (!this.#isStarted) return
    const { state, staged } = last
    this.#serve(state, this.#evaluate(), timed(timer, staged.type, [staged.update]))
  }

  /** Stages patches of a source and validates the result. Returns false, and leaves everything as it was, if it is invalid. */
  takeTogether(index: number, source: SourceState, patches: readonly PatchUpdate[]): boolean {
    const timer = this.#served.observer.timeReload?.()
    const outcome = this.#staging.attempt(index, patches)
    const last = patches.at(-1)
    if (outcome === undefined || last === undefined) return false
    source.takePatch(last)
    this.#serve(source, outcome, timed(timer, 'patch', patches))
    return true
  }

  /**
   * Stages trees for sources that are missing or invalid, by index, and validates the whole. If that is valid it is in
   * service, and the sources' own trees are staged again and validated from now on. If not, nothing has changed.
   *
   * @returns the issues; empty if the fallback is in service
   */
  fallback(from: 'snapshot' | 'defaults', trees: ReadonlyMap<number, StoredTree>): readonly Issue[] {
    const indexes = new Map(this.#sources.map((source, index) => [source, index]))
    const covered = [...indexes].filter(([source, index]) => source.hasTree && trees.has(index))
    const restore = this.#staging.substitute(
      new Map([...trees].map(([index, { layers }]) => [index, layers])),
    )
    const outcome = this.#evaluate()
    if (outcome.type === 'rejected') {
      restore(trees.keys())
      return outcome.issues
    }
    this.#isStarted = true
    this.#staging.accept()
    const positionOf = (source: SourceState) => trees.get(indexes.get(source) ?? -1)
    const restoreRejection = this.#served.serveFallback(from, outcome.value, positionOf)
    const last = covered.at(-1)
    if (last === undefined) return []
    restoreRejection()
    restore(covered.map(([, index]) => index))
    this.#serve(last[0], this.#evaluate(), undefined)
    return []
  }

  /** Opens the envelopes of all trees again, with other keys, and validates. */
  useKeys(keys: KeySet): void {
    this.#staging.useKeys(keys)
    // the keys are of no source: what they change is reported as of the first store
    const source = this.#sources.find((each) => each.source.isRemote) ?? this.#sources[0]
    if (this.#isStarted && source !== undefined) this.#serve(source, this.#evaluate(), undefined)
  }

  /** See `Pipeline.preview`. Nothing is reported, whatever the schema throws. */
  preview(updates: readonly SourcePatch[], restartsOf: RestartsOf<T>): Preview {
    try {
      return this.#staging.preview(updates, restartsOf)
    } catch (error) {
      if (isLivetreeError(error)) throw error
      return { type: 'invalid', issues: [unjudged()], unused: [] }
    }
  }

  #serve(source: SourceState, outcome: Outcome<T>, reload: Timed | undefined): void {
    reload?.timer.validated()
    if (outcome.type !== 'rejected') this.#staging.accept()
    this.#served.take(source, outcome)
    this.#served.observer.judged(reload && reloadOf(source, outcome, reload))
  }

  #evaluate(): Outcome<T> {
    try {
      return this.#staging.evaluate()
    } catch (cause) {
      const message = 'Validating a tree failed. The last good one stays in service.'
      this.#served.observer.failed(new LivetreeError('internal', message, { cause }))
      return { type: 'rejected', issues: [unjudged()], unused: [] }
    }
  }
}

/** A reload that is timed. */
interface Timed extends Pick<Reload, 'type' | 'revisions'> {
  readonly timer: ReloadTimer
}

function timed(
  timer: ReloadTimer | undefined,
  type: Reload['type'],
  updates: readonly { readonly revision: number }[],
): Timed | undefined {
  return timer && { timer, type, revisions: updates.map(({ revision }) => revision) }
}

function reloadOf({ source, store, epoch }: SourceState, outcome: Outcome<unknown>, reload: Timed): Reload {
  const { timer, type, revisions } = reload
  const result = outcome.type === 'accepted' ? 'applied' : outcome.type
  return timer.end({ result, source: source.name, type, revisions, store, epoch })
}

/** The issue of a tree whose judging threw. */
function unjudged(): Issue {
  const place = { path: [], pathText: '', expected: undefined, received: undefined, origins: [] }
  return { ...place, code: 'internal', message: 'The tree could not be validated' }
}
