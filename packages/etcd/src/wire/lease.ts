import { bool, bytes, int64, leaseId, nested, repeated, string } from './field.ts'
import { ResponseHeader } from './kv.ts'
import type { Decoded } from './message-type.ts'
import { message } from './message.ts'

export const LeaseGrantRequest = message('LeaseGrantRequest', { ttl: int64(1), id: leaseId(2) })
export type LeaseGrantRequest = Decoded<typeof LeaseGrantRequest>

export const LeaseGrantResponse = message('LeaseGrantResponse', {
  header: nested(1, () => ResponseHeader),
  id: leaseId(2),
  ttl: int64(3),
  error: string(4),
})
export type LeaseGrantResponse = Decoded<typeof LeaseGrantResponse>

export const LeaseRevokeRequest = message('LeaseRevokeRequest', { id: leaseId(1) })
export type LeaseRevokeRequest = Decoded<typeof LeaseRevokeRequest>

export const LeaseRevokeResponse = message('LeaseRevokeResponse', { header: nested(1, () => ResponseHeader) })
export type LeaseRevokeResponse = Decoded<typeof LeaseRevokeResponse>

export const LeaseKeepAliveRequest = message('LeaseKeepAliveRequest', { id: leaseId(1) })
export type LeaseKeepAliveRequest = Decoded<typeof LeaseKeepAliveRequest>

/** A `ttl` of 0 says that the lease is gone. */
export const LeaseKeepAliveResponse = message('LeaseKeepAliveResponse', {
  header: nested(1, () => ResponseHeader),
  id: leaseId(2),
  ttl: int64(3),
})
export type LeaseKeepAliveResponse = Decoded<typeof LeaseKeepAliveResponse>

export const LeaseTimeToLiveRequest = message('LeaseTimeToLiveRequest', { id: leaseId(1), keys: bool(2) })
export type LeaseTimeToLiveRequest = Decoded<typeof LeaseTimeToLiveRequest>

/** A `ttl` of -1 says that the lease is gone. */
export const LeaseTimeToLiveResponse = message('LeaseTimeToLiveResponse', {
  header: nested(1, () => ResponseHeader),
  id: leaseId(2),
  ttl: int64(3),
  grantedTtl: int64(4),
  keys: repeated(bytes(5)),
})
export type LeaseTimeToLiveResponse = Decoded<typeof LeaseTimeToLiveResponse>

export const LeaseLeasesRequest = message('LeaseLeasesRequest', {})
export type LeaseLeasesRequest = Decoded<typeof LeaseLeasesRequest>

export const LeaseStatus = message('LeaseStatus', { id: leaseId(1) })
export type LeaseStatus = Decoded<typeof LeaseStatus>

export const LeaseLeasesResponse = message('LeaseLeasesResponse', {
  header: nested(1, () => ResponseHeader),
  leases: repeated(nested(2, () => LeaseStatus)),
})
export type LeaseLeasesResponse = Decoded<typeof LeaseLeasesResponse>
