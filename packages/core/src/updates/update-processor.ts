import { LivetreeError } from '../errors.ts'
import { errorOf, fieldOf } from '../thrown.ts'
import type { GuardMemory } from '../pipeline/guard.ts'
import type { Issue, UnusedKey } from '../issue.ts'
import type { EarlierState, Outcome, Pipeline, StagedUpdate } from '../pipeline/outcome.ts'
import type { Clock, Leaf, PatchUpdate, SourceSink } from '../source/source.ts'
import { LastGoodLeaves } from './last-good-leaves.ts'
import { type RejectedEvent, Rejection } from './rejection.ts'
import { createSourceSink, type SourceReport } from './source-sink.ts'
import { UpdateQueue } from './update-queue.ts'
import { Snapshot } from './snapshot.ts'
import type { SourceState } from './source-state.ts'
import { type PlaceInStore, type StorePosition, PositionTracker } from './store-position.ts'

/** Where the value in service came from: the sources, or what stood in for those that were not there at the start. */
export type ServedFrom = 'sources' | 'snapshot' | 'defaults'

/** Leaves to use in the place of a source that cannot be had, or has nothing good. */
export interface FallbackState extends PlaceInStore {
  readonly layers: readonly (readonly Leaf[])[]
}

/** Told synchronously, after the writer's own state has changed. Must not throw. */
export interface WriterObserver<T> {
  accepted(snapshot: Snapshot<T>, isHealed: boolean): void
  /** The newest tree is valid and its value is the one in service. */
  confirmed(snapshot: Snapshot<T>, isHealed: boolean): void
  rejected(event: RejectedEvent): void
  unused(keys: readonly UnusedKey[]): void
  /** A source has spoken, or was lost. */
  connectivity(source: SourceState): void
  failed(error: LivetreeError): void
}

export interface TreeWriterOptions<T> {
  readonly pipeline: Pipeline<T>
  readonly sources: readonly SourceState[]
  readonly clock: Clock
  /** Keep the raw leaves of remote sources: needed for `fallback` and `lastGoodState`. */
  readonly keepsLeaves: boolean
  /** What sources say waits for `compareWith`. */
  readonly awaitsComparison: boolean
  /** How long updates of remote sources may keep the event loop from turning, in milliseconds. */
  readonly sliceMs: number
}

/** A report, and the index of the source it is from. */
type Item = { readonly index: number } & SourceReport

/**
 * The one writer of a configuration. Takes what the sources say in order, one update at a time, and has the pipeline
 * judge every one of them: a good revision between two bad ones becomes current. Updates that have had to wait are judged
 * together if what they come to is good. Judges nothing until every source has handed over its tree, or `fallback` has
 * put something in the place of the missing ones.
 */
export class UpdateProcessor<T> {
  readonly #options: TreeWriterOptions<T>
  readonly #queue: UpdateQueue<Item>
  #ledgers: readonly (LastGoodLeaves | undefined)[]
  readonly #position: PositionTracker
  /** What has come before `compareWith`. */
  #held: (() => void)[] | undefined
  #isJudging = false
  /** So many of the updates that wait did not come to a good tree together. */
  #singles = 0
  #snapshot: Snapshot<T> | undefined = undefined
  #servedFrom: ServedFrom = 'sources'
  readonly #rejection: Rejection
  #unused: { readonly keys: readonly UnusedKey[]; readonly id: string } = { keys: [], id: '' }
  #version = 0
  /** Where each source stood when all was good, and in which store. */
  #goodPlaces: readonly PlaceInStore[] = []
  readonly #contactWaiters: (() => void)[] = []
  #observer: WriterObserver<T> | undefined = undefined

