import { bytes, leaseId, nested } from './field.ts'
import { ResponseHeader } from './kv.ts'
import type { Decoded } from './message-type.ts'
import { message } from './message.ts'

/** Waits for the lock `name` and holds it as long as the lease. With a `lease` of 0n the server grants one of 60 s. */
export const LockRequest = message('LockRequest', { name: bytes(1), lease: leaseId(2) })
export type LockRequest = Decoded<typeof LockRequest>

/** The key that exists while the lock is held. */
export const LockResponse = message('LockResponse', {
  header: nested(1, () => ResponseHeader),
  key: bytes(2),
})
export type LockResponse = Decoded<typeof LockResponse>

/** Releases the lock by deleting the key of `LockResponse`. */
export const UnlockRequest = message('UnlockRequest', { key: bytes(1) })
export type UnlockRequest = Decoded<typeof UnlockRequest>

/** Answers `UnlockRequest`. */
export const UnlockResponse = message('UnlockResponse', { header: nested(1, () => ResponseHeader) })
export type UnlockResponse = Decoded<typeof UnlockResponse>
