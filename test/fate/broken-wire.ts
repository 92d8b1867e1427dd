import { once } from 'node:events'
import { resetSocket } from '../support/reset-socket.ts'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** What happens to a connection at its byte. */
export type Break = 'reset' | 'close' | 'stall' | 'garble'

export interface BreakOptions {
  /** Whose bytes are counted. */
  readonly direction: 'toServer' | 'toClient'
  /** So many are handed on. */
  readonly afterBytes: number
  readonly how: Break
  /** Only the first connection breaks. */
  readonly isOnce: boolean
}

/** A wire to a server that breaks at one byte. */
export interface BrokenWire extends AsyncDisposable {
  readonly endpoint: string
  /** Resolves when a connection has come to its byte. */
  readonly broke: Promise<void>
  /** Bytes of the connection that carried most. */
  readonly carried: { toServer: number; toClient: number }
}

/** Without `options` it carries and counts. */
export async function startBrokenWire(target: string, options?: BreakOptions): Promise<BrokenWire> {
  const { hostname, port, protocol } = new URL(target)
  const carried = { toServer: 0, toClient: 0 }
  const broke = Promise.withResolvers<void>()
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((client) => {
    connections += 1
    const isWhole = options === undefined || (options.isOnce && connections > 1)
    const upstream = connect(Number(port), hostname)
    const both = [client, upstream]
    let isStalled = false
    const breakNow = (): void => {
      if (options?.how === 'stall') isStalled = true
      for (const socket of both) {
        if (options?.how === 'reset') resetSocket(socket)
        if (options?.how === 'close') socket.end()
      }
      broke.resolve()
    }
    const carry = (from: Socket, to: Socket, direction: 'toServer' | 'toClient'): void => {
      let seen = 0
      from.on('data', (bytes: Buffer) => {
        if (isStalled || to.destroyed) return
        const left = options?.afterBytes ?? 0
        const isHere =
          !isWhole && options?.direction === direction && seen <= left && left < seen + bytes.length
        if (isHere) {
          const at = left - seen
          if (options.how === 'garble') bytes[at] = bytes[at]! ^ 0x5a
          to.write(options.how === 'garble' ? bytes : bytes.subarray(0, at))
          breakNow()
        } else to.write(bytes)
        seen += bytes.length
        carried[direction] = Math.max(carried[direction], seen)
      })
    }
    for (const socket of both) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        for (const each of both) each.destroy()
      })
    }
    carry(client, upstream, 'toServer')
    carry(upstream, client, 'toClient')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    endpoint: `${protocol}//127.0.0.1:${(server.address() as AddressInfo).port}`,
    broke: broke.promise,
    carried,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
