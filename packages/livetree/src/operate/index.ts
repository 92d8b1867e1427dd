// `livetree/operate`: for packages that write what an etcd source reads.
export type {
  ClientOverrides,
  StoreClient,
  StoreEntry,
  StoreReading,
  StoreReadOptions,
} from './etcd-store.ts'
export { EtcdStore } from './etcd-store.ts'
export { keyBytes } from '@livetree/core/source'
export { storeOf } from './store-of.ts'
export type { InstanceIssue, InstanceLayer, InstanceRead, InstanceRecord } from '../fleet/instance-record.ts'
export { readInstance } from '../fleet/instance-record.ts'
export { layerSharing, OPERATIONS_PREFIX, OperationsKeys } from '../fleet/operations.ts'
export type { Proposal, ProposalRead, ProposedChange } from '../fleet/proposal.ts'
export {
  isKeyOf,
  MOST_PROPOSAL_BYTES,
  MOST_PROPOSED_CHANGES,
  MOST_PROPOSED_LAYERS,
  PROPOSAL_VERSION,
  readProposal,
} from '../fleet/proposal.ts'
export type { Judgement, ProposalVerdict, UnjudgedReason } from '../fleet/proposal-verdict.ts'
export { readVerdict } from '../fleet/proposal-verdict.ts'
export { spreadFor } from '../fleet/schedule.ts'
