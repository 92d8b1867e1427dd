import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { withoutOpenHandles } from './open-handles.ts'
import { startProxy, type TcpProxy } from './start-proxy.ts'
import { waitFor } from './wait-for.ts'

withoutOpenHandles()

let echo: EchoServer
let proxy: TcpProxy
const clients: Client[] = []

beforeEach(async () => {
  echo = await EchoServer.start()
  proxy = await startProxy({ target: echo.url })
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.destroy()
  await proxy.close()
  await echo.close()
})

describe('startProxy', () => {
  test('hands bytes on unchanged in both directions, however many, and counts them', async () => {
    const client = await dial()
    const sent = Buffer.alloc(5_000_000, 'livetree')
    client.socket.write(sent)
    await waitFor(() => client.received.length >= sent.length)
    expect(client.received.equals(sent)).toBe(true)
    expect(proxy.carriedBytes).toEqual({ toServer: sent.length, toClient: sent.length })
    expect([proxy.connections, proxy.accepted]).toEqual([1, 1])
  })

  test('listens where it is told to, beside another one on the same port', async () => {
    await using other = await startProxy({ target: echo.url, host: '127.0.0.2', port: proxy.port })
    expect(other.endpoint).toBe(`http://127.0.0.2:${proxy.port}`)
    await other.refuse()
    const client = await dial()
    client.socket.write('hello')
    await waitFor(() => client.text === 'hello')
    expect([proxy.accepted, other.accepted]).toEqual([1, 0])
  })

  test('passes the end of a connection on, after the bytes before it', async () => {
    const client = await dial()
    client.socket.end('last words')
    await waitFor(() => client.isClosed)
    expect(client.text).toBe('last words')
    await waitFor(() => proxy.connections === 0)
  })

  test('cutAll resets every open connection and lets new ones pass', async () => {
    const [first, second] = [await dial(), await dial()]
    proxy.cutAll()
    await waitFor(() => first.isClosed && second.isClosed)
    expect([first.error?.code, second.error?.code]).toEqual(['ECONNRESET', 'ECONNRESET'])
    expect(await (await dial()).ask('again')).toBe('again')
  })

  test.each(['toServer', 'toClient'] as const)(
    'strand loses all that goes %s over open connections',
    async (way) => {
      const client = await dial()
      expect(await client.ask('hello')).toBe('hello')
      const { toServer, toClient } = proxy.carriedBytes
      proxy.strand(way)
      client.socket.write('lost')
      expect(await (await dial()).ask('whole')).toBe('whole')
      const lostToServer = way === 'toServer' ? 0 : 4
      await waitFor(() => proxy.carriedBytes.toServer === toServer + 5 + lostToServer)
      expect([client.text, proxy.carriedBytes.toClient]).toEqual(['hello', toClient + 5])
      expect(client.isClosed).toBe(false)
    },
  )

  test('refuse refuses new connections and keeps open ones; accept ends it', async () => {
    const open = await dial()
    await proxy.refuse()
    await expect(dial()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(await open.ask('still here')).toBe('still here')
    await proxy.accept()
    expect(await (await dial()).ask('back')).toBe('back')
  })

  test('stall holds the bytes of one direction and flow lets them go on', async () => {
    const client = await dial()
    proxy.stall('toClient')
    client.socket.write('held')
    await waitFor(() => echo.received === 'held', { what: 'the server to have the bytes' })
    expect(client.text).toBe('')
    proxy.flow('toClient')
    await waitFor(() => client.text === 'held')

    proxy.stall('toServer')
    client.socket.write(' again')
    await waitFor(() => proxy.accepted === 1 && client.socket.bytesWritten === 10)
    expect(echo.received).toBe('held')
    proxy.flow('toServer')
    await waitFor(() => client.text === 'held again')
  })

  test('stall holds the end of a connection too', async () => {
    const client = await dial()
    await client.ask('hello')
    proxy.stall()
    echo.dropAll()
    await waitFor(() => echo.connections === 0)
    expect(client.isClosed).toBe(false)
    proxy.flow()
    await waitFor(() => client.isClosed)
  })

  test('delay hands bytes on that much later', async () => {
    const client = await dial()
    proxy.delay(60, 'toServer')
    proxy.delay(60, 'toClient')
    const started = performance.now()
    await client.ask('slow')
    expect(performance.now() - started).toBeGreaterThanOrEqual(115)
  })

  test('rechunk splits what arrives in one piece into pieces of at most that size', async () => {
    const client = await dial()
    await client.ask('ping')
    proxy.rechunk(1, 'toClient')
    client.pieces.length = 0
    client.socket.write('0123456789')
    await waitFor(() => client.text === 'ping0123456789')
    expect(client.pieces).toEqual([...'0123456789'])
    expect(() => proxy.rechunk(0)).toThrow(RangeError)
  })

  test('cutAfter cuts one connection after exactly that byte from the server, and no other', async () => {
    const client = await dial()
    await client.ask('1234')
    const cut = proxy.cutAfter(3)
    client.socket.write('abcdef')
    await cut
    await waitFor(() => client.isClosed)
    expect(client.text).toBe('1234abc')
    expect(await (await dial()).ask('a whole answer')).toBe('a whole answer')
  })

  test('dropReplies hands requests to the server and nothing back', async () => {
    const client = await dial()
    proxy.dropReplies()
    client.socket.write('unanswered')
    await waitFor(() => proxy.droppedBytes === 'unanswered'.length)
    expect(echo.received).toBe('unanswered')
    proxy.heal()
    expect(await client.ask('!')).toBe('!')
    expect(proxy.carriedBytes.toClient).toBe(1)
  })

  test('retarget sends new connections to another server and leaves open ones', async () => {
    const other = await EchoServer.start('other: ')
    const open = await dial()
    await open.ask('before')
    proxy.retarget(other.url)
    expect(await open.ask('old')).toBe('old')
    expect(await (await dial()).ask('new', 10)).toBe('other: new')
    proxy.cutAll()
    await other.close()
  })

  test('a target that is not there closes the client, and one that comes later serves the next', async () => {
    const gone = await EchoServer.start()
    await gone.close()
    proxy.retarget(gone.url)
    const client = await dial()
    await waitFor(() => client.isClosed)
    proxy.retarget(echo.url)
    expect(await (await dial()).ask('up')).toBe('up')
  })

  test('admit cuts the connection that sends something else', async () => {
    await using picky = await startProxy({
      target: echo.url,
      admit: (bytes) => bytes.toString() === 'please',
    })
    const [polite, rude] = [await dial(picky), await dial(picky)]
    expect(await polite.ask('please')).toBe('please')
    rude.socket.write('now')
    await waitFor(() => rude.isClosed)
    expect(echo.received).toBe('please')
  })
})

class Client {
  readonly pieces: string[] = []
  received = Buffer.alloc(0)
  isClosed = false
  error: NodeJS.ErrnoException | undefined
  readonly socket: Socket

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (bytes) => {
      this.pieces.push(bytes.toString())
      this.received = Buffer.concat([this.received, bytes])
    })
    socket.on('error', (error) => {
      this.error = error
    })
    socket.on('close', () => {
      this.isClosed = true
    })
  }

  get text(): string {
    return this.received.toString()
  }

  /** Sends words and gives back the next bytes, as many as were sent unless told otherwise. */
  async ask(words: string, answerBytes = words.length): Promise<string> {
    const from = this.received.length
    this.socket.write(words)
    await waitFor(() => this.received.length >= from + answerBytes, { what: `the answer to ${words}` })
    return this.received.subarray(from).toString()
  }
}

async function dial(to = proxy): Promise<Client> {
  const socket = connect({ port: to.port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  const client = new Client(socket)
  clients.push(client)
  return client
}

class EchoServer {
  received = ''
  url = ''
  readonly #server: Server
  readonly #open = new Set<Socket>()

  private constructor(prefix: string) {
    this.#server = createServer({ noDelay: true }, (socket) => {
      this.#open.add(socket)
      socket.on('close', () => this.#open.delete(socket))
      socket.on('error', () => {})
      socket.on('data', (bytes) => {
        this.received += bytes
        socket.write(Buffer.concat([Buffer.from(prefix), bytes]))
      })
    })
  }

  static async start(prefix = ''): Promise<EchoServer> {
    const echo = new EchoServer(prefix)
    echo.#server.listen(0, '127.0.0.1')
    await once(echo.#server, 'listening')
    const address = echo.#server.address()
    echo.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
    return echo
  }

  get connections(): number {
    return this.#open.size
  }

  dropAll(): void {
    for (const socket of this.#open) socket.resetAndDestroy()
  }

  async close(): Promise<void> {
    this.#server.close()
    this.dropAll()
    await once(this.#server, 'close')
  }
}
