import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'

/** A request over HTTP/1.1 or HTTP/2. */
export type HttpRequest = IncomingMessage | Http2ServerRequest

/** What the responses of both have in common. */
export interface HttpResponse {
  readonly headersSent: boolean
  writeHead(status: number, headers: OutgoingHttpHeaders): unknown
  setHeader(name: string, value: string): unknown
  write(text: string): boolean
  end(text: string): unknown
  destroy(): unknown
  on(event: string, listener: () => void): unknown
}

/** The value of a header that may occur once; the first one, if it occurs more often. */
export function headerOf({ headers }: HttpRequest, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value[0] : value
}
