import type { Issue, UnusedKey } from '../issue.ts'
import { deepFrozen } from '../pipeline/deep-frozen.ts'
import type { Outcome } from '../pipeline/outcome.ts'
import type { Clock } from '../source/source.ts'
import { type RejectedEvent, Rejection } from './rejection.ts'
import { Snapshot } from './snapshot.ts'
import type { SourceState } from './source-state.ts'
import { PositionTracker, type StorePosition } from './position-tracker.ts'
import { NO_OBSERVER, type UpdateObserver } from './update-observer.ts'

/** Where the value in service came from: the sources, or the fallback that was applied at startup. */
export type ServedFrom = 'sources' | 'snapshot' | 'defaults'

/** The value in service, at which position, and what is wrong with the newest tree. Notifies the observer of every change. */
export class ServedState<T> {
  observer: UpdateObserver<T> = NO_OBSERVER
  readonly position: PositionTracker
  readonly #sources: readonly SourceState[]
  readonly #rejection: Rejection
  readonly #clock: Clock
  #snapshot: Snapshot<T> | undefined = undefined
  #servedFrom: ServedFrom = 'sources'
  #unused: { readonly keys: readonly UnusedKey[]; readonly id: string } = { keys: [], id: '' }
  #version = 0
  #acceptedAt: number | undefined = undefined
  /** Identifies the configuration in its snapshots. */
  readonly #owner = {}

  constructor(sources: readonly SourceState[], clock: Clock) {
    this.#sources = sources
    this.#clock = clock
    this.position = new PositionTracker(sources)
    this.#rejection = new Rejection(clock, (event) => this.observer.rejected(event))
  }

  /** Undefined until a tree is accepted. */
  get snapshot(): Snapshot<T> | undefined {
    return this.#snapshot
  }
  get servedFrom(): ServedFrom {
    return this.#servedFrom
  }
  /** Set while the newest tree is rejected. */
  get rejected(): RejectedEvent | undefined {
    return this.#rejection.event
  }
  /** When a tree of the sources was last valid, in ms since the Unix epoch; undefined if none was. */
  get acceptedAt(): number | undefined {
    return this.#acceptedAt
  }
  get unused(): readonly UnusedKey[] {
    return this.#unused.keys
  }

  /** The revision of a source that is in service; 0: what is in service is of another store than the one that it reads now. */
  revisionOf(source: SourceState): number {
    const staged = this.position.of(source)
    const whole = this.rejected === undefined ? staged : this.position.accepted(source)
    const served = this.position.isPrimary(source) ? this.#snapshot : whole
    return served?.epoch === staged.epoch ? served.revision : 0
  }

  /** Takes the outcome of validating the staged trees, which an update of `source` has changed. */
  take(source: SourceState, outcome: Outcome<T>): void {
    this.#noteUnused(outcome.unused)
    if (outcome.type === 'rejected') {
      this.#reject(source, outcome.issues)
      return
    }
    this.#acceptedAt = this.#clock.now()
    if (this.#sources.every(({ hasTree }) => hasTree)) this.#servedFrom = 'sources'
    if (outcome.type === 'accepted') this.#accept(outcome.value, this.position.current)
    else this.#confirm()
  }

  /**
   * Serves a value that was made with a fallback; `positionOf` tells where the fallback of a source was taken. Returns a
   * function that restores the rejection of the newest tree, without a report.
   */
  serveFallback(
    from: 'snapshot' | 'defaults',
    value: T,
    positionOf: (source: SourceState) => StorePosition | undefined,
  ): () => void {
    const restoreRejection = this.#rejection.suspend()
    this.#servedFrom = from
    this.#accept(value, this.position.fallback(positionOf))
    return restoreRejection
  }

  /** Moves the snapshot in service to the current position: its value is the state there, too. */
  advance(): void {
    const position = this.#servedFrom === 'sources' ? this.position.current : undefined
    if (position !== undefined) this.#snapshot = this.#snapshot?.at(position)
  }

  /** Reports nothing any more. What is in service stays readable. */
  close(): void {
    this.#rejection.close()
  }

  #accept(value: T, position: StorePosition | undefined): void {
    const isHealed = this.#heal()
    const version = ++this.#version
    this.#snapshot = new Snapshot(
      value,
      { version, ...(position ?? { revision: version, epoch: 0 }) },
      this.#owner,
    )
    this.observer.accepted(this.#snapshot, isHealed)
  }

  #confirm(): void {
    const isHealed = this.#heal()
    this.advance()
    if (this.#snapshot !== undefined) this.observer.confirmed(this.#snapshot, isHealed)
  }

  #heal(): boolean {
    this.position.accept()
    return this.#rejection.clear()
  }

  #reject(source: SourceState, issues: readonly Issue[]): void {
    this.#rejection.set({ source: source.source.name, ...this.position.of(source), issues })
  }

  #noteUnused(keys: readonly UnusedKey[]): void {
    if (keys === this.#unused.keys || (keys.length === 0 && this.#unused.keys.length === 0)) return
    const id = keys.map(({ origin }) => `${origin.layer} ${origin.key}`).join('\n')
    const isKnown = id === this.#unused.id
    // those that are known may have been written again, at a later revision
    this.#unused = { keys: deepFrozen(keys), id }
    if (!isKnown) this.observer.unused(keys)
  }
}
