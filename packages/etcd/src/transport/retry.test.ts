import { describe, expect, test } from 'vitest'
import { errorCodes, type EtcdErrorCode, type Fate } from '../error-codes.ts'
import { EtcdError, isFinalError, isSettingError } from '../errors.ts'
import { backoffMs } from './backoff.ts'
import { type Decision, decideRetry, finalError } from './retry.ts'
import { errorOfNetwork } from './network-errors.ts'
import type { RetryClass } from './transport.ts'

const PLACE = { endpoint: 'http://a:1', call: 'KV/Put' }

describe('decideRetry', () => {
  test.each<[EtcdErrorCode, Fate, Decision, Decision]>([
    ['connect_failed', 'not_sent', 'retry', 'retry'],
    ['connection_lost', 'not_sent', 'retry', 'retry'],
    ['tls_failed', 'not_sent', 'retry', 'retry'],
    ['not_grpc', 'unknown', 'retry', 'fail'],
    ['too_many_requests', 'not_applied', 'retry', 'retry'],
    ['no_leader', 'not_applied', 'retry', 'retry'],
    ['unavailable', 'not_applied', 'retry', 'retry'],
    ['connection_lost', 'unknown', 'retry', 'fail'],
    ['unavailable', 'unknown', 'retry', 'fail'],
    ['internal', 'unknown', 'retry_once', 'fail'],
    ['unknown', 'unknown', 'retry_once', 'fail'],
    ['malformed_message', 'unknown', 'retry_once', 'fail'],
    ['no_space', 'unknown', 'fail', 'fail'],
    ['deadline_exceeded', 'unknown', 'fail', 'fail'],
    ['compacted', 'not_applied', 'fail', 'fail'],
    ['invalid_argument', 'not_applied', 'fail', 'fail'],
    ['permission_denied', 'not_applied', 'fail', 'fail'],
    ['lease_not_found', 'not_applied', 'fail', 'fail'],
    ['unauthenticated', 'not_applied', 'fail', 'fail'],
    ['unimplemented', 'not_applied', 'retry', 'retry'],
  ])('%s, %s: reads %s, writes %s', (code, fate, read, write) => {
    const error = new EtcdError(code, { fate })
    expect(decideRetry(error, 'read', true)).toBe(read)
    expect(decideRetry(error, 'write', true)).toBe(write)
  })

  test.each([
    'etcd says: invalid auth token',
    'etcd says: user name is empty',
    'etcd says: revision of auth store is old',
  ])('"%s" asks for a new token where there are credentials', (what) => {
    const error = new EtcdError('unauthenticated', { what })
    expect(decideRetry(error, 'write', true)).toBe('refresh')
    expect(decideRetry(error, 'write', false)).toBe('fail')
  })
})

describe('finalError', () => {
  test.each<[EtcdErrorCode, Fate, RetryClass, EtcdErrorCode]>([
    ['connection_lost', 'unknown', 'write', 'outcome_unknown'],
    ['deadline_exceeded', 'unknown', 'write', 'outcome_unknown'],
    ['deadline_exceeded', 'not_sent', 'write', 'deadline_exceeded'],
    ['internal', 'unknown', 'write', 'outcome_unknown'],
    ['connection_lost', 'unknown', 'read', 'connection_lost'],
    ['cancelled', 'unknown', 'write', 'cancelled'],
    ['closed', 'unknown', 'write', 'closed'],
    ['no_space', 'unknown', 'write', 'no_space'],
  ])('%s, %s, of a %s is %s', (code, fate, retry, expected) => {
    const error = finalError(new EtcdError(code, { fate, ...PLACE }), retry)
    expect(error).toMatchObject({ code: expected, fate, ...PLACE })
    if (expected === 'outcome_unknown') expect(error.cause).toMatchObject({ code })
  })

  test.each(['cancelled', 'closed', 'deadline_exceeded'] as const)(
    'a write that ends with %s after it was sent tells what to look at',
    (code) => {
      const { message } = finalError(new EtcdError(code, { fate: 'unknown', call: 'KV/Put' }), 'write')
      expect(message).toMatch(/The write was sent before|the write was sent, but/)
      expect(message).toContain(errorCodes.outcome_unknown.remedy)
      expect(message).not.toContain('Nothing needs to be done')
    },
  )
})

describe('backoffMs', () => {
  const options = { minMs: 25, maxMs: 2_000, factor: 2, jitter: 0.5 }

  test('doubles up to its bound, and leaves a share to chance', () => {
    const full = (attempt: number): number => backoffMs(options, attempt, () => 0)
    expect([0, 1, 2, 6, 7, 1000].map(full)).toEqual([25, 50, 100, 1600, 2000, 2000])
    expect(backoffMs(options, 0, () => 1)).toBe(12.5)
  })
})

