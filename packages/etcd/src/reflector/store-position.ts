import type { ResponseHeader } from '../wire/kv.ts'

/** A position in the history of one store. */
export interface StorePosition {
  /** 0n if the server reports none. */
  readonly clusterId: bigint
  /** Everything up to this revision is known. */
  readonly revision: number
  /** The highest raft term seen, which never decreases within a cluster. */
  readonly raftTerm: number
}

/** A position in a store whose cluster may not be known yet. */
export type KnownPosition = Omit<StorePosition, 'clusterId'> & { readonly clusterId: bigint | undefined }

/** How the header of an answer shows that it comes from another store. */
export type StoreSetback = 'cluster_id' | 'term_went_back' | 'revision_went_back'

/** Compares a linearizable answer with the position of the store when it was requested. */
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
