import type { KeySet } from '../encryption/key-set.ts'
import { LivetreeError } from '../errors.ts'
import type { Issue, UnusedKey } from '../issue.ts'
import type { GuardMemory } from '../pipeline/guard-memory.ts'
import type { EarlierState, Preview, RestartsOf, SourcePatch } from '../pipeline/outcome.ts'
import type { PatchUpdate, SourceSink } from '../source/source.ts'
import type { RejectedEvent } from './rejection.ts'
import { type ServedFrom, ServedState } from './served-state.ts'
import type { Snapshot } from './snapshot.ts'
import { createSourceSink, type SourceReport } from './source-sink.ts'
import type { SourceState } from './source-state.ts'
import { type GoodLeaves, Staging, type StagingOptions } from './staging.ts'
import type { UpdateObserver } from './update-observer.ts'
import { type Batch, UpdateQueue } from './update-queue.ts'
import { type SourceUpdate, type StoredTree, Validator } from './validator.ts'

/** Options of `UpdateProcessor`. */
export interface UpdateProcessorOptions<T> extends StagingOptions<T> {
  /** Whether reports of the sources are held until `compareWith`: for a comparison, or for keys. */
  readonly awaitsComparison: boolean
  /** How long updates of remote sources may keep the event loop from turning, in milliseconds. */
  readonly sliceMs: number
}

/** A report, and the source it is from. */
interface Item {
  readonly index: number
  readonly state: SourceState
  readonly report: SourceReport
}

/**
 * The one writer of a configuration. Takes the reports of the sources in order, one at a time, and validates every
 * update: a valid revision between two invalid ones becomes current. Updates that have had to wait are validated as one
 * state if that is valid.
 */
export class UpdateProcessor<T> {
  readonly #sources: readonly SourceState[]
  readonly #queue: UpdateQueue<Item>
  readonly #staging: Staging<T>
  readonly #served: ServedState<T>
  readonly #validator: Validator<T>
  readonly #connectionWaiters: (() => void)[] = []

