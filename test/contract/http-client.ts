import { type OutgoingHttpHeaders, request } from 'node:http'
import { connect, type Socket } from 'node:net'

/** What came back for one request. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: string
}

export interface HttpQuestion {
  readonly method?: string
  readonly path: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | Buffer
}

/** One HTTP/1.1 request as it is, without redirects. */
export const ask = (
  endpoint: string,
  { method = 'POST', path, headers, body = '' }: HttpQuestion,
): Promise<HttpAnswer> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(endpoint)
    const sent = request({ hostname, port, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })

/** Sends a body to a stream of the gateway, and gives its lines until there are `count` or the response ends. */
export const linesOf = (endpoint: string, path: string, body: string, count: number): Promise<unknown[]> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(endpoint)
    const lines: unknown[] = []
    const sent = request({ hostname, port, method: 'POST', path, agent: false }, (response) => {
      let rest = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        const parts = (rest + chunk).split('\n')
        rest = parts.pop() ?? ''
        lines.push(...parts.filter((line) => line !== '').map((line) => JSON.parse(line) as unknown))
        if (lines.length >= count) sent.destroy()
      })
      response.on('close', () => resolve(lines))
    })
    sent.on('error', (error) => (lines.length >= count ? resolve(lines) : reject(error)))
    sent.end(body)
  })

/** Sends bytes on a connection of its own, and gives what comes until `isDone` or the end. */
export const talk = (
  endpoint: string,
  bytes: string | Buffer,
  isDone: (text: string) => boolean = () => false,
): Promise<string> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(endpoint)
    let text = ''
    const socket: Socket = connect(Number(port), hostname, () => socket.write(bytes))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (isDone(text)) socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
  })

const hidden = new Set([
  'cluster_id',
  'member_id',
  'raft_term',
  'leader',
  'raftIndex',
  'raftTerm',
  'raftAppliedIndex',
])
const hiddenToo = new Set(['version', 'dbSize', 'dbSizeInUse', 'hash', 'members', 'lease', 'ID'])

/** An answer without what differs between any two servers: ids, terms and sizes. */
export const normalized = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(normalized)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).map(([name, inner]) => [
    name,
    hidden.has(name) || hiddenToo.has(name) ? `some ${name}` : normalized(inner),
  ])
  return Object.fromEntries(entries)
}
