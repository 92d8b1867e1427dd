import { STATUS_CODES } from 'node:http'
import type { Init } from '@livetree/etcd/wire'
import { larger, MAX_MESSAGE_BYTES } from '../grpc/message-size.ts'
import type { ServerCall } from '../grpc/service.ts'
import { statusOf } from '../grpc/status-headers.ts'
import { JsonError } from '../json/json-error.ts'
import { JsonValues } from '../json/json-values.ts'
import { readJson } from '../json/read-json.ts'
import { jsonOf } from '../json/write-json.ts'
import { httpStatusOf } from './http-status.ts'
import { headerOf, type HttpRequest, type HttpResponse } from './http-exchange.ts'
import type { JsonRoute } from './json-paths.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
/** The gateway of etcd passes on this header of its own gRPC call. */
const ANSWER_HEADERS = { ...JSON_TYPE, 'grpc-metadata-content-type': 'application/grpc' }

const EMPTY_OBJECT = Buffer.from('{}')

/** Receives what a request's body consists of. */
interface ValueHandlers {
  onValue(value: Buffer): void
  /** The body is not JSON, or a value is refused by `onValue`. Called at most once. */
  onError(error: unknown): void
  /** The body has ended, readable or not. */
  onEnd(): void
}

/**
 * One call as JSON over HTTP. A unary call is answered with the object itself; a stream with a line for each message,
 * `{"result":…}`, or `{"error":…}` for the status that ends it.
 */
export class JsonCall implements ServerCall {
  readonly requiresLeader: boolean
  readonly #request: HttpRequest
  readonly #response: HttpResponse
  readonly #route: JsonRoute
  #isOver = false

  constructor(request: HttpRequest, response: HttpResponse, route: JsonRoute) {
    this.#request = request
    this.#response = response
    this.#route = route
    this.requiresLeader = headerOf(request, 'grpc-metadata-hasleader') === 'true'
    // A client that goes away is noticed by the response's `close`.
    request.on('error', () => {})
    response.on('error', () => {})
    response.on('close', () => {
      this.#isOver = true
    })
    // Requests of a client that does not read its responses are not read either: see `send`.
    response.on('drain', () => request.resume())
  }

  read(onMessage: (message: unknown, bytes: number) => void, onEnd: () => void): void {
    if (!this.#route.takesMany) {
      this.readOne((message, bytes) => {
        onMessage(message, bytes)
        onEnd()
      })
      return
    }
    let isFirst = true
    this.#readValues({
      onValue: (value) => {
        const [message, bytes] = this.#decode(value)
        isFirst = false
        onMessage(message, bytes)
      },
      onEnd,
      // As in etcd, text behind the first message that is no message ends what the client sends, and nothing else.
      onError: (error) => {
        if (isFirst || !(error instanceof JsonError)) this.fail(error)
        else onEnd()
      },
    })
  }

  /** A request without a body is an empty message. It is answered when its body has ended. */
  readOne(onMessage: (message: unknown, bytes: number) => void): void {
    let first: Buffer | undefined
    let failure: unknown
    this.#readValues({
      onValue: (value) => {
        first ??= value
      },
      onError: (error) => {
        failure = error
      },
      onEnd: () => {
        if (first === undefined && failure !== undefined) this.fail(failure)
        else this.#attempt(() => onMessage(...this.#decode(first ?? EMPTY_OBJECT)))
      },
    })
  }

  onDrain(listener: () => void): void {
    this.#response.on('drain', () => this.#attempt(listener))
  }

  onClose(listener: () => void): void {
    this.#response.on('close', listener)
  }

  send(message: Init<unknown>): boolean {
    if (this.#isOver) return true
    const line = `{"result":${jsonOf(this.#route.method.response, message)}}\n`
    this.#open()
    const hasRoom = this.#response.write(line)
    if (!hasRoom) this.#request.pause()
    return hasRoom
  }

  answer(message: Init<unknown>): void {
    if (this.#isOver) return
    this.#finish(200, ANSWER_HEADERS, jsonOf(this.#route.method.response, message))
  }

  end(): void {
    if (this.#isOver) return
    this.#open()
    this.#close()
  }

  fail(cause: unknown): void {
    if (this.#isOver) return
    const { code, message } = statusOf(cause)
    const status = httpStatusOf(code)
    if (this.#response.headersSent) {
      const http = { http_code: status, http_status: STATUS_CODES[status] }
      const error = { grpc_code: code, ...http, message, code }
      this.#response.write(`${JSON.stringify({ error })}\n`)
      this.#close()
    } else {
      this.#finish(status, JSON_TYPE, JSON.stringify({ error: message, code, message }))
    }
  }

  reset(): void {
    this.#isOver = true
    this.#response.destroy()
  }

  /** Reads the values of the body. Once one is unreadable, only its end is still waited for. */
  #readValues({ onValue, onError, onEnd }: ValueHandlers): void {
    const values = new JsonValues((value) => {
      if (!this.#isOver) onValue(value)
    })
    let isReadable = true
    const read = (work: () => void): void => {
      if (!isReadable || this.#isOver) return
      try {
        work()
      } catch (error) {
        isReadable = false
        onError(error)
      }
    }
    this.#request.on('data', (chunk: Buffer) => read(() => values.push(chunk)))
    this.#request.on('end', () => {
      read(() => values.end())
      if (!this.#isOver) onEnd()
    })
  }

  /** Runs work whose exception fails this call and nothing else. */
  #attempt(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.fail(error)
    }
  }

  /** The message of a value and its size in protobuf, which etcd's limits are about. */
  #decode(value: Buffer): [message: unknown, bytes: number] {
    const { request } = this.#route.method
    const bytes = request.encode(readJson(request, value))
    if (bytes.length > MAX_MESSAGE_BYTES) throw larger(bytes.length)
    return [request.decode(bytes, 'clamp'), bytes.length]
  }

  #open(): void {
    if (!this.#response.headersSent) this.#response.writeHead(200, ANSWER_HEADERS)
  }

  #finish(status: number, headers: Readonly<Record<string, string>>, body: string): void {
    this.#response.writeHead(status, { ...headers, 'content-length': String(Buffer.byteLength(body)) })
    this.#close(body)
  }

  /** Ends the response, and discards what is left of the request. */
  #close(body = ''): void {
    this.#isOver = true
    this.#response.end(body)
    this.#request.resume()
  }
}
