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
  // `express.json()` reads the body before the console can, and leaves what it has read in `body`.
  const isParsed = incoming.body !== undefined && incoming.readableEnded
  const body = isParsed ? JSON.stringify(incoming.body) : request.body
  return new Request(url, { ...init, ...(body !== null && { body, duplex: 'half' as const }) })
}
