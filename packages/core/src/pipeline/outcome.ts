import type { GuardMemory } from './guard-memory.ts'
import type { KeySet } from '../encryption/key-set.ts'
import type { LeafList } from './leaf-list.ts'
import type { Issue, Path, Origin, UnusedKey } from '../issue.ts'
import type { Leaf, PatchUpdate, ReplaceUpdate } from '../source/source.ts'
import type { WithheldLeaf } from './withheld.ts'

/** One leaf that differs between two snapshots. Values of secret leaves read `[secret]`. */
export interface Change {
  readonly type: 'added' | 'changed' | 'removed'
  readonly path: Path
  readonly pathText: string
  readonly previous: unknown
  readonly next: unknown
}

/** A staged tree that is valid. `value` is frozen all the way down; unchanged subtrees keep their identity. */
export interface ValidOutcome<T> {
  /** `unchanged`: equal to the last accepted value, which is handed back as it was. */
  readonly type: 'accepted' | 'unchanged'
  readonly value: T
  readonly unused: readonly UnusedKey[]
}

/** A staged tree that is not served. */
export interface RejectedOutcome {
  readonly type: 'rejected'
  readonly issues: readonly Issue[]
  readonly unused: readonly UnusedKey[]
}

/** What is found of a staged tree, before it is compared with the accepted value. */
export type Judged<T> =
  | { readonly type: 'valid'; readonly value: T; readonly unused: readonly UnusedKey[] }
  | RejectedOutcome

/** The result of one evaluation of the staged tree. */
export type Outcome<T> = ValidOutcome<T> | RejectedOutcome

/**
 * One layer that has something at a path, the highest first. Of a value that stands at one key all but the first are
 * shadowed; to a list or an object of single keys every layer adds its own, and `value` holds those, by their path below
 * (the first 100). A text that removes or empties the place, or one above it, stands with its own key above what it hides. What
 * no layer gives and the schema made (a default, a transform) comes first, with the origin `schema`.
 */
export interface ExplainedLayer {
  readonly origin: Origin
  /** Redacted where the schema says secret. */
  readonly value: unknown
  /** The id of the key that the layer's text is encrypted with; undefined where it is no envelope. */
  readonly encryptedWith?: string | undefined
}

/**
 * `lists`: the leaves of `update.layers`, of which some may be in place by `stageEarly`. `isFallback`: the tree only stands in for that of the source. Until the source's own is staged the guard neither judges
 * it nor takes it for an accepted one.
 */
export type StagedUpdate =
  | {
      readonly type: 'replace'
      readonly update: ReplaceUpdate
      readonly lists?: readonly LeafList[]
      readonly isFallback?: boolean
    }
  | { readonly type: 'patch'; readonly update: PatchUpdate }

/** An update of one source, by the source's number. */
export interface SourcePatch {
  readonly source: number
  readonly update: PatchUpdate
}

/** The paths of which an application would go on with the old value, if this one came into service. */
export type RestartsOf<T> = (value: T) => readonly string[]

/** What would become of a change; see `LiveConfig.preview`. */
export type Preview =
  | {
      readonly type: 'valid'
      /** How `current` would differ, leaf by leaf; empty where the change changes nothing that is served. */
      readonly changes: readonly Change[]
      /** What `status.needsRestart` would be then. */
      readonly needsRestart: readonly string[]
      /** Keys that the schema would not know then. */
      readonly unused: readonly UnusedKey[]
    }
  | {
      readonly type: 'invalid'
      /** What `rejected` would report: at most 10,000 problems, without secrets. */
      readonly issues: readonly Issue[]
      readonly unused: readonly UnusedKey[]
    }

export interface EvaluateOptions {
  /** Ms since the epoch, for the guard's window. Default 0. */
  readonly now?: number | undefined
  /** The guard judges also a tree that is invalid anyway: its issues come last. Default false. */
  readonly guardsInvalid?: boolean | undefined
}