describe('errorOfNetwork', () => {
  const coded = (code: string, cause?: unknown): Error => Object.assign(new Error('x', { cause }), { code })

  test.each([
    [coded('ECONNREFUSED'), 'connect_failed', 'connection refused'],
    [coded('ENOTFOUND'), 'connect_failed', 'the host name is not known to DNS'],
    [coded('UND_ERR_CONNECT_TIMEOUT'), 'connect_failed', 'no answer to the connection attempt in time'],
    [
      new AggregateError([coded('ECONNREFUSED'), coded('ECONNREFUSED')]),
      'connect_failed',
      'connection refused',
    ],
    [coded('UND_ERR_SOCKET', coded('EHOSTUNREACH')), 'connect_failed', 'the host cannot be reached'],
    [coded('EWHATEVER'), 'connect_failed', 'no connection could be made (EWHATEVER)'],
    [coded('CERT_HAS_EXPIRED'), 'tls_failed', "the server's certificate has expired"],
    [
      coded('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA'),
      'tls_failed',
      'the server does not trust the CA of the client certificate',
    ],
    [coded('ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE'), 'tls_failed', /got none/],
    [coded('ERR_SSL_SOMETHING_NEW'), 'tls_failed', 'the TLS handshake failed (ERR_SSL_SOMETHING_NEW)'],
    [coded('CERT_REVOKED'), 'tls_failed', "the server's certificate was not accepted (CERT_REVOKED)"],
  ] as const)('before sending: %s', (error, code, what) => {
    expect(errorOfNetwork(error, false, PLACE)).toMatchObject({ code, fate: 'not_sent', cause: error })
    expect(errorOfNetwork(error, false, PLACE).what).toMatch(what)
  })

  test.each([
    [coded('ECONNRESET'), 'connection_lost', 'unknown', 'the connection was reset'],
    [coded('UND_ERR_SOCKET'), 'connection_lost', 'unknown', 'the connection was closed by the server'],
    [
      new Error('HTTP/2: "GOAWAY" frame received with code 0'),
      'connection_lost',
      'unknown',
      'the server is shutting down',
    ],
    [new Error('anything'), 'connection_lost', 'unknown', 'the connection broke'],
    [
      Object.assign(new Error('x'), { http2ErrorCode: 7 }),
      'connection_lost',
      'unknown',
      'the connection broke',
    ],
    [
      coded('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'),
      'connection_lost',
      'unknown',
      'the TLS connection broke (ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED)',
    ],
    [
      coded('ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC'),
      'connection_lost',
      'unknown',
      'the TLS connection broke (ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC)',
    ],
  ] as const)('after sending: %s', (error, code, fate, what) => {
    expect(errorOfNetwork(error, true, PLACE)).toMatchObject({ code, fate, what, ...PLACE })
  })

  test('leaves our own errors as they are, but for what only the connection knows', () => {
    const own = new EtcdError('connection_lost', { ...PLACE, what: 'pings', fate: 'unknown' })
    expect(errorOfNetwork(own, true, PLACE)).toBe(own)
    expect(errorOfNetwork(own, false, PLACE)).toMatchObject({ code: 'connection_lost', fate: 'not_sent' })
    const opening = new EtcdError('connect_failed', { endpoint: PLACE.endpoint, fate: 'not_sent' })
    expect(errorOfNetwork(opening, false, PLACE)).toMatchObject({ fate: 'not_sent', call: 'KV/Put' })
    expect(errorOfNetwork(opening, true, PLACE)).toMatchObject({ fate: 'unknown' })
  })
})

describe('the table of codes', () => {
  test.each(Object.entries(errorCodes))(
    '%s says what it means and what to do',
    (code, { meaning, remedy }) => {
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/)
      expect(meaning).toMatch(/^[A-Z].*\.$/)
      expect(remedy).toMatch(/^[A-Z].*[.?]$/)
    },
  )

  test('names what ends a loop and what is a matter of settings, and never both', () => {
    const codes = Object.keys(errorCodes) as EtcdErrorCode[]
    const errors = codes.map((code) => new EtcdError(code))
    expect(errors.filter(isFinalError).map(({ code }) => code)).toEqual([
      'closed',
      'invalid_option',
      'invalid_argument',
      'unauthenticated',
      'permission_denied',
      'auth_not_enabled',
    ])
    expect(errors.filter(isSettingError).map(({ code }) => code)).toEqual([
      'tls_failed',
      'not_grpc',
      'unimplemented',
    ])
    expect(isFinalError(new Error('closed')) || isSettingError(undefined)).toBe(false)
  })
})
