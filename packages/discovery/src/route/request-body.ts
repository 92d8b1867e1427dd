import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { BodyKind } from './retry-rules.ts'

type Body = Dispatcher.DispatchOptions['body']

/** The body of a request, watched for what it throws itself: that says nothing about an endpoint. */
export class RequestBody {
  /** What is to be sent. */
  readonly given: Body
  readonly #original: Body
  #hasThrown = false

  constructor(body: Body) {
    this.#original = body
    this.given = isIterable(body) ? (this.#watched(body) as unknown as NonNullable<Body>) : body
  }

  /** Whether it can be sent (again). */
  kind(wasSent: boolean): BodyKind {
    const body: unknown = this.#original
    if (body === undefined || body === null || typeof body === 'string') return 'replayable'
    if (ArrayBuffer.isView(body) || body instanceof ArrayBuffer || isStored(body)) return 'replayable'
    if (wasSent) return 'used'
    const isRead = body instanceof Readable && (Readable.isDisturbed(body) || body.destroyed)
    return isRead ? 'used' : 'untouched'
  }

  /** True if the body has failed, so that the request could only fail, whatever undici made of it. */
  get hasFailed(): boolean {
    return this.#hasThrown || (this.#original instanceof Readable && this.#original.errored !== null)
  }

  #watched(body: AsyncIterable<unknown> | Iterable<unknown>): AsyncIterable<unknown> {
    const note = () => {
      this.#hasThrown = true
    }
    return {
      async *[Symbol.asyncIterator]() {
        try {
          yield* body
        } catch (error) {
          note()
          throw error
        }
      },
    }
  }
}

/** A form or a blob, which gives its bytes as often as it is asked. */
function isStored(body: unknown): boolean {
  return ['FormData', 'Blob', 'File', 'URLSearchParams'].includes(
    Object.prototype.toString.call(body).slice(8, -1),
  )
}

/** True for generators and other iterables, which undici reads by itself; streams of Node tell their errors. */
function isIterable(body: unknown): body is AsyncIterable<unknown> | Iterable<unknown> {
  if (typeof body !== 'object' || body === null || body instanceof Readable) return false
  if (ArrayBuffer.isView(body) || isStored(body) || 'pipe' in body) return false
  return Symbol.asyncIterator in body || Symbol.iterator in body
}