  constructor(options: UpdateProcessorOptions<T>) {
    const { sources, clock, sliceMs, awaitsComparison } = options
    this.#sources = sources
    this.#staging = new Staging(options)
    this.#served = new ServedState(sources, clock)
    this.#validator = new Validator(sources, this.#staging, this.#served)
    this.#queue = new UpdateQueue<Item>(
      {
        take: (item) => this.#guarded(() => this.#takeAll([item])),
        takeAll: (items) => this.#guarded(() => this.#takeAll(items)),
        batchOf: (items) => this.#guarded(() => this.#batchOf(items)),
        loops: () => this.#served.observer.loops?.(),
      },
      { sliceMs, isHeld: awaitsComparison },
    )
  }

  /** The state in service; undefined until a tree was accepted. */
  get snapshot(): Snapshot<T> | undefined {
    return this.#served.snapshot
  }
  get servedFrom(): ServedFrom {
    return this.#served.servedFrom
  }
  /** Set while the newest tree is rejected. */
  get rejected(): RejectedEvent | undefined {
    return this.#served.rejected
  }
  /** See `ConfigStatus.acceptedAt`. */
  get acceptedAt(): number | undefined {
    return this.#served.acceptedAt
  }
  get unused(): readonly UnusedKey[] {
    return this.#served.unused
  }

  /** See `LoadedParts.servedRevision`. */
  servedRevision(index: number): number {
    return this.#served.revisionOf(this.#stateOf(index))
  }

  /** Must be called before the first source is opened. */
  observe(observer: UpdateObserver<T>): void {
    this.#served.observer = observer
  }

  sinkFor(index: number): SourceSink {
    const state = this.#stateOf(index)
    const { layers, isRemote } = state.source
    // Local sources update synchronously: after `set()` returns, the caller expects `current` to be new.
    return createSourceSink(layers.length, (report) => this.#queue.push({ index, state, report }, !isRemote))
  }

  /** Gives the guard the trees to compare the first ones of sources with, by index, and takes the reports held for it. */
  compareWith(earlier: ReadonlyMap<number, EarlierState>): void {
    this.#staging.compareWith(earlier)
    this.#queue.release()
  }

  /** What encrypted leaves are opened with from now on. */
  useKeys(keys: KeySet): void {
    this.#queue.between(() => this.#guarded(() => this.#validator.useKeys(keys)))
  }

  /** See `Pipeline.guardMemory`; with the newest tree that was taken. */
  guardMemory(index: number, options: { readonly withSecrets: boolean }): GuardMemory {
    const { seen } = this.#stateOf(index)
    return { ...this.#staging.guardMemory(index, options), ...(seen && { seen }) }
  }

  /** See `LiveConfig.preview`: on what has been taken so far. What the sources report meanwhile is taken afterwards. */
  preview(updates: readonly SourcePatch[], restartsOf: RestartsOf<T>): Preview {
    return this.#queue.between(() => this.#validator.preview(updates, restartsOf))
  }

  /** Resolves when all that the sources have reported before the call has been taken. */
  settled(): Promise<void> {
    return this.#queue.settled()
  }

  /** Resolves after the next report of any source has been taken. */
  nextConnection(): Promise<void> {
    return new Promise((resolve) => this.#connectionWaiters.push(resolve))
  }

  /** Frees the memory that `keepsLeaves` costs; neither `fallback` nor `lastGoodState` may be called after it. */
  forgetLeaves(): void {
    this.#staging.forgetLeaves()
  }

  /** Takes nothing more. What is in service stays readable. */
  close(): void {
    this.#queue.close()
    this.#served.close()
  }

  /** See `Validator.fallback`. */
  fallback(from: 'snapshot' | 'defaults', trees: ReadonlyMap<number, StoredTree>): readonly Issue[] {
    return this.#validator.fallback(from, trees)
  }

  /** The last accepted tree of a remote source, also while an invalid one is staged. @throws LivetreeError `internal` before there is one */
  lastGoodState(index: number, options: { readonly withSecrets: boolean }): StoredTree & GoodLeaves {
    const position = this.#served.position.lastGood(this.#stateOf(index))
    return { ...position, ...this.#staging.goodLeaves(index, options) }
  }

  #stateOf(index: number): SourceState {
    const state = this.#sources[index]
    if (state === undefined) throw new LivetreeError('internal', `There is no source ${index}.`)
    return state
  }

  /** Nothing may stop the queue. */
  #guarded<R>(work: () => R): R | undefined {
    try {
      return work()
    } catch (cause) {
      this.#served.observer.failed(new LivetreeError('internal', 'Taking an update failed', { cause }))
      return undefined
    }
  }

  /** The patches of one source that `items` begins with, as far as they may be validated as one state. */
  #batchOf(items: readonly Item[]): Batch | undefined {
    const { isStarted, isWhole } = this.#validator
    const [first] = items
    if (first === undefined || !isStarted || !isWhole || this.rejected !== undefined) return undefined
    const { index, state } = first
    const patches: PatchUpdate[] = []
    for (const item of items) {
      const { report } = item
      if (item.index !== index || report.type !== 'patch' || report.update.allowRemoval) break
      if (state.problemWith(report.update, patches.at(-1)?.revision) !== undefined) break
      patches.push(report.update)
    }
    const take = () => {
      if (!this.#validator.takeTogether(index, state, patches)) return false
      this.#noteContact(state)
      return true
    }
    return { size: patches.length, take: () => this.#guarded(take) ?? false }
  }

  /** Only the state after the last item is judged, and of the problems of a source only the last is reported. */
  #takeAll(items: readonly Item[]): void {
    const problems = new Map<SourceState, LivetreeError>()
    const isProven = items.some(({ report }) => report.type === 'alive')
    try {
      const updates = items.flatMap((item) => this.#updateOf(item, problems))
      if (updates.length > 0) this.#validator.takeAll(updates)
      if (isProven && this.#validator.isStarted && this.rejected === undefined) this.#served.advance()
    } catch (cause) {
      const names = [...new Set(items.map(({ state }) => state.source.name))].join(', ')
      const message = `Taking an update of source ${names} failed`
      this.#served.observer.failed(new LivetreeError('internal', message, { cause }))
    }
    for (const problem of problems.values()) this.#served.observer.failed(problem)
    const heard = items.filter(({ report }) => report.type !== 'part')
    for (const state of new Set(heard.map((item) => item.state))) this.#noteContact(state)
  }

  #noteContact(state: SourceState): void {
    this.#served.observer.connectivity(state)
    for (const resolve of this.#connectionWaiters.splice(0)) resolve()
  }

  /** Notes what a source has reported. Returns the update to be staged, if it is one. */
  #updateOf({ index, state, report }: Item, problems: Map<SourceState, LivetreeError>): SourceUpdate[] {
    const broken = (what: string) => {
      const error = new LivetreeError('source_broken', `Source ${state.source.name} ${what}`)
      problems.set(state, error)
      return error
    }
    switch (report.type) {
      case 'part':
        if (!state.hasTree && !this.#validator.isStarted)
          this.#staging.stageEarly(index, report.layer, report.list)
        return []
      case 'malformed':
        // The content of the call is unknown, so the state may be behind until the source makes a valid one.
        state.takeLoss({ error: broken(`${report.problem}. The call was dropped.`), isFinal: false })
        return []
      case 'lost':
        state.takeLoss(report.reason)
        return []
      case 'alive':
        state.takeProof(report.proof)
        return []
      default: {
        const isFirst = !state.hasTree
        const { type, update } = report
        const problem = type === 'replace' ? state.takeReplace(update) : state.takePatch(update)
        if (problem !== undefined) broken(`${problem}. The update was dropped.`)
        else if (isFirst) this.#served.position.tookTree(state)
        return problem === undefined ? [{ index, state, staged: report }] : []
      }
    }
  }
}
