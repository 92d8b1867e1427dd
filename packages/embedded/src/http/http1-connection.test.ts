import { once } from 'node:events'
import { createServer as createHttpServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Http1Connection } from './http1-connection.ts'

/** A server whose started requests wait until the test answers them, and a client. */
async function open() {
  const started: ServerResponse[] = []
  const http = createHttpServer((request, response) => {
    request.resume()
    const connection = request.socket as unknown as Http1Connection
    connection.enqueue(response, () => void started.push(response))
  })
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    http.emit('connection', new Http1Connection(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  client.on('error', () => {})
  onTestFinished(async () => {
    for (const socket of [client, ...sockets]) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  await vi.waitFor(() => expect(sockets).toHaveLength(1))
  return { started, client, socket: sockets[0] as Socket }
}

const GET = 'GET /some/path HTTP/1.1\r\nHost: x\r\n\r\n'
const MANY = GET.repeat(100_000)

test('reads a bounded number of bytes while a request is in progress', async () => {
  const { started, client, socket } = await open()
  client.write(MANY)
  await vi.waitFor(() => expect(socket.isPaused()).toBe(true))
  expect(started).toHaveLength(1)
  expect(socket.bytesRead).toBeLessThan(256 * 1024)
})

test('starts the next request, and reads on, when the response before it is sent', async () => {
  const { started, client } = await open()
  let text = ''
  client.on('data', (chunk) => {
    text += chunk
  })
  const count = 1000
  client.write(GET.repeat(count))
  for (let turn = 1; turn <= count; turn += 1) {
    while (started.length < turn) await new Promise((resolve) => setImmediate(resolve))
    expect(started).toHaveLength(turn)
    started[turn - 1]?.end(`answer ${turn};`)
  }
  await vi.waitFor(() => expect(text.match(/answer \d+;/g)).toHaveLength(count))
})

test('reads on in the body of a request in progress', async () => {
  const { started, client, socket } = await open()
  const body = 'x'.repeat(3_000_000)
  client.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}${GET}`)
  await vi.waitFor(() => expect(socket.bytesRead).toBeGreaterThan(body.length))
  expect(started).toHaveLength(1)
  started[0]?.end()
  await vi.waitFor(() => expect(started).toHaveLength(2))
})

test.each([
  ['one request', 1],
  ['several requests', 3],
])('cancels a request of a client that ends its side behind %s', async (_, count) => {
  const { started, client } = await open()
  client.end(GET.repeat(count))
  await vi.waitFor(() => expect(started[0]?.closed).toBe(true))
  expect(started[0]?.writableFinished).toBe(false)
  await vi.waitFor(() => expect(client.resume().closed).toBe(true))
  expect(started).toHaveLength(1)
})

test('ends the connection behind a response that closes it', async () => {
  const { started, client } = await open()
  let text = ''
  client.on('data', (chunk) => {
    text += chunk
  })
  client.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  await vi.waitFor(() => expect(started).toHaveLength(1))
  started[0]?.end('y'.repeat(5_000_000))
  await once(client, 'close')
  expect(text).toHaveLength(text.indexOf('y') + 5_000_000)
})
