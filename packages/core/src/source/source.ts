/** Wall and monotonic time, and timers; injected so that tests need no sleeping. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  setTimeout(run: () => void, ms: number): unknown
  clearTimeout(timer: unknown): void
}

/** Where core and sources report what an operator may want to read; see `LoadOptions.logger`. Must not throw. */
export interface Logger {
  debug(message: string, details?: Record<string, unknown>): void
  info(message: string, details?: Record<string, unknown>): void
  warn(message: string, details?: Record<string, unknown>): void
  error(message: string, details?: Record<string, unknown>): void
}

/**
 * One value a source holds. A `string` is text and is read by the schema; anything else is a typed value or, if it is
 * an object or array, a document that stands for a whole subtree. `undefined` in a patch removes the leaf.
 */
export interface Leaf {
  /**
   * Segments joined by the layer's separator; with `/`, a segment holding `/` or `%` is percent-encoded. `''` is the root. A
   * byte of a key that is not UTF-8 text is `%` and the lone surrogate U+DC00 plus the byte: no two keys have one path.
   */
  readonly path: string
  readonly value: unknown
  /** The store's revision that last wrote the leaf; 0 where the source has none. */
  readonly revision: number
  /** The key that holds a layer's own document (path `''`), if that is not `LayerInfo.documentKey`. */
  readonly key?: string | undefined
}

/** A value that is there but cannot be read (bytes that are not UTF-8, a file that is not YAML). It makes the tree invalid. */
export class Unreadable {
  /** What is wrong, in words that quote nothing of the value: it is printed for secrets too. */
  readonly reason: string
  /** The same with words out of the value; printed in the place of `reason` where the schema knows that nothing is secret. */
  readonly quoting: string | undefined

  constructor(reason: string, quoting?: string) {
    this.reason = reason
    this.quoting = quoting
  }
}

/** How the segments of a layer's paths relate to the names in the schema. */
export type LayerNaming =
  /** By the definition's `naming` option (etcd, files). */
  | 'stored'
  /** The schema's own names (memory). */
  | 'exact'
  /** Upper case with `_` between words (environment variables). */
  | 'env'

/** What one layer is; fixed for the life of the source. */
export interface LayerInfo {
  /** For people and for `explain`: `etcd:/config/checkout/prod`, `file:config/defaults.yaml`, `env`. */
  readonly name: string
  /** Put before a leaf's path it gives the key as the store knows it. */
  readonly keyPrefix: string
  /** The key of the layer's own document, whose path is `''`. Default: `keyPrefix` without a separator at its end. */
  readonly documentKey?: string
  /**
   * What the store has before `keyPrefix`, such as the namespace of a client; it is part of no key of the layer. A message that
   * asks to set a key has it, for other clients. A byte that is not UTF-8 text is written as in `Leaf.path`. Default: nothing.
   */
  readonly namespace?: string
  /** Between segments: `/` in trees, `__` in environment variables. */
  readonly separator: string
  readonly naming: LayerNaming
  /**
   * Where the leaves of the layer belong in the schema: a path as `explain` takes it, such as `cache.redis`, in the schema's own names.
   * Their paths are relative to it. Default: the top.
   */
  readonly at?: string
  /**
   * How keys of the layer are treated that the schema does not know. `ignore`: they are ignored, since others share the layer,
   * and an error for a missing value suggests to set it in another one, if there is one; `warn`, the default: as the
   * definition's `unused` says.
   */
  readonly unused?: 'warn' | 'ignore'
  /** The command that confirms a removal from this layer. Default: `Source.removalCommand`. */
  readonly removalCommand?: string
  /**
   * Where the schema has a list of scalars, text that is no JSON list is taken apart at its commas, as people write lists in
   * environment variables. Default false.
   */
  readonly listsWithCommas?: boolean
  /**
   * Its paths come from nested objects, as a file or a program writes them: what has names below it is an object and never
   * a list, and a text is text. Default false: the paths are keys, and the schema decides what they mean.
   */
  readonly isNested?: boolean
  /**
   * The origin of the layer may not exist, such as a further document of a file, or an optional directory. While the layer
   * has no leaves, an error for a missing value suggests to set it in another one, if there is one. Default false.
   */
  readonly mayBeMissing?: boolean
}

