import type { IncomingMessage, ServerResponse } from 'node:http'
import { type ConsoleOptions, resolveConsole } from './console-options.ts'
import { Access } from './security/access.ts'
import { consoleApp } from './server/app.ts'
import { nodeHandler } from './server/node-handler.ts'
import { createWatches } from './store-watches.ts'

/** The console, to be mounted in a server. */
export interface LivetreeConsole extends AsyncDisposable {
  /** Answers a request, for servers that speak in `Request` and `Response`, such as Hono. */
  fetch(request: Request): Promise<Response>
  /** Answers a request of `node:http`, Express and NestJS: `app.use('/ops', console.node)`. */
  node(request: IncomingMessage, response: ServerResponse): Promise<void>
  /** A plugin for Fastify: `app.register(console.fastify, { prefix: '/ops' })`. */
  fastify(instance: FastifyLike): Promise<void>
  /**
   * Reads the tree before somebody asks for it: a large one takes a while. It is kept for a minute, or for as long as pages are open.
   *
   * @throws AdminError as `Admin.read`
   */
  ready(): Promise<void>
  /** Ends streams and the watch of the store; what is asked afterwards is answered with 503. The admin stays open. Idempotent. */
  close(): Promise<void>
}

/** What the console uses of Fastify. */
export interface FastifyLike {
  readonly prefix: string
  removeAllContentTypeParsers(): unknown
  addContentTypeParser(
    type: string,
    parse: (request: unknown, payload: unknown, done: (error: null) => void) => void,
  ): unknown
  all(
    path: string,
    handle: (request: { readonly raw: IncomingMessage }, reply: FastifyReplyLike) => void,
  ): unknown
}

/** What the console uses of a reply of Fastify. */
export interface FastifyReplyLike {
  readonly raw: ServerResponse
  hijack(): unknown
}

/**
 * Creates the console of an admin's tree. Nothing is read before the first request.
 *
 * @throws ConsoleError `invalid_options`, also without `authorize` and `token`
 */
export function createConsole(options: ConsoleOptions): LivetreeConsole {
  const settings = resolveConsole(options)
  const watches = createWatches(settings.admin)
  const closing = new AbortController()
  const app = consoleApp(settings, watches, closing.signal)
  const fetchAt = (basePath: string) => async (request: Request) => app.fetch(withoutBase(request, basePath))
  const close = async () => {
    closing.abort()
    watches.close()
  }
  return {
    fetch: fetchAt(settings.basePath),
    node: nodeHandler(fetchAt(settings.basePath)),
    async fastify(instance) {
      const handle = nodeHandler(fetchAt(instance.prefix))
      // The body is read by the console.
      instance.removeAllContentTypeParsers()
      instance.addContentTypeParser('*', (_request, _payload, done) => done(null))
      const answer = (request: { readonly raw: IncomingMessage }, reply: FastifyReplyLike) => {
        reply.hijack()
        void handle(request.raw, reply.raw)
      }
      instance.all('/', answer)
      instance.all('/*', answer)
    },
    async ready() {
      await watches.trees.index(new Access({ user: settings.user }))
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** A request as if the console stood at the top of its server. */
function withoutBase(request: Request, basePath: string): Request {
  if (basePath === '') return request
  const url = new URL(request.url)
  if (url.pathname !== basePath && !url.pathname.startsWith(`${basePath}/`)) return request
  url.pathname = url.pathname.slice(basePath.length) || '/'
  const { method, headers, signal, body } = request
  const init = { method, headers, signal, ...(body !== null && { body, duplex: 'half' as const }) }
  return new Request(url, init)
}
