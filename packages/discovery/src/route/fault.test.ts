import { errors } from 'undici'
import { expect, test } from 'vitest'
import { faultOf } from './fault.ts'
import { RequestBody } from './request-body.ts'

const coded = (code: string) => Object.assign(new Error(code), { code })
const none = new RequestBody(null)

test.each([
  ['ECONNREFUSED'],
  ['ETIMEDOUT'],
  ['ENOTFOUND'],
  ['UND_ERR_CONNECT_TIMEOUT'],
  ['UND_ERR_SOCKET'],
  ['UND_ERR_ABORTED'],
  ['CERT_HAS_EXPIRED'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT'],
  ['ERR_TLS_CERT_ALTNAME_INVALID'],
  ['ERR_SSL_WRONG_VERSION_NUMBER'],
  ['ERR_HTTP2_GOAWAY_SESSION'],
  ['ERR_HTTP2_STREAM_ERROR'],
  ['HPE_INVALID_CONSTANT'],
])('%s is of the endpoint, sent or not', (code) => {
  expect([true, false].map((wasSent) => faultOf(coded(code), none, wasSent))).toEqual([
    'endpoint',
    'endpoint',
  ])
})

test.each([
  [coded('ERR_INVALID_ARG_TYPE')],
  [coded('ERR_INVALID_ARG_VALUE')],
  [coded('ERR_ASSERTION')],
  [coded('ERR_OSSL_PEM_NO_START_LINE')],
  [coded('ERR_HTTP2_INVALID_HEADER_VALUE')],
  [new TypeError('x is not a function')],
])('%s is of the caller before anything was sent', (error) => {
  expect([true, false].map((wasSent) => faultOf(error, none, wasSent))).toEqual(['endpoint', 'caller'])
})

test('an error without a code says nothing about an endpoint to which nothing was sent', () => {
  const error = new Error('what')
  expect([true, false].map((wasSent) => faultOf(error, none, wasSent))).toEqual(['endpoint', 'nobody'])
})

test('what undici refuses is of the caller, whatever was sent', () => {
  for (const error of [new errors.InvalidArgumentError(), new errors.RequestContentLengthMismatchError()])
    expect([true, false].map((wasSent) => faultOf(error, none, wasSent))).toEqual(['caller', 'caller'])
})
