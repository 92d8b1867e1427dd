import type { SeenTree } from '../pipeline/guard-memory.ts'
import type { Clock, PatchUpdate, ReplaceUpdate, Source } from '../source/source.ts'
import { strayChange, strayPermission } from './sink-contract.ts'

/** What is known of one source, for `status`. */
export interface SourceStatus {
  readonly name: string
  /** `loading`: has not handed over its tree yet. `lost`: contact is gone, the last tree stays in use. */
  readonly state: 'loading' | 'live' | 'lost'
  /** The last revision it reported; 0 while loading. */
  readonly revision: number
  readonly epoch: number
  /** When it last proved that nothing is missing, ms since the epoch; undefined while loading. */
  readonly provenAt: number | undefined
  /** Why contact was lost; undefined while there is contact. */
  readonly lastError: Error | undefined
}

/** One source as the writer sees it: its position, whether it is connected, and whether it keeps the port's contract. */
export class SourceState {
  readonly source: Source
  readonly #clock: Clock
  #hasTree = false
  #revision = 0
  #epoch = 0
  #store: string | undefined = undefined
  #provenAt: number | undefined = undefined
  #lost: { readonly error: Error; readonly isFinal: boolean } | undefined = undefined

  constructor(source: Source, clock: Clock) {
    this.source = source
    this.#clock = clock
  }

  get hasTree(): boolean {
    return this.#hasTree
  }
  get revision(): number {
    return this.#revision
  }
  get epoch(): number {
    return this.#epoch
  }
  /** See `ReplaceUpdate.store`. */
  get store(): string | undefined {
    return this.#store
  }
  /** The newest tree that was taken; undefined while there is none. */
  get seen(): SeenTree | undefined {
    return this.#hasTree ? { revision: this.#revision, store: this.#store } : undefined
  }
  get provenAt(): number | undefined {
    // a proof from the future: the clock was set back, so the age of the proof is unknown
    if (this.#provenAt !== undefined) this.#provenAt = Math.min(this.#provenAt, this.#clock.now())
    return this.#provenAt
  }
  get lastError(): Error | undefined {
    return this.#lost?.error
  }
  /** Contact is gone, and trying again cannot bring it back. */
  get isLostForGood(): boolean {
    return this.#lost?.isFinal === true
  }

  get status(): SourceStatus {
    const status: SourceStatus = {
      name: this.source.name,
      state: this.#lost !== undefined ? 'lost' : this.#hasTree ? 'live' : 'loading',
      revision: this.#revision,
      epoch: this.#epoch,
      provenAt: this.provenAt,
      lastError: this.#lost?.error,
    }
    // JSON.stringify makes {} of an error
    const toJSON = () => ({ ...status, lastError: errorToJson(status.lastError) })
    return Object.freeze(Object.defineProperty(status, 'toJSON', { value: toJSON }))
  }

  /** Records the update. Returns undefined, or why it must be dropped; then nothing has changed. */
  takeReplace(update: ReplaceUpdate): string | undefined {
    if (update.layers.length !== this.source.layers.length) {
      return `handed over ${update.layers.length} layers and declares ${this.source.layers.length}`
    }
    const stray = strayPermission(update.allowRemoval, this.source.layers.length)
    if (stray !== undefined) return stray
    if (this.#hasTree && update.epoch < this.#epoch) {
      return `went back from epoch ${this.#epoch} to ${update.epoch}`
    }
    if (this.#hasTree && update.epoch === this.#epoch && update.revision < this.#revision) {
      return `went back from revision ${this.#revision} to ${update.revision} within epoch ${this.#epoch}`
    }
    this.#hasTree = true
    this.#epoch = update.epoch
    this.#store = update.store
    this.#seen(update.revision, update.provenAt ?? this.#clock.now())
    return undefined
  }

  /** Records the update. Returns undefined, or why it must be dropped; then nothing has changed. */
  takePatch(update: PatchUpdate): string | undefined {
    const problem = this.problemWith(update)
    // contact, and no proof: what is caught up with may be old
    if (problem === undefined) this.#seen(update.revision, this.provenAt ?? 0)
    return problem
  }

  /** Why the update would have to be dropped if the source stood at `revision`. */
  problemWith(update: PatchUpdate, revision = this.#revision): string | undefined {
    if (!this.#hasTree) return 'sent a patch before its first replace'
    // A permission alone may be for what is already there.
    const isPermission = update.changes.length === 0 && update.revision === revision
    if (update.revision <= revision && !isPermission) {
      return `sent a patch of revision ${update.revision} when it stood at ${revision}`
    }
    const count = this.source.layers.length
    return strayChange(update.changes, count) ?? strayPermission(update.allowRemoval, count)
  }

  takeProof(proof: { readonly revision: number; readonly provenAt: number }): void {
    if (this.#hasTree) this.#seen(Math.max(proof.revision, this.#revision), proof.provenAt)
  }

  takeLoss(reason: { readonly error: Error; readonly isFinal: boolean }): void {
    this.#lost = reason
  }

  #seen(revision: number, provenAt: number): void {
    this.#revision = revision
    this.#provenAt = Math.max(provenAt, this.provenAt ?? 0)
    this.#lost = undefined
  }
}

function errorToJson(error: Error | undefined): object | undefined {
  if (error === undefined) return undefined
  const { name, message } = error
  const { code } = error as { code?: unknown }
  return { name, message, ...(typeof code === 'string' && { code }) }
}
