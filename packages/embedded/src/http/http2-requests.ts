import {
  Http2ServerRequest,
  Http2ServerResponse,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2'
import type { HttpRequest, HttpResponse } from './http-exchange.ts'

/** True for headers of a gRPC call. etcd looks for this text, too. */
export function isGrpc(headers: IncomingHttpHeaders): boolean {
  return headers['content-type']?.includes('application/grpc') === true
}

/** Handles a stream of HTTP/2 as a plain request. An exception ends that stream and nothing else. */
export function servePlain(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  handle: (request: HttpRequest, response: HttpResponse) => void,
): void {
  stream.on('error', () => {})
  try {
    handle(new Http2ServerRequest(stream, headers, {}, []), new Http2ServerResponse(stream))
  } catch {
    stream.destroy()
  }
}
