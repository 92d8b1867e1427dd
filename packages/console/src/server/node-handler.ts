import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'

type Fetch = (request: Request) => Promise<Response>

/** Answers requests of `node:http`. A body that the application has parsed already is taken from there. */
export function nodeHandler(
  fetch: Fetch,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const listen = getRequestListener(
    (request, { incoming }) => fetch(realRequest(request, incoming as IncomingMessage)),
    { overrideGlobalObjects: false },
  )
  return (request, response) => listen(request, response)
}

/** A `Request` of the platform in place of one that only looks like it, and that no other can be made from. */
function realRequest(request: Request, incoming: IncomingMessage & { readonly body?: unknown }): Request {
  const { url, method, headers, signal } = request
  const init = { method, headers: [...headers], signal }
  if (method === 'GET' || method === 'HEAD') return new Request(url, init)
  const body = incoming.readableEnded ? (readBefore(incoming.body) ?? request.body) : request.body
  return new Request(url, { ...init, ...(body !== null && { body, duplex: 'half' as const }) })
}

/** What a parser of the application has read before the console could: `express.json()` leaves a value, the others text or bytes. */
function readBefore(body: unknown): string | Uint8Array<ArrayBuffer> | undefined {
  if (body instanceof Uint8Array) return new Uint8Array(body)
  if (typeof body === 'string') return body
  return body === undefined ? undefined : JSON.stringify(body)
}
