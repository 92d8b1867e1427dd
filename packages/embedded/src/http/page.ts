import type { OutgoingHttpHeaders } from 'node:http'
import { httpStatusOf } from './http-status.ts'
import type { HttpRequest, HttpResponse } from './http-exchange.ts'

/** An HTTP response that is known as a whole. */
export interface Page {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: string
}

export function jsonPage(status: number, value: unknown): Page {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) }
}

/** The gateway's answer for a failed call: the gRPC status as JSON, under the HTTP status for its code. */
export function errorPage(code: number, message: string): Page {
  // etcd 3.4, and 3.5 as its project releases it, have `error` too.
  return jsonPage(httpStatusOf(code), { error: message, code, message })
}

/** An error in the form of Go's HTTP server. */
export function textPage(status: number, text: string): Page {
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' }
  return { status, headers, body: `${text}\n` }
}

/** Sends a page, and discards the request's body. */
export function sendPage(
  request: HttpRequest,
  response: HttpResponse,
  { status, headers, body }: Page,
): void {
  response.writeHead(status, { ...headers, 'content-length': String(Buffer.byteLength(body)) })
  response.end(body)
  request.resume()
}
