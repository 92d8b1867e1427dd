import type { CallServer } from '../grpc/call-server.ts'
import { statusOf } from '../grpc/status-headers.ts'
import { GRPC_CODE } from '../status.ts'
import { gatewayTimeoutMs } from './gateway-timeout.ts'
import { headerOf, type HttpRequest, type HttpResponse } from './http-exchange.ts'
import { JsonCall } from './json-call.ts'
import { JSON_PATHS } from './json-paths.ts'
import { errorPage, type Page, sendPage, textPage } from './page.ts'
import { requestPath } from './request-path.ts'

const ROOT = '/v3'

/** Headers by which pages of every origin may use the server, as with etcd's default settings. */
const CORS_HEADERS: Readonly<Record<string, string>> = {
  'access-control-allow-headers': 'accept, content-type, authorization',
  'access-control-allow-methods': 'POST, GET, OPTIONS, PUT, DELETE',
  'access-control-allow-origin': '*',
}

/** Handles plain HTTP requests: those to etcd's JSON gateway as calls, others with a page. */
export function gateway(calls: CallServer, pageFor: (path: string, method: string) => Page) {
  return (request: HttpRequest, response: HttpResponse): void => {
    for (const [name, value] of Object.entries(CORS_HEADERS)) response.setHeader(name, value)
    const page = serve(calls, pageFor, request, response)
    if (page !== undefined) sendPage(request, response, page)
  }
}

/** Starts a call, or returns the page to send. */
function serve(
  calls: CallServer,
  pageFor: (path: string, method: string) => Page,
  request: HttpRequest,
  response: HttpResponse,
): Page | undefined {
  const { method = '', url = '' } = request
  const target = requestPath(url)
  if (target.type === 'unreadable') return textPage(400, '400 Bad Request')
  if (method === 'OPTIONS') return { status: 200, headers: {}, body: '' }
  if (target.type === 'moved') return { status: 301, headers: { location: target.location }, body: '' }
  if (!target.path.startsWith(`${ROOT}/`)) return pageFor(target.path, method)
  const jsonRoute = JSON_PATHS.get(target.path.slice(ROOT.length))
  if (jsonRoute === undefined) return errorPage(GRPC_CODE.notFound, 'Not Found')
  if (method !== 'POST') return errorPage(GRPC_CODE.unimplemented, 'Method Not Allowed')
  const route = calls.routeOf(jsonRoute.method)
  if (route === undefined) {
    const message = `livetree embedded etcd has no ${jsonRoute.method.path}: use an etcd cluster for that`
    return errorPage(GRPC_CODE.unimplemented, message)
  }
  try {
    const timeoutMs = gatewayTimeoutMs(headerOf(request, 'grpc-timeout'))
    const call = new JsonCall(request, response, jsonRoute)
    calls.run(call, route, { token: tokenOf(request), timeoutMs })
    return undefined
  } catch (error) {
    const { code, message } = statusOf(error)
    return errorPage(code, message)
  }
}

/** Headers that may have the token, the first one first. The gateway passes those with its prefix on to gRPC. */
const TOKEN_HEADERS = ['grpc-metadata-token', 'grpc-metadata-authorization', 'authorization']

function tokenOf(request: HttpRequest): string | undefined {
  return TOKEN_HEADERS.map((name) => headerOf(request, name)).find((token) => token !== undefined)
}
