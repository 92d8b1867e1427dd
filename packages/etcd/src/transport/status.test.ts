import { expect, test } from 'vitest'
import { errorOfStatus, isTokenError } from './status.ts'

function errorOf(code: number, message: string) {
  return errorOfStatus({ code, message }, {})
}

test.each([
  [8, 'grpc: received message larger than max (500020 vs. 200000)', 'request_too_large'],
  [8, 'grpc: trying to send message larger than max (500020 vs. 100000)', 'request_too_large'],
  [8, 'too many requests', 'resource_exhausted'],
  [8, 'upstream: too many requests in this minute', 'resource_exhausted'],
  [14, 'no leader', 'unavailable'],
  [14, 'upstream unhealthy cluster "learner-pool"', 'unavailable'],
  [2, 'too many requests', 'unknown'],
  [2, 'permission denied', 'unknown'],
  [10, 'aborted', 'failed_precondition'],
  [12, 'grpc: Decompressor is not installed for grpc-encoding "gzip"', 'unimplemented'],
] as const)(
  'errorOfStatus: %i "%s" is not what etcd says of itself, so the outcome stays open',
  (code, message, kind) => {
    expect(errorOf(code, message)).toMatchObject({ code: kind, fate: 'unknown' })
  },
)

test.each([
  [8, 'etcdserver: too many requests', 'too_many_requests'],
  [14, 'etcdserver: no leader', 'no_leader'],
  [14, 'etcdserver: rpc not supported for learner', 'unavailable'],
  [14, 'etcdserver: unhealthy cluster', 'unavailable'],
  [3, 'etcdserver: request is too large', 'request_too_large'],
  [2, 'auth: permission denied', 'permission_denied'],
  [2, 'auth: authentication is not enabled', 'auth_not_enabled'],
] as const)('errorOfStatus: %i "%s" is etcd that refused before it proposed', (code, message, kind) => {
  expect(errorOf(code, message)).toMatchObject({ code: kind, fate: 'not_applied' })
})

test.each([
  [2, 'auth: invalid auth token'],
  [2, 'auth: user name is empty'],
  [2, 'auth: revision in header is old'],
  [3, 'etcdserver: user name is empty'],
  [3, 'etcdserver: revision of auth store is old'],
  [16, 'etcdserver: invalid auth token'],
] as const)('isTokenError: %i "%s" is cured by a new token', (code, message) => {
  const error = errorOf(code, message)
  expect(error).toMatchObject({ code: 'unauthenticated', fate: 'not_applied' })
  expect(isTokenError(error)).toBe(true)
})