/** What one source had when an earlier process last accepted a tree. */
export interface EarlierState {
  readonly layers: readonly (readonly Leaf[])[]
  /** What `layers` leave out, layer by layer; undefined where they leave nothing out. */
  readonly withheld?: readonly (readonly WithheldLeaf[])[] | undefined
  /** undefined: nothing beside the leaves is known. */
  readonly memory: EarlierMemory | undefined
}

/** What the guard of that process knew; without counts where those were of other layers. */
export type EarlierMemory = Omit<GuardMemory, 'leafCount' | 'peak'> & {
  readonly leafCount: number | undefined
  readonly peak: number | undefined
}

/**
 * Layers in, one validated snapshot out. Synchronous, no I/O, no clock, no logger. Holds the raw layers and what it
 * decoded from them, so that one changed leaf costs its path.
 */
export interface Pipeline<T> {
  /**
   * Puts the leaves that a list has so far in place ahead of the `replace` that is staged with the list; does nothing
   * where the layer has something else. Nothing may be evaluated before the next `replace` of source number `source`.
   */
  stageEarly(source: number, layer: number, list: LeafList): void
  /** Stages an update of source number `source` in the layers, without validation. */
  stage(source: number, update: StagedUpdate): void
  /**
   * Stages several updates of a source in the layers and validates the result. Where that is not valid all is as it
   * was, and the answer is undefined: one of the states between may be valid.
   */
  attempt(source: number, updates: readonly PatchUpdate[], now?: number): ValidOutcome<T> | undefined
  /** Judges the staged layers. An accepted value becomes the one the next outcome is compared with. */
  evaluate(options?: EvaluateOptions): Outcome<T>
  /** Opens the envelopes of all layers again, with other keys; without validation. */
  useKeys(keys: KeySet): void
  /**
   * The outcome that these updates would have if they were staged and judged at `now` (ms since the epoch). Everything is as it was
   * afterwards. Costs what the updates themselves would.
   *
   * @param restartsOf what a value that is valid needs a restart for; default: nothing
   * @throws LivetreeError `internal` when the schema itself calls it, while a tree is judged
   */
  preview(updates: readonly SourcePatch[], now?: number, restartsOf?: RestartsOf<T>): Preview
  /** Stages what sources had in an earlier process, without validation: the guard compares their next trees with it. */
  compareWith(earlier: ReadonlyMap<number, EarlierState>, now: number): void
  /** Leaves of the last accepted tree that a source has taken away and said that it is meant, layer by layer. */
  allowedRemovals(source: number): readonly ReadonlySet<string>[]
  /** Says so again, after other leaves have been staged for a while. */
  allowRemovals(source: number, allowed: readonly ReadonlySet<string>[]): void
  /** What the guard has to remember of a source beside its leaves; without secrets, names below them are left out. Default with. */
  guardMemory(source: number, options?: { withSecrets: boolean }): GuardMemory
  /** Leaf by leaf difference of two values that this pipeline accepted; costs what changed. */
  diff(previous: T, next: T): readonly Change[]
  /** What each layer holds at a path of the schema, highest first. Accepts `db.pool.max` or segments. */
  explain(path: string | Path): {
    readonly path: Path
    readonly value: unknown
    readonly layers: readonly ExplainedLayer[]
  }
  /** A copy of the value, or of a part of it at `path`, with every secret leaf replaced by `[secret]`. */
  redact(value: unknown, path?: Path): unknown
  /** The leaves of one source as staged, for the snapshot on disk; `withSecrets: false` leaves out all that may hold one. */
  leaves(source: number, options: { withSecrets: boolean }): readonly (readonly Leaf[])[]
  /** What `leaves` leaves out, without values. */
  withheld(source: number, options: { withSecrets: boolean }): readonly (readonly WithheldLeaf[])[]
  /** The leaves of one source as staged, all of them. */
  stagedLeaves(source: number): readonly (readonly Leaf[])[]
  /** Hash of the schema's shape, to tell whether a snapshot on disk was written for it. */
  readonly fingerprint: string
}