  constructor(options: TreeWriterOptions<T>) {
    this.#options = options
    this.#queue = new UpdateQueue((items) => this.#take(items), options.sliceMs)
    this.#held = options.awaitsComparison ? [] : undefined
    this.#position = new PositionTracker(options.sources)
    this.#rejection = new Rejection(options.clock, (event) => this.#observer!.rejected(event))
    this.#ledgers = options.sources.map(({ source }) =>
      options.keepsLeaves && source.isRemote ? new LastGoodLeaves(source.layers.length) : undefined,
    )
  }

  /** The state in service; undefined until a tree was accepted. */
  get snapshot(): Snapshot<T> | undefined {
    return this.#snapshot
  }
  get servedFrom(): ServedFrom {
    return this.#servedFrom
  }
  /** Set while the newest tree is not the one in service. */
  get rejected(): RejectedEvent | undefined {
    return this.#rejection.event
  }
  get unused(): readonly UnusedKey[] {
    return this.#unused.keys
  }
  /** Must be set before the first source is opened. */
  observe(observer: WriterObserver<T>): void {
    this.#observer = observer
  }

  sinkFor(index: number): SourceSink {
    // a local source speaks in a tick of the program, which wants to find what it said in service
    const { source } = this.#options.sources[index]!
    const isPrompt = !source.isRemote
    return createSourceSink(source.layers.length, (report) => {
      const item: Item = { ...report, index }
      if (this.#held === undefined) this.#queue.push(item, isPrompt)
      else this.#held.push(() => this.#queue.push(item, isPrompt))
    })
  }

  /** What the guard compares the first trees of sources with, by index; none of them is judged before. */
  compareWith(earlier: ReadonlyMap<number, EarlierState>): void {
    const held = this.#held ?? []
    this.#held = undefined
    if (earlier.size > 0) this.#options.pipeline.compareWith(earlier, this.#options.clock.now())
    for (const push of held) push()
  }

  /** See `Pipeline.guardMemory`; with the newest tree that was taken. */
  guardMemory(index: number): GuardMemory {
    const { seen } = this.#options.sources[index]!
    return { ...this.#options.pipeline.guardMemory(index), ...(seen && { seen }) }
  }

  /** Resolves when all that the sources have said before the call has been judged. */
  settled(): Promise<void> {
    return this.#queue.settled()
  }

  /** Gives back the memory that `keepsLeaves` costs; neither `fallback` nor `lastGoodState` may be called after it. */
  forgetLeaves(): void {
    this.#ledgers = []
  }

  /** Takes nothing more. What is in service stays readable. */
  close(): void {
    this.#held = undefined
    this.#queue.close()
    this.#rejection.close()
  }

  /**
   * Puts leaves in the place of sources that are missing or not valid, by index, and judges the whole. When that is good
   * it is in service, and what the sources really hold is staged again to be judged from now on; when not, the issues
   * come back and nothing has changed.
   */
  fallback(from: 'snapshot' | 'defaults', leaves: ReadonlyMap<number, FallbackState>): readonly Issue[] {
    const { sources, pipeline } = this.#options
    const covered = [...leaves.keys()].filter((index) => sources[index]!.hasTree)
    const real = new Map([...leaves.keys()].map((index) => [index, this.#ledgers[index]!.leaves()]))
    const allowed = new Map([...leaves.keys()].map((index) => [index, pipeline.allowedRemovals(index)]))
    const stage = (index: number, layers: readonly (readonly Leaf[])[], isFallback: boolean) =>
      this.#stage(index, { type: 'replace', update: { revision: 0, epoch: 0, layers }, isFallback })
    const stageReal = (index: number) => {
      stage(index, real.get(index)!, false)
      pipeline.allowRemovals(index, allowed.get(index)!)
    }

    for (const [index, { layers }] of leaves) stage(index, layers, true)
    const outcome = this.#evaluate()
    if (outcome.type === 'rejected') {
      for (const index of leaves.keys()) stageReal(index)
      return outcome.issues
    }
    const putBack = this.#rejection.suspend()
    this.#servedFrom = from
    this.#isJudging = true
    const place = this.#position.fallback((source) => leaves.get(sources.indexOf(source)))
    this.#accept(outcome.value, place)
    if (covered.length === 0) return []
    putBack()
    for (const index of covered) stageReal(index)
    this.#judged(sources[covered.at(-1)!]!, this.#evaluate())
    return []
  }

  /** Resolves after the next word of any source has been taken. */
  nextContact(): Promise<void> {
    return new Promise((resolve) => this.#contactWaiters.push(resolve))
  }

  /** The last good state of a remote source, also while a worse one is staged. Only once there was one. */
  lastGoodState(index: number, options: { readonly withSecrets: boolean }): FallbackState {
    return { ...this.#goodPlaces[index]!, layers: this.#goodLeaves(index, options) }
  }

  #goodLeaves(index: number, options: { readonly withSecrets: boolean }): readonly (readonly Leaf[])[] {
    const { pipeline } = this.#options
    const stage = (changes: PatchUpdate['changes']) =>
      pipeline.stage(index, { type: 'patch', update: { revision: 0, changes } })
    const { back, forth } = this.#ledgers[index]!.difference()
    if (back.length === 0) return pipeline.leaves(index, options)
    const allowed = pipeline.allowedRemovals(index)
    stage(back)
    const leaves = pipeline.leaves(index, options)
    stage(forth)
    pipeline.allowRemovals(index, allowed)
    return leaves
  }

  #take(items: readonly Item[]): number {
    try {
      return this.#takeFirst(items)
    } catch (cause) {
      // nothing may stop the queue
      this.#observer!.failed(new LivetreeError('internal', 'Taking an update failed', { cause }))
      return 1
    }
  }

  #takeFirst(items: readonly Item[]): number {
    const patches = items.length > 1 && this.#singles === 0 ? this.#run(items) : []
    if (patches.length > 1) {
      if (this.#takeTogether(items[0]!.index, patches)) return patches.length
      this.#singles = patches.length
    }
    if (this.#singles > 0) this.#singles--
    this.#takeOne(items[0]!)
    return 1
  }

  /** The patches of one source that `items` begins with, as far as they may be judged together. */
  #run(items: readonly Item[]): readonly PatchUpdate[] {
    const { sources } = this.#options
    const isWhole = this.#isJudging && sources.every(({ hasTree }) => hasTree)
    if (!isWhole || this.rejected !== undefined) return []
    const { index } = items[0]!
    const patches: PatchUpdate[] = []
    for (const item of items) {
      if (item.index !== index || item.type !== 'patch' || item.update.allowRemoval) break
      if (sources[index]!.problemWith(item.update, patches.at(-1)?.revision) !== undefined) break
      patches.push(item.update)
    }
    return patches
  }

  #takeTogether(index: number, patches: readonly PatchUpdate[]): boolean {
    const outcome = this.#options.pipeline.attempt(index, patches, this.#options.clock.now())
    if (outcome === undefined) return false
    const state = this.#options.sources[index]!
    for (const { changes } of patches) this.#ledgers[index]?.patch(changes)
    state.takePatch(patches.at(-1)!)
    this.#judged(state, outcome)
    this.#noteContact(state)
    return true
  }

  #takeOne(item: Item): void {
    const state = this.#options.sources[item.index]!
    try {
      if (item.type === 'part') {
        // once trees are judged, none of them may hold half of a list
        const isEarly = !state.hasTree && !this.#isJudging
        if (isEarly) this.#options.pipeline.stageEarly(item.index, item.layer, item.list)
        return
      }
      if (item.type === 'malformed') this.#takeMalformed(state, item.problem)
      else if (item.type === 'lost') state.takeLoss(lossOf(item.reason))
      else if (item.type === 'alive') this.#takeProof(state, item.proof)
      else this.#takeUpdate(item.index, state, item)
    } catch (cause) {
      const message = `Taking an update of source ${state.source.name} failed`
      this.#observer!.failed(new LivetreeError('internal', message, { cause }))
    }
    this.#noteContact(state)
  }

  /** What it said is lost, so the state may be behind until it says something that can be read. */
  #takeMalformed(state: SourceState, problem: string): void {
    const message = `Source ${state.source.name} ${problem}. The call was dropped.`
    const error = new LivetreeError('source_broken', message)
    state.takeLoss({ error, isFinal: false })
    this.#observer!.failed(error)
  }

  #noteContact(state: SourceState): void {
    this.#observer!.connectivity(state)
    for (const resolve of this.#contactWaiters.splice(0)) resolve()
  }

  #takeProof(state: SourceState, proof: { readonly revision: number; readonly provenAt: number }): void {
    state.takeProof(proof)
    if (this.#isJudging && this.rejected === undefined) this.#advance()
  }

  #takeUpdate(index: number, state: SourceState, staged: StagedUpdate): void {
    const isFirst = !state.hasTree
    const problem =
      staged.type === 'replace' ? state.takeReplace(staged.update) : state.takePatch(staged.update)
    if (problem !== undefined) {
      const message = `Source ${state.source.name} ${problem}. The update was dropped.`
      this.#observer!.failed(new LivetreeError('source_broken', message))
      return
    }
    if (isFirst) this.#position.tookTree(state)
    this.#stage(index, staged)
    const isKnown = staged.type === 'replace' && staged.update.isKnown === true
    if (isKnown || !(this.#isJudging || this.#options.sources.every(({ hasTree }) => hasTree))) return
    this.#isJudging = true
    this.#judged(state, this.#evaluate())
  }

  #stage(index: number, staged: StagedUpdate): void {
    const ledger = this.#ledgers[index]
    if (staged.type === 'replace') ledger?.replace(staged.update)
    else ledger?.patch(staged.update.changes)
    this.#options.pipeline.stage(index, staged)
  }

  #evaluate(): Outcome<T> {
    try {
      return this.#options.pipeline.evaluate({ now: this.#options.clock.now() })
    } catch (cause) {
      const error = new LivetreeError('internal', 'Judging a tree failed. The last good one stays.', {
        cause,
      })
      this.#observer!.failed(error)
      const place = { path: [], pathText: '', expected: undefined, received: undefined, origins: [] }
      const issue = { ...place, code: 'internal', message: 'The tree could not be judged' }
      return { type: 'rejected', issues: [issue], unused: [] }
    }
  }

  #judged(source: SourceState, outcome: Outcome<T>): void {
    this.#noteUnused(outcome.unused)
    if (outcome.type === 'rejected') {
      this.#reject(source, outcome.issues)
      return
    }
    if (this.#options.sources.every(({ hasTree }) => hasTree)) this.#servedFrom = 'sources'
    if (outcome.type === 'accepted') this.#accept(outcome.value, this.#position.place)
    else this.#confirm()
  }

  #accept(value: T, place: StorePosition | undefined): void {
    const isHealed = this.#heal()
    const version = ++this.#version
    this.#snapshot = new Snapshot(value, { version, ...(place ?? { revision: version, epoch: 0 }) })
    this.#observer!.accepted(this.#snapshot, isHealed)
  }

  #confirm(): void {
    const isHealed = this.#heal()
    this.#advance()
    this.#observer!.confirmed(this.#snapshot!, isHealed)
  }

  /** The value in service is the state at a later revision too. */
  #advance(): void {
    const place = this.#servedFrom === 'sources' ? this.#position.place : undefined
    if (place !== undefined) this.#snapshot = this.#snapshot?.at(place)
  }

  #heal(): boolean {
    for (const ledger of this.#ledgers) ledger?.accept()
    this.#goodPlaces = this.#options.sources.map((source) => this.#position.placeInStore(source))
    return this.#rejection.clear()
  }

  #reject(source: SourceState, issues: readonly Issue[]): void {
    this.#rejection.set({ source: source.source.name, ...this.#position.placeOf(source), issues })
  }

  #noteUnused(keys: readonly UnusedKey[]): void {
    if (keys === this.#unused.keys || (keys.length === 0 && this.#unused.keys.length === 0)) return
    const id = keys.map(({ origin }) => `${origin.layer} ${origin.key}`).join('\n')
    if (id === this.#unused.id) return
    this.#unused = { keys, id }
    this.#observer!.unused(keys)
  }
}

/** The reason of a loss may be no error, or one without a message, or one that cannot be read. */
function lossOf(reason: object) {
  return { error: errorOf(fieldOf(reason, 'error')), isFinal: fieldOf(reason, 'isFinal') === true }
}
