import type { ResponseHeader } from '../wire/kv.ts'

/** Where a store stood. */
export interface StorePosition {
  /** 0n where the server names none. */
  readonly clusterId: bigint
  /** All up to it is known. */
  readonly revision: number
  /** The highest raft term heard of, which never goes back in the life of a cluster. */
  readonly raftTerm: number
}

/** The same for one whose cluster may not be known yet. */
export type KnownPosition = Omit<StorePosition, 'clusterId'> & { readonly clusterId: bigint | undefined }

/** In what an answer shows by its header alone that another store gave it. */
export type StoreSetback = 'cluster_id' | 'term_went_back' | 'revision_went_back'

/** Holds a linearizable answer against where the store stood when it was asked for. */
export function setbackSince(
  known: KnownPosition | undefined,
  answer: ResponseHeader,
): StoreSetback | undefined {
  if (known === undefined) return undefined
  const { clusterId, revision, raftTerm } = known
  if (clusterId && answer.clusterId !== 0n && answer.clusterId !== clusterId) return 'cluster_id'
  if (answer.raftTerm < raftTerm) return 'term_went_back'
  return answer.revision < revision ? 'revision_went_back' : undefined
}
