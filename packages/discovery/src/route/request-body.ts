import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { asError, DiscoveryError } from '../errors.ts'
import type { BodyKind } from './retry-rules.ts'

type Body = Dispatcher.DispatchOptions['body']

/**
 * The body of a request, watched for what is wrong with itself: that says nothing about an endpoint. `URLSearchParams` are sent
 * as text, as `fetch` does.
 */
export class RequestBody {
  /** What is to be sent. */
  readonly given: Body
  /** What the body is, unless the caller says it. */
  readonly contentType: string | undefined
  readonly #original: Body
  #hasThrown = false

  constructor(body: Body) {
    const isForm = isTagged(body, 'URLSearchParams')
    this.contentType = isForm ? 'application/x-www-form-urlencoded;charset=UTF-8' : undefined
    this.#original = isForm ? String(body) : body
    this.given = isIterable(this.#original)
      ? (this.#watched(this.#original) as unknown as NonNullable<Body>)
      : this.#original
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
    return this.#hasThrown || this.#streamError !== undefined
  }

  /** True for a stream that was destroyed before its end. undici destroys it, too, once the request has failed. */
  get isCutOff(): boolean {
    const body: unknown = this.#original
    return isStream(body) && body.destroyed === true && body.readableEnded !== true
  }

  /** Why nothing of it can be sent; undefined if it can. */
  get problem(): Error | undefined {
    if (this.#streamError !== undefined) return asError(this.#streamError)
    if (!this.isCutOff) return undefined
    return new DiscoveryError('invalid_option', 'the body is a stream that was destroyed before it was sent')
  }

  get #streamError(): unknown {
    const body: unknown = this.#original
    return isStream(body) ? (body.errored ?? undefined) : undefined
  }

  #watched(body: AsyncIterable<unknown> | Iterable<unknown>): AsyncIterable<unknown> {
    const note = () => {
      this.#hasThrown = true
    }
    return {
      async *[Symbol.asyncIterator]() {
        try {
          for await (const chunk of body) {
            assertChunk(chunk)
            yield chunk
          }
        } catch (error) {
          note()
          throw error
        }
      },
    }
  }
}

/** @throws DiscoveryError `invalid_option` for what is neither text nor bytes */
function assertChunk(chunk: unknown): void {
  if (typeof chunk === 'string' || ArrayBuffer.isView(chunk)) return
  const what = chunk === null || typeof chunk !== 'object' ? String(chunk) : tagOf(chunk)
  throw new DiscoveryError(
    'invalid_option',
    `the body has given ${what.slice(0, 100)}, which is neither text nor bytes`,
  )
}

/** A form or a blob, which gives its bytes as often as it is asked. */
function isStored(body: unknown): boolean {
  return ['FormData', 'Blob', 'File'].includes(tagOf(body))
}

/** What `Object.prototype.toString` says of a value, which is the same for the classes of every undici and realm. */
function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1)
}

function isTagged(value: unknown, tag: string): boolean {
  return typeof value === 'object' && value !== null && tagOf(value) === tag
}

/** What a stream of Node, or of a package that is like it, says of its state. */
interface StreamState {
  readonly destroyed?: boolean
  readonly readableEnded?: boolean
  readonly errored?: unknown
}

function isStream(body: unknown): body is StreamState {
  return typeof body === 'object' && body !== null && 'pipe' in body
}

/** True for generators and other iterables, which undici reads by itself; streams of Node tell their errors. */
function isIterable(body: unknown): body is AsyncIterable<unknown> | Iterable<unknown> {
  if (typeof body !== 'object' || body === null || body instanceof Readable) return false
  if (ArrayBuffer.isView(body) || isStored(body) || 'pipe' in body) return false
  return Symbol.asyncIterator in body || Symbol.iterator in body
}
