import type { Path } from '@livetree/core'
import type { StoredRecord } from '../history/record.ts'
import type { PlainTree } from '../transfer/plain-tree.ts'

interface Taken {
  /**
   * The places below the path of which the texts are from a store that has them in plain text where envelopes are asked for: they
   * stay so.
   */
  readonly plaintext?: readonly Path[] | undefined
}

/** One thing that a change does. The items of lists in a path go by their places, in a tree by the names that it has. */
export type Step =
  | { readonly type: 'set'; readonly prefix: string; readonly path: Path; readonly value: unknown }
  | {
      readonly type: 'unset'
      readonly prefix: string
      readonly path: Path
      /** The items of lists in the path go by the names of their keys, and not by their places. */
      readonly isOfKeys?: true
      /** Only what no text has: an empty object, or words in an item of a list. */
      readonly isLeft?: true
    }
  /** What a file holds; `path` is where the layer is mounted. */
  | ({
      readonly type: 'tree'
      readonly prefix: string
      readonly path: Path
      readonly tree: PlainTree
      /** It has only what was edited. */
      readonly isEdit?: true
    } & Taken)
  /** A value as people write it: the text of a scalar, or a list or an object as YAML. */
  | { readonly type: 'written'; readonly prefix: string; readonly path: Path; readonly text: string }
  /** What differs between two YAML texts of the layer, at and below `top`. */
  | {
      readonly type: 'edited'
      readonly prefix: string
      readonly before: string
      readonly after: string
      readonly top: Path
    }
  /** The text of a variable. */
  | {
      readonly type: 'text'
      readonly prefix: string
      readonly path: Path
      readonly text: string
      /** As that of `unset`. */
      readonly isOfKeys?: true
    }
  /** What takes the place of what is at a path. */
  | ({
      readonly type: 'part'
      readonly prefix: string
      readonly path: Path
      readonly tree: PlainTree
      /** It is, or is in, an item of a list where it is from. */
      readonly isItem?: boolean | undefined
    } & Taken)
  /** Puts a key with this text; undefined: removes the key. */
  | {
      readonly type: 'key'
      readonly key: string
      readonly text: string | undefined
      /**
       * What of the text is written as it is: its envelopes, also where the key has another one of the same text; or `all`, since it is
       * a text of the store, which may have plain text where envelopes are asked for.
       */
      readonly keeps?: 'envelopes' | 'all'
    }

/** A step whose text was read: that of a list or an object is a `part`, that of a whole layer a `tree`. */
export type ReadStep = Exclude<Step, { type: 'written' | 'edited' }>

/** A change that does not depend on a tree: its keys are computed again if the tree has changed. */
export interface Draft<S = Step> {
  readonly steps: readonly S[]
  readonly kind: Exclude<StoredRecord['kind'], 'void'>
  /** The prefix of a layer from which every key that the steps have not put is removed. */
  readonly prunes?: string | undefined
  /** For a rollback: the revision to restore. */
  readonly to?: number | undefined
  /** The keys of the change must not have been written after this revision. */
  readonly ifRevision?: number | undefined
  /** The revision that a saved plan was made at, and the id of its cluster; 0n: not known. */
  readonly plannedAt?: number | undefined
  readonly plannedOn?: bigint | undefined
  /** What the schema refuses in the tree already does not count against the change: it mends some of it and touches nothing else. */
  readonly isMending?: boolean | undefined
  /** What it writes in plain text must have a place in the schema. */
  readonly isInSchema?: boolean | undefined
  /** The revisions that keys of the change must have; 0: there must be no such key. */
  readonly pins?: ReadonlyMap<string, number> | undefined
  /** The SHA-256 hashes, as hex, of the texts that keys of the change must have. */
  readonly hashes?: ReadonlyMap<string, string> | undefined
}
