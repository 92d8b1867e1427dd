import { bool, bytes, int64, leaseId, named, nested, repeated, string } from './field.ts'
import { ResponseHeader } from './kv.ts'
import type { Decoded } from './message-type.ts'
import { message } from './message.ts'

/** Grants a lease of `ttl` seconds. With an `id` of 0n the server chooses one. */
export const LeaseGrantRequest = message('LeaseGrantRequest', {
  ttl: named('TTL', int64(1)),
  id: named('ID', leaseId(2)),
})
export type LeaseGrantRequest = Decoded<typeof LeaseGrantRequest>

/** The lease's id and the TTL granted, in seconds, which may differ from the one requested. */
export const LeaseGrantResponse = message('LeaseGrantResponse', {
  header: nested(1, () => ResponseHeader),
  id: named('ID', leaseId(2)),
  ttl: named('TTL', int64(3)),
  error: string(4),
})
export type LeaseGrantResponse = Decoded<typeof LeaseGrantResponse>

/** Revokes a lease and deletes its keys. */
export const LeaseRevokeRequest = message('LeaseRevokeRequest', { id: named('ID', leaseId(1)) })
export type LeaseRevokeRequest = Decoded<typeof LeaseRevokeRequest>

/** Answers `LeaseRevokeRequest`. */
export const LeaseRevokeResponse = message('LeaseRevokeResponse', { header: nested(1, () => ResponseHeader) })
export type LeaseRevokeResponse = Decoded<typeof LeaseRevokeResponse>

/** Renews a lease. */
export const LeaseKeepAliveRequest = message('LeaseKeepAliveRequest', { id: named('ID', leaseId(1)) })
export type LeaseKeepAliveRequest = Decoded<typeof LeaseKeepAliveRequest>

/** The renewed TTL in seconds; 0 when the lease has expired or was revoked. */
export const LeaseKeepAliveResponse = message('LeaseKeepAliveResponse', {
  header: nested(1, () => ResponseHeader),
  id: named('ID', leaseId(2)),
  ttl: named('TTL', int64(3)),
})
export type LeaseKeepAliveResponse = Decoded<typeof LeaseKeepAliveResponse>

/** Asks how long a lease still lives, and with `keys` which keys are attached to it. */
export const LeaseTimeToLiveRequest = message('LeaseTimeToLiveRequest', {
  id: named('ID', leaseId(1)),
  keys: bool(2),
})
export type LeaseTimeToLiveRequest = Decoded<typeof LeaseTimeToLiveRequest>

/** The remaining and the granted TTL in seconds. A `ttl` of -1 means that the lease does not exist. */
export const LeaseTimeToLiveResponse = message('LeaseTimeToLiveResponse', {
  header: nested(1, () => ResponseHeader),
  id: named('ID', leaseId(2)),
  ttl: named('TTL', int64(3)),
  grantedTtl: named('grantedTTL', int64(4)),
  keys: repeated(bytes(5)),
})
export type LeaseTimeToLiveResponse = Decoded<typeof LeaseTimeToLiveResponse>

/** Asks for all leases; has no fields. */
export const LeaseLeasesRequest = message('LeaseLeasesRequest', {})
export type LeaseLeasesRequest = Decoded<typeof LeaseLeasesRequest>

/** One lease in `LeaseLeasesResponse`. */
export const LeaseStatus = message('LeaseStatus', { id: named('ID', leaseId(1)) })
export type LeaseStatus = Decoded<typeof LeaseStatus>

/** All leases. */
export const LeaseLeasesResponse = message('LeaseLeasesResponse', {
  header: nested(1, () => ResponseHeader),
  leases: repeated(nested(2, () => LeaseStatus)),
})
export type LeaseLeasesResponse = Decoded<typeof LeaseLeasesResponse>