/** For which layers of a source a removal is meant: all of them (`true`), or those with these indexes. */
export type RemovalPermission = boolean | readonly number[]

/** The whole of a source at one revision. `layers` has one list of leaves for each of the source's layers, in their order. */
export interface ReplaceUpdate {
  readonly revision: number
  /** Changes when the store was restored or replaced by another one. Starts at 0. */
  readonly epoch: number
  /** Identifies the store, if the source can tell stores apart. Written to the snapshot on disk. */
  readonly store?: string
  readonly layers: readonly (readonly Leaf[])[]
  /** When reading the tree began, ms since the epoch: it has everything written before. Default: the time of the call. */
  readonly provenAt?: number
  /** True if the tree makes up for missed updates (compaction, slow consumer), and is not the first one. */
  readonly resync?: boolean
  /**
   * Allows this update to remove any number of leaves (see the guard, P9). An update that removes nothing allows all
   * removals since the last accepted tree. Later removals need a permission of their own. A permission for some layers covers
   * only their leaves.
   */
  readonly allowRemoval?: RemovalPermission
  /**
   * This is the tree at `EarlierPlace.revision`, or the newest one that was handed over before. Later trees are compared with
   * it, and it is not validated. Every update after it up to the newest follows. Default false.
   */
  readonly isKnown?: boolean
}

/** All keys that one revision wrote. */
export interface PatchUpdate {
  readonly revision: number
  readonly changes: readonly LayerChange[]
  /** See `ReplaceUpdate.allowRemoval`; the changes may then be none. */
  readonly allowRemoval?: RemovalPermission
}

/**
 * A whole tree of a source, added part by part. It takes effect with `commit`, all at once; until then, and after
 * `abandon`, the source has what it had before. The first tree of a source is put in place while it arrives, which saves
 * time at the start. It ends with `commit` or `abandon`; nothing may be called after that.
 */
export interface TreeReplacement {
  /** Adds leaves to a layer, by its index in `Source.layers`. */
  add(layer: number, leaves: readonly Leaf[]): void
  /** The tree is whole, and replaces what the source had. A tree of which a part could not be read is dropped. */
  commit(update: Omit<ReplaceUpdate, 'layers'>): void
  /** The tree will not be completed, for example because reading it failed. */
  abandon(): void
}

/**
 * Where a source reports. Calls may come at any time after `open`, also before it returns; they are taken in order and
 * never throw. What is given is read once, within the call, and copied: plain objects, lists, Maps, Sets, Dates and bytes; a
 * call of which a part cannot be read is dropped. Nothing may be called after `close` has been called.
 */
export interface SourceSink {
  /** Begins a whole tree that arrives in parts, such as the pages of a list. For a tree at hand there is `replace`. */
  beginReplace(): TreeReplacement
  replace(update: ReplaceUpdate): void
  /** Only after the first `replace`; revisions rise within an epoch. A permission without changes may repeat the last one. */
  patch(update: PatchUpdate): void
  /** Proof, at `provenAt` (ms since the epoch), that nothing up to `revision` is missing. */
  alive(proof: { readonly revision: number; readonly provenAt: number }): void
  /** The source is disconnected, or was never connected. `isFinal`: trying again cannot help (wrong password, no permission); the source stays open. */
  lost(reason: { readonly error: Error; readonly isFinal: boolean }): void
}

/** The position of a source when the snapshot on disk was written. */
export interface EarlierPlace {
  /** Everything up to this revision was received, accepted or not. */
  readonly revision: number
  /** `ReplaceUpdate.store` at that time. */
  readonly store: string | undefined
  /**
   * Whether a newer tree has the leaves of the accepted one, written by the same revisions, and the guard waits for
   * nothing: then what happened between them is of no interest.
   */
  isSameAs(layers: readonly (readonly Leaf[])[]): boolean
  /** The revision of the accepted tree, at most `revision`. */
  readonly acceptedAt: number
  /** False if this tree of `acceptedAt` lacks a leaf of the accepted one, or has it from another revision: it is of another store. */
  isAccepted(layers: readonly (readonly Leaf[])[]): boolean
}

