import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { Init, MessageType, Method } from '@livetree/etcd/wire'
import { expect } from 'vitest'
import { httpStatusOf } from '../../packages/embedded/src/http/http-status.ts'
import { JSON_PATHS } from '../../packages/embedded/src/http/json-paths.ts'
import { readJson } from '../../packages/embedded/src/json/read-json.ts'
import { jsonOf } from '../../packages/embedded/src/json/write-json.ts'
import { type CallClient, type CallStream, type Metadata, RawStatus } from './call-client.ts'

const defaultTimeoutMs = 15_000

const pathOf = (method: Method<never, never>): string => {
  for (const [path, route] of JSON_PATHS) if (route.method.path === method.path) return `/v3${path}`
  throw new Error(`The gateway has no path for ${method.path}`)
}

/** Headers as the gateway takes them: a token like that of a browser, gRPC's others under a prefix. */
const headersOf = ({ token, ...others }: Metadata = {}): Record<string, string> => ({
  'content-type': 'application/json',
  ...(token === undefined ? {} : { authorization: token }),
  ...Object.fromEntries(Object.entries(others).map(([name, value]) => [`grpc-metadata-${name}`, value])),
})

/** A message in JSON. The text must be what the writer of embedded makes of the message: fields, forms and their order. */
const messageOf = <Res>(type: MessageType<Res>, text: string): Res => {
  const message = type.decode(type.encode(readJson(type, Buffer.from(text))))
  expect(JSON.parse(jsonOf(type, message as Init<Res>))).toEqual(JSON.parse(text))
  const inOrder = JSON.stringify(JSON.parse(text))
  expect(JSON.stringify(JSON.parse(jsonOf(type, message as Init<Res>)))).toBe(inOrder)
  return message
}

interface ErrorBody {
  readonly code: number
  readonly message: string
}

/** The calls of a contract test as JSON, so that the same tests judge the gateway. Any server's gateway will do. */
export class JsonClient implements CallClient {
  readonly #endpoint: string
  readonly #agent = new Agent({ keepAlive: true })
  /** The HTTP status that the server's version has for a gRPC code, where it is another one than in etcd 3.5. */
  readonly #otherStatus: Readonly<Record<number, number>>

  constructor(endpoint: string, otherStatus: Readonly<Record<number, number>> = {}) {
    this.#endpoint = endpoint
    this.#otherStatus = otherStatus
  }

  async call<Req, Res>(method: Method<Req, Res>, message: Init<Req>, metadata?: Metadata): Promise<Res> {
    const sent = this.#request(method, metadata)
    sent.end(jsonOf(method.request, message))
    const response = await answerOf(sent)
    const text = await textOf(response)
    if (response.statusCode === 200) return messageOf(method.response, text)
    const { code, message: words } = JSON.parse(text) as ErrorBody
    expect(response.statusCode).toBe(this.#otherStatus[code] ?? httpStatusOf(code))
    throw new RawStatus(code, words, 'headers')
  }

  open<Req, Res>(method: Method<Req, Res>, metadata?: Metadata): CallStream<Req, Res> {
    return new JsonStream(method, this.#request(method, metadata))
  }

  async close(): Promise<void> {
    this.#agent.destroy()
  }

  #request<Req, Res>(method: Method<Req, Res>, metadata: Metadata | undefined): ClientRequest {
    return request(this.#endpoint + pathOf(method as Method<never, never>), {
      method: 'POST',
      headers: headersOf(metadata),
      agent: this.#agent,
    })
  }
}

const answerOf = (sent: ClientRequest): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    sent.on('response', resolve)
    sent.on('error', reject)
  })

const textOf = async (response: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** A stream of the gateway: objects one behind the other in the request, lines in the response. */
class JsonStream<Req, Res> implements CallStream<Req, Res> {
  readonly status: Promise<RawStatus>
  readonly #method: Method<Req, Res>
  readonly #sent: ClientRequest
  readonly #arrived: Res[] = []
  #rest = ''
  #error: RawStatus | undefined
  #end: Error | undefined
  #wake: (() => void) | undefined

  constructor(method: Method<Req, Res>, sent: ClientRequest) {
    this.#method = method
    this.#sent = sent
    sent.flushHeaders()
    this.status = answerOf(sent).then((response) => this.#read(response))
    const ended = (end: Error): void => {
      this.#end = end
      this.#wake?.()
    }
    this.status.then(ended, ended)
    sent.on('error', () => {})
  }

  send(message: Init<Req>): void {
    this.#sent.write(jsonOf(this.#method.request, message))
  }

  async next(timeoutMs = defaultTimeoutMs): Promise<Res> {
    if (this.#arrived.length === 0 && this.#end === undefined) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#wake = undefined
    }
    const message = this.#arrived.shift()
    if (message !== undefined) return message
    throw this.#end ?? new Error(`${this.#method.path} sent nothing within ${timeoutMs} ms`)
  }

  end(): void {
    this.#sent.end()
  }

  reset(): void {
    this.#sent.destroy()
  }

  async #read(response: IncomingMessage): Promise<RawStatus> {
    if (response.statusCode !== 200) {
      const { code, message } = JSON.parse(await textOf(response)) as ErrorBody
      return new RawStatus(code, message, 'headers')
    }
    response.setEncoding('utf8')
    for await (const chunk of response) this.#take(String(chunk))
    return this.#error ?? new RawStatus(0, '', 'trailers')
  }

  #take(chunk: string): void {
    const lines = (this.#rest + chunk).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) if (line !== '') this.#takeLine(line)
    if (lines.length > 0) this.#wake?.()
  }

  #takeLine(line: string): void {
    const { result, error } = JSON.parse(line) as { result?: unknown; error?: Record<string, unknown> }
    if (error === undefined) {
      this.#arrived.push(messageOf(this.#method.response, JSON.stringify(result)))
    } else {
      const code = Number(error.code ?? error.grpc_code)
      this.#error = new RawStatus(code, String(error.message), 'trailers')
    }
  }
}
