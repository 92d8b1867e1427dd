import type { ReloadMessage } from '@livetree/core'
import type { CallMessage } from '@livetree/etcd'
import type { HrTime, Span, SpanContext, SpanKind, SpanStatusCode, Tracer } from '@opentelemetry/api'
import type { Observer } from '../observe.ts'
import { settled } from '../telemetry.ts'
import type { Write } from '../write-log.ts'

/** Values of `SpanKind` and `SpanStatusCode`, since the package is only needed for its types. */
const CLIENT = 2 satisfies SpanKind.CLIENT
const ERROR = 2 satisfies SpanStatusCode.ERROR

/**
 * Makes a span for each call, a child of what is active where it is called, and one for each reload, with a link to each call
 * of this process that wrote what was reloaded.
 */
export class SpanObserver implements Observer {
  readonly #tracer: Tracer
  readonly #open = new Map<CallMessage, Span>()
  /** The spans of ended calls, for the links of reloads. */
  readonly #ended = new WeakMap<CallMessage, SpanContext>()

  constructor(tracer: Tracer) {
    this.#tracer = tracer
  }

  callStarted(call: CallMessage): void {
    const { client, method } = call
    const [service = '', name = ''] = method.split('/')
    const attributes = {
      'rpc.system': 'grpc',
      'rpc.service': service,
      'rpc.method': name,
      'livetree.client': client,
    }
    this.#open.set(call, settled(this.#tracer.startSpan(method, { kind: CLIENT, attributes })))
  }

  callEnded(call: CallMessage): void {
    const span = this.#open.get(call)
    if (span === undefined) return
    this.#open.delete(call)
    this.#ended.set(call, span.spanContext())
    const { code, endpoint } = call
    if (endpoint !== undefined) settled(span.setAttributes(placeOf(endpoint)))
    if (code !== 'ok' && code !== undefined) {
      settled(span.setAttribute('error.type', code))
      settled(span.setStatus({ code: ERROR, message: code }))
    }
    settled(span.end())
  }

  attributed(reload: ReloadMessage, writes: readonly Write[]): void {
    const { config, result, source, revisions, startedAt, durationsMs } = reload
    const links = writes.flatMap(({ call }) => {
      const context = this.#ended.get(call)
      return context === undefined ? [] : [{ context }]
    })
    const attributes = {
      'livetree.config': config,
      'livetree.source': source,
      'livetree.result': result,
      'livetree.revision': revisions.at(-1) ?? 0,
    }
    // The watch that delivered it may have been started within a request, to which it does not belong.
    const options = { root: true, links, attributes, startTime: timeOf(startedAt) }
    const span = settled(this.#tracer.startSpan('livetree.reload', options))
    const validatedAt = startedAt + durationsMs.validate
    settled(span.addEvent('validated', timeOf(validatedAt)))
    if (result === 'rejected') settled(span.setStatus({ code: ERROR, message: 'the tree was rejected' }))
    settled(span.end(timeOf(validatedAt + durationsMs.apply)))
  }

  /** Ends the spans of calls that go on. */
  close(): void {
    for (const span of this.#open.values()) settled(span.end())
    this.#open.clear()
  }
}

/** @param ms since the Unix epoch */
function timeOf(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000)
  return [seconds, Math.round((ms - seconds * 1_000) * 1e6)]
}

function placeOf(endpoint: string): { readonly 'server.address': string; readonly 'server.port'?: number } {
  const url = URL.parse(endpoint)
  if (url === null) return { 'server.address': endpoint }
  const { hostname, port, protocol } = url
  return {
    'server.address': hostname.replace(/^\[|\]$/g, ''),
    // URL omits the port that is the scheme's default.
    'server.port': Number(port || (protocol === 'https:' ? 443 : 80)),
  }
}
