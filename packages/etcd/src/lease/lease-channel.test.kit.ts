import { EtcdError } from '../errors.ts'
import type { Namespace } from '../key-range.ts'
import type { Channel, DuplexStream, Method, StreamHandlers } from '../transport/transport.ts'
import { ManualClock, settled } from '../watch/scripted-channel.test.kit.ts'
import type { LeaseKeepAliveRequest, LeaseKeepAliveResponse } from '../wire/lease.ts'
import type { Init } from '../wire/message-type.ts'
import { createLeaseService } from './lease-service.ts'

/** One keep-alive stream, as its server sees it. */
export interface FakeStream {
  readonly endpoint: string
  readonly avoided: string | undefined
  readonly asked: bigint[]
  isCancelled: boolean
  answer(id: bigint, ttl: number): void
  end(error?: EtcdError): void
}

/** Plays the server of leases. */
export class LeaseChannel implements Channel {
  readonly streams: FakeStream[] = []
  readonly calls: {
    readonly path: string
    readonly request: Record<string, unknown>
    readonly retry: unknown
  }[] = []
  refreshes = 0
  /** What a call or a stream waits for before it goes out, such as a connection. */
  beforeSending: (() => Promise<void>) | undefined
  /** Taken in turn by the streams. */
  urls: readonly string[] = ['http://a', 'http://b']
  readonly clusterId = undefined
  onUnary: (path: string, request: Record<string, unknown>) => unknown = (_, request) => request
  onAsked: (stream: FakeStream, id: bigint) => void = () => undefined

  async unary<Req, Res>(
    method: Method<Req, Res>,
    request: Init<NoInfer<Req>>,
    options: { retry?: unknown; onSent?: () => void } = {},
  ): Promise<Res> {
    const [path, given] = [method.path.split('/').at(-1)!, request as Record<string, unknown>]
    this.calls.push({ path, request: given, retry: options.retry })
    await this.beforeSending?.()
    options.onSent?.()
    const answer = (await this.onUnary(path, given)) as Init<Res>
    return method.response.decode(method.response.encode(answer))
  }

  stream<Req, Res>(
    _: Method<Req, Res>,
    handlers: StreamHandlers<Res>,
    options: { avoid?: string; onSent?: () => void; signal?: AbortSignal } = {},
  ): DuplexStream<Req> {
    const endpoint = this.urls[this.streams.length % this.urls.length]!
    let isOver = false
    let waiting = this.beforeSending?.().then(() => options.onSent?.())
    void waiting?.then(() => (waiting = undefined))
    const stream: FakeStream = {
      endpoint,
      avoided: options.avoid,
      asked: [],
      isCancelled: false,
      answer: (id, ttl) => {
        const message = { header: undefined, id, ttl } satisfies LeaseKeepAliveResponse
        if (!isOver) handlers.onMessage(message as unknown as Res)
      },
      end: (error) => {
        if (isOver) return
        isOver = true
        handlers.onEnd(error)
      },
    }
    this.streams.push(stream)
    const cancel = (): void => {
      stream.isCancelled = true
      queueMicrotask(() => stream.end(new EtcdError('cancelled')))
    }
    options.signal?.addEventListener('abort', cancel)
    return {
      endpoint,
      send: (message) => {
        const { id } = message as unknown as LeaseKeepAliveRequest
        stream.asked.push(id)
        if (waiting === undefined) this.onAsked(stream, id)
        else void waiting.then(() => this.onAsked(stream, id))
      },
      end: () => undefined,
      cancel,
    }
  }

  async refreshToken(): Promise<void> {
    this.refreshes += 1
  }

  endpoints(): readonly string[] {
    return this.urls
  }

  backoffMs(attempt: number): number {
    return 10 * 2 ** attempt
  }

  get last(): FakeStream {
    return this.streams.at(-1)!
  }
}

/** A lease service on a played server and a clock that is moved by hand. */
export function setUp(options: { namespace?: Namespace } = {}) {
  const clock = new ManualClock()
  const channel = new LeaseChannel()
  const service = createLeaseService(channel, { clock, ...options })
  /** A lease whose keep-alive is answered at once, as long as `isAnswering`. */
  const keep = async (ttlSeconds: number) => {
    const lease = await service.grant({ ttlSeconds })
    const state = { isAnswering: true, ttl: ttlSeconds }
    channel.onAsked = (stream, id) => {
      if (state.isAnswering) queueMicrotask(() => stream.answer(id, state.ttl))
    }
    lease.keepAlive()
    await settled()
    return { lease, state }
  }
  const pass = async (ms: number, stepMs = 50) => {
    for (let passed = 0; passed < ms; passed += stepMs) {
      clock.advance(Math.min(stepMs, ms - passed))
      await settled()
    }
  }
  return { clock, channel, service, keep, pass }
}
