import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { BodyKind } from './retry-rules.ts'

/** Whether the body of a request can be sent (again). */
export function bodyKind(body: Dispatcher.DispatchOptions['body'], wasSent: boolean): BodyKind {
  if (body === undefined || body === null || typeof body === 'string') return 'replayable'
  if (ArrayBuffer.isView(body) || (body as unknown) instanceof ArrayBuffer) return 'replayable'
  if (wasSent) return 'used'
  const isRead = body instanceof Readable && (Readable.isDisturbed(body) || body.destroyed)
  return isRead ? 'used' : 'untouched'
}

/** True for an error that the body itself has raised. */
export function isErrorOfBody(body: Dispatcher.DispatchOptions['body'], error: unknown): boolean {
  return body instanceof Readable && body.errored !== null && body.errored === error
}

/** Header fields in each form that undici takes, as pairs. */
function* pairsOf(headers: Dispatcher.DispatchOptions['headers']): Iterable<readonly [string, unknown]> {
  if (headers === undefined || headers === null) return
  if (Array.isArray(headers)) {
    for (let index = 0; index + 1 < headers.length; index += 2)
      yield [String(headers[index]), headers[index + 1]]
    return
  }
  const isIterable = typeof (headers as Iterable<unknown>)[Symbol.iterator] === 'function'
  yield* isIterable ? (headers as Iterable<[string, unknown]>) : Object.entries(headers)
}

/** The value of a header field, by its name in lower case; undefined without. */
export function headerOf(headers: Dispatcher.DispatchOptions['headers'], name: string): string | undefined {
  for (const [each, value] of pairsOf(headers)) {
    if (each.toLowerCase() === name && value !== undefined && value !== null) return String(value)
  }
  return undefined
}

/** The header fields with a `host`, unless there is one. */
export function withHost(
  headers: Dispatcher.DispatchOptions['headers'],
  host: string,
): Dispatcher.DispatchOptions['headers'] {
  if (headerOf(headers, 'host') !== undefined) return headers ?? null
  const pairs = [...pairsOf(headers)].flatMap(([name, value]) =>
    Array.isArray(value)
      ? value.map((each) => [name, String(each)])
      : value === undefined
        ? []
        : [[name, String(value)]],
  )
  return [...pairs.flat(), 'host', host]
}
