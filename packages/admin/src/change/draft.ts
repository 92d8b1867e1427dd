import type { Path } from '@livetree/core'
import type { StoredRecord } from '../history/record.ts'
import type { PlainTree } from '../transfer/plain-tree.ts'

/** One thing that a change does. */
export type Step =
  | { readonly type: 'set'; readonly prefix: string; readonly path: Path; readonly value: unknown }
  | { readonly type: 'unset'; readonly prefix: string; readonly path: Path }
  /** What a file holds; `path` is where the layer is mounted. */
  | { readonly type: 'tree'; readonly prefix: string; readonly path: Path; readonly tree: PlainTree }
  /** A value as people write it: the text of a scalar, or a list or an object as YAML. */
  | { readonly type: 'written'; readonly prefix: string; readonly path: Path; readonly text: string }
  /** The text of a variable. */
  | { readonly type: 'text'; readonly prefix: string; readonly path: Path; readonly text: string }
  /** A key of a layer as it is; undefined: it goes. */
  | { readonly type: 'key'; readonly key: string; readonly text: string | undefined }

/** What is to happen, apart from any tree: it is worked out again where the tree has moved. */
export interface Draft {
  readonly steps: readonly Step[]
  readonly kind: Exclude<StoredRecord['kind'], 'void'>
  /** The prefix of a layer of which every key goes that the steps have not put. */
  readonly prunes?: string | undefined
  /** Of a rollback: the revision that is gone back to. */
  readonly to?: number | undefined
  /** The keys of the change must not have been written after this revision. */
  readonly ifRevision?: number | undefined
  /** Of a saved plan: the revision that it was planned at, and the id of its cluster; 0n: not known. */
  readonly plannedAt?: number | undefined
  readonly plannedOn?: bigint | undefined
  /** The revisions that keys of the change must have; 0: there must be no such key. */
  readonly pins?: ReadonlyMap<string, number> | undefined
}