/** Everything that a configuration gives to a source when it connects. */
export interface SourceContext {
  readonly sink: SourceSink
  /**
   * After this time without proof of contact, in milliseconds, the configuration counts as stale, so the source has to prove
   * contact more often. `Infinity` or undefined: never stale.
   */
  readonly staleAfterMs?: number
  readonly clock: Clock
  readonly logger: Logger
  /**
   * What the guard compares this source's first tree with; undefined, or a promise of it: nothing. A source with a history
   * hands over the tree at that revision with `isKnown`, then every change since, each with its `allowRemoval`, and the
   * newest tree last. So the guard decides as it does in a process that has run all the time. To be read when the source has
   * read its first tree: if the snapshot on disk comes late, `load` waits up to 5 s more for a source that has read this
   * property and waits for it.
   */
  readonly earlier?: Promise<EarlierPlace | undefined> | undefined
}

/** A key as its store knows it, and what is written to it; `undefined` deletes it. */
export interface KeyWrite {
  readonly key: string
  readonly value: unknown
  /** The layer that is written to, by its index in `Source.layers`. */
  readonly layer: number
  /** What is left of the key after the prefix of that layer; the whole key where it does not begin with that. */
  readonly path: string
}

/** A change of one leaf, and its layer by its index in `Source.layers`. */
export interface LayerChange {
  readonly layer: number
  readonly leaf: Leaf
}

/** A connected source, as the configuration uses it. */
export interface SourceConnection {
  /**
   * Resolves when all that the store held at the time of the call has been handed to the sink (for etcd: a linearizable
   * read of the revision, then the watch up to it). Rejects when the store cannot be asked or `signal` fires.
   */
  refresh(signal: AbortSignal): Promise<void>
  /**
   * The patch that one revision with these writes would be, for `LiveConfig.preview`; nothing is written. To be given by a
   * source with rules of its own for its keys. Default: a write is one leaf, whose path is the rest of the key after the
   * prefix of its layer; in a layer that is nested, it takes the place of all that is at its path and below, and what it
   * takes away from an object leaves the object.
   *
   * @param held gives the leaves of the source that have been taken, layer by layer, whether the tree is accepted or not
   * @throws LivetreeError `invalid_options` for a write that the source would refuse; `preview` throws it as it is
   */
  patchOf?(
    writes: readonly KeyWrite[],
    held: () => readonly (readonly Leaf[])[],
  ): Omit<PatchUpdate, 'revision'>
  /** Ends all I/O; no socket, timer or listener is left when it resolves. Safe to call twice. */
  close(): Promise<void>
}

/**
 * The port for anything that feeds a configuration. Knows nothing of schemas. A whole source of one's own stands, as a
 * test that runs, in test/integration/core/own-source.test.ts.
 */
export interface Source {
  /** Unique within one configuration: `etcd`, `file:config/defaults.yaml`, `env`. */
  readonly name: string
  readonly layers: readonly LayerInfo[]
  /** Where it reads from, for messages before it has said anything, such as its endpoints. Without secrets. */
  readonly address?: string
  /** Kept in the snapshot on disk, and replaced by it when the source cannot be reached at boot (true for stores). */
  readonly isRemote: boolean
  /** What a person runs to allow a removal that was refused; it makes the source send `allowRemoval`. Named in the refusal. */
  readonly removalCommand?: string | undefined
  /** Said after that command, without a full stop: what else is to be known. */
  readonly removalNote?: string
  /**
   * Starts reading; returns at once. Errors come by `sink.lost`; only a LivetreeError `invalid_options`, for an option of
   * `load` that the source cannot keep, is thrown, and rejects `load`.
   */
  open(context: SourceContext): SourceConnection
}
