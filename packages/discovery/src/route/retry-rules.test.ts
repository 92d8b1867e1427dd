import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { RequestBody } from './request-body.ts'
import { type FailedAttempt, mayRetry, retryAfterMs } from './retry-rules.ts'

const ERROR = { type: 'error' } as const
const status = (code: number, waitMs?: number): FailedAttempt['failure'] => ({
  type: 'status',
  status: code,
  retryAfterMs: waitMs,
  deadlineMs: 1_000,
})

/** method, idempotent, body, wasStarted, failure, whether it may be repeated */
const rows: readonly [
  string,
  boolean | undefined,
  FailedAttempt['body'],
  boolean,
  FailedAttempt['failure'],
  boolean,
][] = [
  // Nothing was sent: every method, unless the body is gone.
  ['POST', undefined, 'replayable', false, ERROR, true],
  ['POST', undefined, 'untouched', false, ERROR, true],
  ['POST', undefined, 'used', false, ERROR, false],
  ['PATCH', false, 'replayable', false, ERROR, true],
  // It may have been sent: idempotent ones with a body that can be sent again.
  ['POST', undefined, 'replayable', true, ERROR, false],
  ['POST', true, 'replayable', true, ERROR, true],
  ['POST', true, 'untouched', true, ERROR, false],
  ['PATCH', undefined, 'replayable', true, ERROR, false],
  ['GET', undefined, 'replayable', true, ERROR, true],
  ['get', undefined, 'replayable', true, ERROR, true],
  ['GET', false, 'replayable', true, ERROR, false],
  ['HEAD', undefined, 'replayable', true, ERROR, true],
  ['OPTIONS', undefined, 'replayable', true, ERROR, true],
  ['PUT', undefined, 'replayable', true, ERROR, true],
  ['PUT', undefined, 'used', true, ERROR, false],
  ['DELETE', undefined, 'replayable', true, ERROR, true],
  ['TRACE', undefined, 'replayable', true, ERROR, true],
  ['QUERY', undefined, 'replayable', true, ERROR, true],
  // A gateway has answered.
  ['GET', undefined, 'replayable', true, status(502), true],
  ['GET', undefined, 'replayable', true, status(503), true],
  ['GET', undefined, 'replayable', true, status(504), true],
  ['GET', undefined, 'replayable', true, status(500), false],
  ['GET', undefined, 'replayable', true, status(429), false],
  ['GET', undefined, 'replayable', true, status(503, 500), true],
  ['GET', undefined, 'replayable', true, status(503, 2_000), false],
  ['GET', undefined, 'replayable', true, status(502, 2_000), true],
  ['POST', undefined, 'replayable', true, status(503), false],
  ['POST', true, 'replayable', true, status(503), true],
  ['POST', true, 'used', true, status(503), false],
]

test.each(rows)(
  '%s idempotent=%s, body %s, started=%s, %j: %s',
  (method, idempotent, body, wasStarted, failure, may) => {
    expect(mayRetry({ method, idempotent, body, wasStarted, failure })).toBe(may)
  },
)

test('a body can be sent again if it is text or bytes, and once if it is a stream', async () => {
  for (const body of [null, undefined, 'a', Buffer.from('a'), new Uint8Array(2)])
    expect(new RequestBody(body).kind(true)).toBe('replayable')
  const stream = Readable.from(['a', 'b'])
  expect(new RequestBody(stream).kind(false)).toBe('untouched')
  expect(new RequestBody(stream).kind(true)).toBe('used')
  for await (const _ of stream) break
  expect(new RequestBody(stream).kind(false)).toBe('used')
})

test('retry-after is read as seconds and as a date', () => {
  expect(retryAfterMs('3', 0)).toBe(3_000)
  expect(retryAfterMs(new Date(5_000).toUTCString(), 2_000)).toBe(3_000)
  expect(retryAfterMs(new Date(0).toUTCString(), 2_000)).toBe(0)
  for (const odd of [undefined, 'soon', ['1']]) expect(retryAfterMs(odd, 0)).toBeUndefined()
})
