import { bytes, int64, leaseId, nested } from './field.ts'
import { KeyValue, ResponseHeader } from './kv.ts'
import type { Decoded } from './message-type.ts'
import { message } from './message.ts'

/** A leadership: the election, the leader's key, its create revision and its lease. */
export const LeaderKey = message('LeaderKey', {
  name: bytes(1),
  key: bytes(2),
  rev: int64(3),
  lease: leaseId(4),
})
export type LeaderKey = Decoded<typeof LeaderKey>

/** Waits for leadership, held as long as the lease. With a `lease` of 0n the server grants one of 60 s. */
export const CampaignRequest = message('CampaignRequest', {
  name: bytes(1),
  lease: leaseId(2),
  value: bytes(3),
})
export type CampaignRequest = Decoded<typeof CampaignRequest>

/** The leadership gained. */
export const CampaignResponse = message('CampaignResponse', {
  header: nested(1, () => ResponseHeader),
  leader: nested(2, () => LeaderKey),
})
export type CampaignResponse = Decoded<typeof CampaignResponse>

/** Asks for the leader of an election. */
export const LeaderRequest = message('LeaderRequest', { name: bytes(1) })
export type LeaderRequest = Decoded<typeof LeaderRequest>

/** The leader's key and value. */
export const LeaderResponse = message('LeaderResponse', {
  header: nested(1, () => ResponseHeader),
  kv: nested(2, () => KeyValue),
})
export type LeaderResponse = Decoded<typeof LeaderResponse>

/** Gives a leadership up. */
export const ResignRequest = message('ResignRequest', { leader: nested(1, () => LeaderKey) })
export type ResignRequest = Decoded<typeof ResignRequest>

/** Answers `ResignRequest`. */
export const ResignResponse = message('ResignResponse', { header: nested(1, () => ResponseHeader) })
export type ResignResponse = Decoded<typeof ResignResponse>

/** Replaces the value of a leadership. */
export const ProclaimRequest = message('ProclaimRequest', {
  leader: nested(1, () => LeaderKey),
  value: bytes(2),
})
export type ProclaimRequest = Decoded<typeof ProclaimRequest>

/** Answers `ProclaimRequest`. */
export const ProclaimResponse = message('ProclaimResponse', { header: nested(1, () => ResponseHeader) })
export type ProclaimResponse = Decoded<typeof ProclaimResponse>
